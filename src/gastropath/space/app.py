"""The page with the model beside this file, for ``streamlit run app.py``; the image runs ``gastropath app``."""

from pathlib import Path

import streamlit as st

from gastropath.app.server import parts

app = st.App(**parts(Path(__file__).with_name("model")))
