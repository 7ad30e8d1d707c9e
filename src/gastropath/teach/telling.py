"""What the page is told of a map: figures as JSON, and arrays as they lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from gastropath.report.notices import RESEARCH_USE, SYNTHETIC_MODEL, model_notices
from gastropath.results.card import Card
from gastropath.slides.source.pyramid import DRAWN
from gastropath.slides.writers.legend import ABSTAINED_COLOUR, abstained_name
from gastropath.teach.atlas import Atlas, Sheet
from gastropath.teach.chunks import CHUNK_PX, zooms
from gastropath.teach.maps import SlideMap
from gastropath.tissue_classes import tissue_class

_DRAWN_SLIDE = "This slide was drawn by a computer; it shows no tissue."


def contents(atlas: Atlas) -> dict[str, Any]:
    """Return the names of all maps, in order, and what is said once beside them."""
    return {"names": atlas.names, "note": RESEARCH_USE}


def described(sheet: Sheet) -> dict[str, Any]:
    """Return what the page must know of a map before it draws: everything but the answers themselves."""
    shown, summary = sheet.map, sheet.summary
    found, card = sheet.bundle
    columns, rows = shown.grid.shape
    return {
        "name": sheet.name,
        "slide": summary.slide,
        "tiles": len(shown),
        "classes": _classes(shown.classes, card),
        "abstained": {"name": abstained_name(shown.classes), "color": ABSTAINED_COLOUR},
        "size_px": summary.size_px,
        "mpp": [summary.mpp.x, summary.mpp.y],
        "chunk_px": CHUNK_PX,
        "zooms": zooms(summary.size_px),
        "grid": {
            "columns": columns,
            "rows": rows,
            "tile": shown.grid.tile,
            "stride": shown.grid.stride,
            "has_gaps": shown.has_gaps,
        },
        "model": summary.model.name,
        "activation": {"there": found.path is not None, "told": found.told},
        "notices": _notices(sheet, card),
        "arrays": [[name, array.dtype.name, array.size] for name, array in _arrays(shown).items()],
    }


def arrays(sheet: Sheet) -> bytes:
    """Return the answers of a map, one array behind the other, as ``described`` lists them; little-endian."""
    return b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in _arrays(sheet.map).values())


def tile(sheet: Sheet, row: int) -> dict[str, Any]:
    """Return the answer for one tile: where it lies, what the model says, and why not more."""
    shown = sheet.map
    number = shown.numbers[[row]]
    x, y, width, height = shown.grid.rectangles(number)[0].tolist()
    distance = float(shown.distances[row])
    return {
        "row": row,
        "rectangle": [x, y, width, height],
        "label": shown.classes[shown.labels[row]] if shown.labels[row] >= 0 else None,
        "decision": int(shown.decisions[row]),
        "reason": shown.reasons[row],
        "probabilities": [
            round(value, 6) if np.isfinite(value) else None for value in shown.probabilities[row].tolist()
        ],
        "distance": round(distance, 6) if np.isfinite(distance) else None,
    }


def _arrays(shown: SlideMap) -> dict[str, np.ndarray]:
    """Return the arrays that the page draws from; those of wide numbers first, so that each begins where it may."""
    return {
        "numbers": shown.numbers.astype(np.uint32),
        "areas": shown.grid.areas_px(shown.numbers).astype(np.uint32),
        "confidence": shown.confidence,
        "probabilities": shown.probabilities.ravel(),
        "labels": shown.labels.astype(np.int16),
        "decisions": shown.decisions,
    }


def _classes(codes: tuple[str, ...], card: Card | None) -> list[dict[str, str]]:
    """Return code, name and colour of classes: those of the model, or where it was not found, of the tissue."""
    known = {entry.code: (entry.name, entry.color) for entry in card.classes} if card else {}
    plain = {code: (tissue_class(code).name, tissue_class(code).color) for code in codes}
    return [
        {"code": code, "name": name, "color": color}
        for code, (name, color) in ((code, known.get(code, plain[code])) for code in codes)
    ]


def _notices(sheet: Sheet, card: Card | None) -> list[str]:
    summary = sheet.summary
    told = model_notices(card) if card else [SYNTHETIC_MODEL] if summary.model.synthetic else []
    return [*told, *([_DRAWN_SLIDE] if summary.kind == DRAWN else []), *summary.warnings]
