"""The tab that classifies tiles: uploads and examples in, a card each, a table and downloads of all."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from gastropath.app.answer import AT_ONCE, MAX_PIXELS, Answer, Upload, answers, title
from gastropath.app.examples import Example
from gastropath.app.markup import plain
from gastropath.formats import FORMAT_NAMES, SUFFIXES
from gastropath.inference.classifier import Classifier
from gastropath.results.card import Card
from gastropath.results.predictions import Predictions
from gastropath.tables import write_rows

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MAX_FILES = 60
"""Answered at a time."""

TYPES = tuple(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))

_COLUMNS = 3
_NEVER_CERTAIN = 0.9999
_EXAMPLE_PX = 96


def show_tiles(classifier: Classifier, examples: Sequence[Example]) -> None:
    """Show the tab.

    Parameters
    ----------
    classifier
        The model.
    examples
        Tiles for a visitor with nothing at hand.
    """
    side, mpp = classifier.tile_px, classifier.card.input.mpp
    files = st.file_uploader(
        f"Tiles of about {side} × {side} px at {mpp:g} µm/px ({FORMAT_NAMES})",
        type=TYPES,
        accept_multiple_files=True,
        key="tiles",
        help=f"At most {MAX_FILES} files of {MAX_PIXELS // 1_000_000} million pixels. Files stay in the memory of the "
        "computer that runs this page, and are forgotten when you remove them or leave.",
    )
    if len(files) > MAX_FILES:
        st.warning(f"{len(files)} files were uploaded; the first {MAX_FILES} are answered.", icon="⚠️")
    uploads: dict[str, Callable[[], Upload]] = {file.file_id: partial(_uploaded, file) for file in files[:MAX_FILES]}
    for example in _chosen(examples):
        uploads[f"example {example.name}"] = partial(Upload, example.name, example.data, example.told)
    known: dict[str, Answer] = st.session_state.get("answers", {})
    st.session_state["answers"] = shown = {key: known[key] for key in uploads if key in known}
    if not uploads:
        return
    above = st.container()
    _fade()
    new = [key for key in uploads if key not in shown]
    cards = dict(zip(uploads, _places(len(uploads)), strict=True))
    for key, answer in shown.items():
        cards[key].html(answer)
    # Streamlit runs the page anew for every click; answers are computed once, and shown as they come.
    for first in range(0, len(new), AT_ONCE):
        some = new[first : first + AT_ONCE]
        for key, found in zip(some, answers(classifier, [uploads[key]() for key in some]), strict=True):
            shown[key] = found
            cards[key].html(found)
    with above if len(uploads) > _COLUMNS else st.container():  # above cards that fill more than a screen
        _together(classifier, [shown[key] for key in uploads])


def _uploaded(file: UploadedFile) -> Upload:
    return Upload(file.name, file.getvalue())


def _chosen(examples: Sequence[Example]) -> list[Example]:
    """Offer the examples, and return those that were clicked."""
    if not examples:
        return []
    chosen: list[str] = st.session_state.setdefault("examples", [])
    has_files = bool(st.session_state.get("tiles"))
    offered = st.expander(
        "Example tiles" if has_files else "Nothing at hand? Try an example tile",
        expanded=not has_files,
        key=f"examples {'beside files' if has_files else 'alone'}",
        on_change="rerun",
    )
    if offered.open:  # otherwise eight pictures and buttons need not be sent at every click
        with offered:
            _offer(examples, chosen)
    return [example for example in examples if example.name in chosen]


def _offer(examples: Sequence[Example], chosen: list[str]) -> None:
    """Show the examples with a button each; those that are clicked are noted."""
    st.caption(plain(examples[0].source))
    with st.container(horizontal=True):
        for example in examples:
            with st.container(width=_EXAMPLE_PX):
                st.html(example)
                if st.button(
                    f"Try {plain(example.label)}", key=f"try {example.name}", type="tertiary", width="stretch"
                ):
                    chosen.append(example.name)
    if chosen and st.button("Remove the examples"):
        chosen.clear()


def _places(count: int) -> list:
    """Return a place for each card; a new row every few, so that a phone shows them in their order too."""
    places = []
    for i in range(count):
        if i % _COLUMNS == 0:
            columns = st.columns(_COLUMNS)
        with columns[i % _COLUMNS], st.container(border=True):  # pyright: ignore[reportPossiblyUnboundVariable]
            places.append(st.empty())
    return places


@st.fragment
def _fade() -> None:
    """Let the visitor fade in all heat maps; only this part of the page runs anew."""
    strength = st.slider(
        "Fade in the heat maps: where a tile speaks for its class",
        0, 100, 0, 5, format="%d%%",
        help="Blue: little evidence; yellow and white: most. It shows what the model looked at, not what is right.",
    )  # fmt: skip
    st.html(f"<style>.gp-heat {{ opacity: {strength / 100} }}</style>")


def _together(classifier: Classifier, all_of_them: Sequence[Answer]) -> None:
    """Show all answers in one table, and offer them as files."""
    predictions = Predictions.joined([answer.prediction for answer in all_of_them], classifier.classes)
    names = [answer.name for answer in all_of_them]
    if len(all_of_them) > 1:
        st.html('<h2 class="gp-together">All results</h2>')
        st.dataframe(
            shown_columns(classifier.card, names, predictions),
            hide_index=True,
            column_config={"Confidence": st.column_config.NumberColumn(format="percent")},
            placeholder="–",
            alt="File, tissue, confidence, decision and reason of every tile",
        )
    with st.container(horizontal=True):
        st.download_button(
            "Download CSV", table_bytes(names, predictions), "gastropath.csv", "text/csv", on_click="ignore"
        )
        st.download_button(
            "Download JSON",
            document_bytes(classifier.card, names, predictions),
            "gastropath.json",
            "application/json",
            on_click="ignore",
        )


def shown_columns(card: Card, names: Sequence[str], predictions: Predictions) -> dict[str, list]:
    """Return the columns of the table on the page; tissue is only where the model stands by it, as on the cards."""
    titles = {entry.code: title(entry) for entry in card.classes}
    decisions = predictions.decisions
    named = [
        titles.get(label, "") if d == "accepted" else "" for label, d in zip(predictions.labels, decisions, strict=True)
    ]
    return {
        "File": list(names),
        "Tissue": named,
        "Confidence": [
            min(round(float(c), 4), _NEVER_CERTAIN) if d != "refused" and not unlike else None
            for c, d, unlike in zip(predictions.confidence, decisions, predictions.is_out_of_distribution, strict=True)
        ],
        "Decision": [{"abstained": "not sure"}.get(d, d) for d in decisions],
        "Reason": predictions.details,
    }


def table_bytes(names: Sequence[str], predictions: Predictions) -> bytes:
    """Return answers as CSV, with the columns of ``gastropath predict``."""
    text = io.StringIO()
    write_rows(text, predictions.columns(predictions.classes), predictions.rows(names))
    return text.getvalue().encode("utf-8", "replace")


def document_bytes(card: Card, names: Sequence[str], predictions: Predictions) -> bytes:
    """Return answers as JSON, with the model they are of."""
    document = {
        "model": {"name": card.name, "graph_sha256": card.files.get("model.tflite", ""), "source": card.source},
        "note": "For research and education only.",
        "answers": list(predictions.documents(names)),
    }
    return json.dumps(document, indent=2, allow_nan=False).encode()
