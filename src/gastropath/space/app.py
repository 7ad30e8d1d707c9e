"""The page with the model beside this file, for ``streamlit run app.py``; the image runs ``gastropath app``."""

from pathlib import Path

import streamlit as st

from gastropath.app.server import parts

here = Path(__file__).parent
app = st.App(**parts(here / "model", here / "examples"))
