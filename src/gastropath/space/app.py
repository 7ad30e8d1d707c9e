"""GastroPath's page with the model beside this file: ``streamlit run app.py`` or ``python app.py``.

The image starts the same page by ``gastropath app``.
"""

from pathlib import Path

import streamlit as st

from gastropath.app.server import parts

here = Path(__file__).parent
app = st.App(**parts(here / "model", here / "examples"))

if __name__ == "__main__":
    app.run()
