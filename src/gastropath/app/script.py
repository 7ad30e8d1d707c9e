"""What Streamlit runs for every visit and every click: the page, with what this server serves."""

import streamlit as st

from gastropath.app.page import main
from gastropath.app.server import EXAMPLES, MODEL

main(st.secrets[MODEL], st.secrets[EXAMPLES])
