"""The tab that maps a large picture: the tissue map of ``gastropath slide``, made in memory."""

from __future__ import annotations

import logging
from html import escape

import streamlit as st

from gastropath.app.answer import MAX_PIXELS, title
from gastropath.app.decoders import read_picture, read_spacing
from gastropath.app.limits import in_turn, not_taken
from gastropath.app.markup import table_of_rows
from gastropath.app.tiles import TYPES
from gastropath.errors import CannotReadImage, CannotReadSlide, CannotReadSpacing
from gastropath.formats import FORMAT_NAMES
from gastropath.inference.classifier import Classifier
from gastropath.progress import Progress
from gastropath.report.wording import count
from gastropath.results.summary import SlideSummary
from gastropath.slides.mapping import PictureMap, map_picture
from gastropath.slides.source.spacing import Spacing
from gastropath.slides.writers.legend import ABSTAINED_COLOUR, abstained_name

_log = logging.getLogger(__name__)


def show_region(classifier: Classifier) -> None:
    """Show the tab."""
    model = classifier.card.input
    field = model.tile_px * model.mpp
    file = st.file_uploader(
        f"One picture of tissue, larger than a tile of {field:g} µm ({FORMAT_NAMES})",
        type=TYPES,
        key="region",
        help=f"At most {MAX_PIXELS // 1_000_000} million pixels. It stays in the memory of the computer that runs this "
        "page. Whole slides are mapped by the command gastropath slide.",
    )
    if file is None:
        st.session_state.pop("map", None)
        st.session_state.pop("stated", None)
        st.markdown(
            f"The picture is cut into tiles of {field:g} × {field:g} µm, each is classified, and the map shows "
            "the tissue with areas and shares."
        )
        return
    data = file.getvalue()
    if reason := not_taken(data):
        st.error(reason, icon="⚠️")
        return
    mpp = _resolution(file.file_id, data)
    if mpp is None:
        return
    mask = not st.checkbox("Classify empty glass, pen marks and dark borders too")
    key = (file.file_id, mpp, mask)
    if st.session_state.get("map", (None, None))[0] != key:
        with st.spinner("Mapping; one picture at a time, so this may wait for another visitor's …"):
            bar = st.progress(0.0)

            def show(what: str, done: int, total: int) -> None:
                bar.progress(done / total)

            found = _mapped(classifier, file.name, data, mpp, mask, show)
            bar.empty()
        st.session_state["map"] = (key, found)
    found = st.session_state["map"][1]
    if isinstance(found, str):
        st.error(found, icon="⚠️")
    else:
        _show(classifier, found)


def _resolution(upload: str, data: bytes) -> float | None:
    """Return the micrometres per pixel that the picture or else the visitor states; ``None`` where neither does yet."""
    if st.session_state.get("stated", (None, None))[0] != upload:  # read once, not for every click
        st.session_state["stated"] = (upload, _stated(data))
    stated = st.session_state["stated"][1]
    if isinstance(stated, str):
        st.error(stated, icon="⚠️")
        return None
    if stated is not None and stated.x == stated.y:
        st.caption(f"{stated.x:.4g} µm per pixel, from the {stated.source} of the file.")
        return stated.x
    given = st.number_input(
        "Micrometres per pixel (the file does not state them)",
        min_value=0.05,
        max_value=20.0,
        value=None,
        step=0.05,
        format="%.4f",
        placeholder="e.g. 0.5",
        help="About 0.25 for a picture taken at 40x, 0.5 at 20x, 1 at 10x. A wrong value gives wrong tissue and areas.",
    )
    if given is None:
        st.info(
            "How many micrometres is a pixel of this picture wide? Usual values are 0.25 (40x), 0.5 (20x) and 1 (10x); "
            "the software of the scanner or microscope shows it.",
            icon="ℹ️",
        )
    return given


def _stated(data: bytes) -> Spacing | str | None:
    try:
        return read_spacing(data)
    except (CannotReadImage, CannotReadSlide) as error:
        return _not_read(error)


def _not_read(error: CannotReadImage | CannotReadSlide) -> str:
    return f"The file {error.reason}. Upload one picture as PNG, JPEG, TIFF, WebP, BMP or JPEG 2000."


@in_turn
def _mapped(
    classifier: Classifier, name: str, data: bytes, mpp: float, mask: bool, progress: Progress
) -> PictureMap | str:
    """Map a picture, or say why there is no map. Never raises: a file must not break the page."""
    try:
        picture = read_picture(data, name, mpp, MAX_PIXELS)
        return map_picture(picture, classifier, mask=mask, progress=progress)
    except CannotReadSpacing as error:
        return f"The picture cannot be mapped: {error.reason}"
    except (CannotReadImage, CannotReadSlide) as error:
        return _not_read(error)
    except Exception:
        _log.exception("a picture could not be mapped")
        return "The file cannot be read as a picture."


def _show(classifier: Classifier, found: PictureMap) -> None:
    tiles, stroma = found.summary.tiles, found.summary.tumour_stroma
    left, right = st.columns([3, 2])
    with left:
        st.image(found.shown, width="stretch", alt=f"Tissue map. {_in_words(found.summary)}")
    with right:
        st.html(_legend(classifier, found.summary))
        if stroma.stroma_share is not None:
            st.caption(f"Stroma share {stroma.stroma_share:.0%}: {stroma.definition}.")
        left_out = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in tiles.left_out.items())
        st.caption(
            f"{count(tiles.in_grid, 'tile')}, {tiles.classified:,} classified"
            + (f"; left out: {left_out}" if left_out else "")
            + ". Areas are those of tiles, not of cells."
        )
    types = {"png": "image/png", "csv": "text/csv", "json": "application/json", "geojson": "application/geo+json"}
    with st.container(horizontal=True):
        for name, content in found.files.items():
            st.download_button(name, content, name, types[name.rpartition(".")[2]], on_click="ignore", key=name)


def _legend(classifier: Classifier, summary: SlideSummary) -> str:
    areas, shares, tiles = summary.area_mm2, summary.share_of_answered_area, summary.tiles
    rows = [
        (entry.color, title(entry), tiles.accepted[entry.code], areas.classes[entry.code], shares[entry.code])
        for entry in classifier.card.classes
    ]
    rows.append((ABSTAINED_COLOUR, abstained_name(classifier.classes), tiles.abstained, areas.abstained, None))
    body = "".join(
        f'<tr><th scope="row"><span class="gp-swatch" style="background-color:{color}"></span>{escape(name)}</th>'
        f"<td>{n:,}</td><td>{area:.3f}</td><td>{'–' if share is None else f'{share:.1%}'}</td></tr>"
        for color, name, n, area, share in rows
    )
    return table_of_rows(["tissue", "tiles", "mm²", "share of accepted area"], body)


def _in_words(summary: SlideSummary) -> str:
    shares = sorted(((share or 0, code) for code, share in summary.share_of_answered_area.items()), reverse=True)
    named = ", ".join(f"{code} {share:.0%}" for share, code in shares if share)
    return f"Of the accepted area: {named}." if named else "No tissue was accepted."
