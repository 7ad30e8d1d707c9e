"""The Streamlit page: tiles, a region, and the model itself, each in a tab.

``script.py`` runs it for every visit and every click; uploads stay in memory.
"""

from __future__ import annotations

import logging
from html import escape
from pathlib import Path

import streamlit as st

from gastropath.app.about import show_about
from gastropath.app.answer import title
from gastropath.app.examples import Example, read_examples
from gastropath.app.markup import plain
from gastropath.app.region import show_region
from gastropath.app.tiles import show_tiles
from gastropath.errors import BadBundle, CannotReadTable
from gastropath.inference.classifier import Classifier
from gastropath.report.notices import RESEARCH_USE, model_notices
from gastropath.report.wording import count
from gastropath.results.card import Card

_TABS = ("Tiles", "Map a region", "About this model")

_log = logging.getLogger(__name__)


@st.cache_resource(show_spinner="Loading the model …")
def load_model(folder: str) -> Classifier:
    """Load a model once for all visitors."""
    return Classifier.load(folder)


@st.cache_resource(show_spinner=False)
def load_examples(folder: str, classes: tuple[str, ...]) -> list[Example]:
    """Read the example tiles once for all visitors."""
    return read_examples(Path(folder), classes)


def main(model: str, examples: str) -> None:
    """Show the page.

    Parameters
    ----------
    model
        Folder of a bundle, or of a run.
    examples
        Folder of example tiles.
    """
    st.set_page_config(page_title="GastroPath", page_icon="🔬", layout="wide")
    st.html(Path(__file__).with_name("page.css"))
    st.title("GastroPath", anchor=False)
    try:
        classifier = load_model(model)
        tiles = load_examples(examples, classifier.classes)
    except (BadBundle, CannotReadTable) as error:
        _log.error("%s", error)  # not for visitors: it names folders of this computer
        st.error("The model cannot be loaded; the log of the server says why.", icon="⚠️")
        st.stop()
    _introduction(classifier.card)
    of_tiles, of_region, of_model = st.tabs(_TABS, on_change="rerun", key="tab")
    with of_tiles:
        show_tiles(classifier, tiles)
    with of_region:
        show_region(classifier)
    if of_model.open:
        with of_model:
            show_about(classifier.card)


def _introduction(card: Card) -> None:
    doubts = ", or with “not sure” and why" if card.abstention or card.domain else ""
    st.markdown(
        f"Which tissue does an H&E picture show? This page answers with one of {len(card.classes)} classes{doubts}."
    )
    for notice in model_notices(card):
        st.warning(plain(notice), icon="⚠️")
    st.info(RESEARCH_USE, icon="ℹ️")
    with st.expander(f"The {len(card.classes)} classes, and what confidence means"):
        entries = (
            f'<li><span class="gp-swatch" style="background-color:{entry.color}"></span>{escape(title(entry))}</li>'
            for entry in card.classes
        )
        st.html(f'<ul class="gp-classes">{"".join(entries)}</ul>')
        if card.calibration.method == "none":
            st.markdown("Confidence is the model's own and not calibrated: 90% does not mean right nine times in ten.")
        else:
            st.markdown(
                f"Confidence is calibrated on {count(card.calibration.n, 'tile')}: on tiles like those, 90% should "
                f"mean right nine times in ten. How far that held on others stands under “{_TABS[2]}”."
            )
