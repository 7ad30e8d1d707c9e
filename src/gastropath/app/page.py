"""The Streamlit page: upload tiles, see tissue, confidence and probabilities.

``script.py`` runs it for every visit; uploads stay in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from gastropath.app.answer import MAX_PIXELS, answer, title
from gastropath.bundle.card import Card
from gastropath.errors import BadBundle
from gastropath.inference.classifier import Classifier
from gastropath.page import RESEARCH_USE, SYNTHETIC_MODEL

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MAX_FILES = 60  # answered at a time

_TYPES = ["png", "jpg", "jpeg", "tif", "tiff"]
_COLUMNS = 3

_log = logging.getLogger(__name__)


@st.cache_resource(show_spinner="Loading the model …")
def load_model(folder: str) -> Classifier:
    """Load a model once for all visitors."""
    return Classifier.load(folder)


def main(model: str) -> None:
    """Show the page.

    Parameters
    ----------
    model
        Folder of a bundle, or of a run.
    """
    st.set_page_config(page_title="GastroPath", page_icon="🔬", layout="wide")
    st.html(Path(__file__).with_name("answer.css"))
    st.title("GastroPath", anchor=False)
    try:
        classifier = load_model(model)
    except BadBundle as error:
        _log.error("%s", error)  # not for visitors: it names folders of this computer
        st.error("The model cannot be loaded; the log of the server says why.", icon="⚠️")
        st.stop()
    if classifier.card.training_data.synthetic:
        st.warning(SYNTHETIC_MODEL, icon="⚠️")
    st.info(RESEARCH_USE, icon="ℹ️")
    _introduction(classifier.card)
    uploads = st.file_uploader(
        "Tiles (PNG, JPEG or TIFF)",
        type=_TYPES,
        accept_multiple_files=True,
        help=f"At most {MAX_FILES} files of {MAX_PIXELS // 1_000_000} million pixels. Files stay in the memory of the "
        "computer that runs this page, and are forgotten when you remove them or leave.",
    )
    if len(uploads) > MAX_FILES:
        st.warning(f"{len(uploads)} files were uploaded; the first {MAX_FILES} are answered.", icon="⚠️")
    _answers(classifier, {upload.file_id: upload for upload in uploads[:MAX_FILES]})


def _introduction(card: Card) -> None:
    side = card.input.tile_px
    doubts = " or with “not sure” and why" if card.abstention or card.domain else ""
    st.markdown(
        f"Which tissue does a tile show? Upload H&E tiles of about {side} × {side} px at {card.input.mpp:g} µm/px; "
        f"each is answered with one of {len(card.classes)} classes{doubts}."
    )
    with st.expander(f"The {len(card.classes)} classes, and what confidence means"):
        st.html(f"<ul>{''.join(f'<li>{escape(title(entry))}</li>' for entry in card.classes)}</ul>")
        if card.calibration.method == "none":
            st.markdown("Confidence is the model's own and not calibrated: 90% does not mean right nine times in ten.")
        else:
            st.markdown("Confidence is calibrated: on tiles like those of its training, 90% means right 9 times in 10.")


def _answers(classifier: Classifier, uploads: Mapping[str, UploadedFile]) -> None:
    """Show an answer for each upload. Streamlit runs the page anew for every click; answers are computed once."""
    known: dict[str, str] = st.session_state.get("answers", {})
    st.session_state["answers"] = shown = {}
    columns = []
    for i, (key, upload) in enumerate(uploads.items()):
        if i % _COLUMNS == 0:
            columns = st.columns(_COLUMNS)  # a new row, so that a phone shows the files in their order too
        with columns[i % _COLUMNS], st.container(border=True):
            shown[key] = known.get(key) or answer(classifier, upload.name, upload.getvalue())
            st.html(shown[key])
