"""What Streamlit runs for every visit and every click: the page, with the model that this server serves."""

import streamlit as st

from gastropath.app.page import main
from gastropath.app.server import MODEL

main(st.secrets[MODEL])
