"""The tab that maps a large picture: the tissue map of ``gastropath slide``, made in memory."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from gastropath.app.answer import MAX_PIXELS, title
from gastropath.app.limits import in_turn, not_taken
from gastropath.app.markup import table_of_rows
from gastropath.app.tiles import TYPES
from gastropath.errors import CannotReadImage, CannotReadSlide, CannotReadSpacing
from gastropath.images import encode_png
from gastropath.inference.classifier import Classifier
from gastropath.progress import Progress
from gastropath.slides.overlay import draw_map, draw_overlay
from gastropath.slides.picture import open_picture, picture_spacing
from gastropath.slides.region import map_region
from gastropath.slides.tables import NOT_SURE, NOT_SURE_COLOUR, Totals, geojson, summary, tile_columns, tile_rows
from gastropath.tables import write_rows

_SHOWN_PX = 1200

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TissueMap:
    """What the page keeps of a region: the map, and the files to download."""

    picture: np.ndarray
    summary: dict[str, Any]
    files: dict[str, bytes]


def show_region(classifier: Classifier) -> None:
    """Show the tab."""
    model = classifier.card.input
    field = model.tile_px * model.mpp
    file = st.file_uploader(
        f"One picture of tissue, larger than a tile of {field:g} µm (PNG, JPEG, TIFF or WebP)",
        type=TYPES,
        key="region",
        help=f"At most {MAX_PIXELS // 1_000_000} million pixels. It stays in the memory of the computer that runs this "
        "page. Whole slides are mapped by the command gastropath slide.",
    )
    if file is None:
        st.session_state.pop("map", None)
        st.markdown(
            f"The picture is cut into tiles of {field:g} × {field:g} µm, each is classified, and the map shows "
            "the tissue with areas and shares."
        )
        return
    data = file.getvalue()
    if reason := not_taken(data):
        st.error(reason, icon="⚠️")
        return
    mpp = _resolution(data)
    if mpp is None:
        return
    everything = st.checkbox("Classify empty glass, pen marks and dark borders too")
    key = (file.file_id, mpp, everything)
    if st.session_state.get("map", (None, None))[0] != key:
        with st.spinner("Mapping; one picture at a time, so this may wait for another visitor's …"):
            bar = st.progress(0.0)

            def show(what: str, done: int, total: int) -> None:
                bar.progress(done / total)

            found = _mapped(classifier, file.name, data, mpp, everything, show)
            bar.empty()
        st.session_state["map"] = (key, found)
    found = st.session_state["map"][1]
    if isinstance(found, str):
        st.error(found, icon="⚠️")
    else:
        _show(classifier, found)


def _resolution(data: bytes) -> float | None:
    """Return the micrometres per pixel that the picture or else the visitor tells; ``None`` where neither does yet."""
    try:
        told = picture_spacing(data)
    except CannotReadSpacing:
        told = None
    except (CannotReadImage, CannotReadSlide) as error:
        st.error(f"The file {error}. Upload one picture as PNG, JPEG, TIFF or WebP.", icon="⚠️")
        return None
    if told is not None and told.x == told.y:
        st.caption(f"{told.x:.4g} µm per pixel, from the {told.source} of the file.")
        return told.x
    given = st.number_input(
        "Micrometres per pixel (the file does not tell)",
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
            "How many micrometres is a pixel of this picture wide? Usual are 0.25 (40x), 0.5 (20x) and 1 (10x); the "
            "scanner's or the microscope's software tells.",
            icon="ℹ️",
        )
    return given


@in_turn
def _mapped(
    classifier: Classifier, name: str, data: bytes, mpp: float, everything: bool, progress: Progress
) -> TissueMap | str:
    """Map a picture, or say why there is no map. Never raises: a file must not break the page."""
    try:
        picture = open_picture(data, name, mpp, max_pixels=MAX_PIXELS)
        region = map_region(picture, classifier, everything=everything, progress=progress)
    except CannotReadSpacing as error:
        return f"The picture cannot be mapped: {error}"
    except (CannotReadImage, CannotReadSlide) as error:
        return f"The file {error}. Upload one picture as PNG, JPEG, TIFF or WebP."
    except Exception:
        _log.exception("a picture could not be mapped")
        return "The file cannot be read as a picture."
    totals = Totals.of(region)
    document = summary(region, totals)
    rows = io.StringIO()
    write_rows(rows, tile_columns(region.card), tile_rows(region))
    files = {
        "overlay.png": encode_png(draw_overlay(region, totals)),
        "tissue.png": encode_png(region.mask.picture(region.slide)),
        "tiles.csv": rows.getvalue().encode(),
        "tiles.geojson": "".join(geojson(region)).encode(),
        "summary.json": json.dumps(document, indent=2, allow_nan=False).encode(),
    }
    return TissueMap(draw_map(region, _SHOWN_PX)[0], document, files)


def _show(classifier: Classifier, found: TissueMap) -> None:
    tiles = found.summary["tiles"]
    left, right = st.columns([3, 2])
    with left:
        st.image(found.picture, width="stretch", alt=f"Tissue map. {_told(found.summary)}")
    with right:
        st.html(_legend(classifier, found.summary))
        stroma = found.summary["tumour_stroma"]
        if stroma["stroma_share"] is not None:
            st.caption(f"Stroma share {stroma['stroma_share']:.0%}: {stroma['definition']}.")
        left_out = ", ".join(f"{n:,} {reason}" for reason, n in tiles["left_out"].items())
        st.caption(
            f"{tiles['in_grid']:,} tiles, {tiles['classified']:,} classified"
            + (f"; left out: {left_out}" if left_out else "")
            + ". Areas are those of tiles, not of cells."
        )
    types = {"png": "image/png", "csv": "text/csv", "json": "application/json", "geojson": "application/geo+json"}
    with st.container(horizontal=True):
        for name, content in found.files.items():
            st.download_button(name, content, name, types[name.rpartition(".")[2]], on_click="ignore", key=name)


def _legend(classifier: Classifier, document: dict[str, Any]) -> str:
    areas, shares, tiles = document["area_mm2"], document["share_of_answered_area"], document["tiles"]
    rows = [
        (entry.color, title(entry), tiles["accepted"][entry.code], areas[entry.code], shares[entry.code])
        for entry in classifier.card.classes
    ]
    rows.append((NOT_SURE_COLOUR, NOT_SURE, tiles["abstained"], areas[NOT_SURE], None))
    body = "".join(
        f'<tr><th scope="row"><span class="gp-swatch" style="background-color:{color}"></span>{escape(name)}</th>'
        f"<td>{n:,}</td><td>{area:.3f}</td><td>{'–' if share is None else f'{share:.1%}'}</td></tr>"
        for color, name, n, area, share in rows
    )
    return table_of_rows(["tissue", "tiles", "mm²", "share of what is named"], body)


def _told(document: dict[str, Any]) -> str:
    shares = sorted(((s or 0, code) for code, s in document["share_of_answered_area"].items()), reverse=True)
    named = ", ".join(f"{code} {share:.0%}" for share, code in shares if share)
    return f"Of the named area: {named}." if named else "No tissue is named."
