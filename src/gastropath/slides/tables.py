"""Tiles of a slide as a table, as GeoJSON for QuPath, as features, and added up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import MissingExtra
from gastropath.outputs import replacing
from gastropath.results.card import Card
from gastropath.slides.block import Answered, Block
from gastropath.slides.grid import TileGrid

NOT_SURE, NOT_SURE_COLOUR = "not sure", "#999999"
"""How an abstained tile is called and coloured in maps."""

_COLUMNS = (
    "x_px", "y_px", "width_px", "height_px", "tissue_fraction", "predicted_label", "confidence", "decision", "reason",
)  # fmt: skip


@dataclass
class Totals:
    """What is counted while the answers go by.

    Attributes
    ----------
    left_out
        Tiles that the mask left out, by reason.
    refused
        Tiles that could not be read, by reason.
    tiles, area_px
        Classified tiles, and their area in pixels of level 0, by class code; ``"not sure"`` for abstained ones.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    tiles: Counter[str] = field(default_factory=Counter)
    area_px: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, answered: Answered) -> Totals:
        """Count all blocks of a slide."""
        totals = cls()
        for block in answered.blocks():
            totals.add(block, answered.grid)
        return totals

    def add(self, block: Block, grid: TileGrid) -> None:
        """Count a block. Overlapping tiles each stand for their stride only, so that no place is counted twice."""
        areas = grid.cells(block.numbers)
        decisions, labels = block.predictions.decisions, block.predictions.labels
        for i, (decision, label) in enumerate(zip(decisions.tolist(), labels.tolist(), strict=True)):
            if block.reasons[i]:
                self.left_out[block.reasons[i]] += 1
            elif decision == "refused":
                self.refused[block.predictions.reasons[i]] += 1
            else:
                name = label if decision == "accepted" else NOT_SURE
                self.tiles[name] += 1
                self.area_px[name] += int(areas[i])


def tile_columns(card: Card) -> list[str]:
    """Return the columns of ``tiles.csv``."""
    return [*_COLUMNS, *(f"prob_{code}" for code in card.codes), "distance"]


def tile_rows(answered: Answered) -> Iterator[dict[str, object]]:
    """Yield a row for each tile that was classified or could not be read; tiles the mask left out are only counted."""
    for block in answered.blocks():
        rectangles = answered.grid.rectangles(block.numbers)
        rows = block.predictions.rows([""] * len(block.numbers))
        for i, row in enumerate(rows):
            if block.reasons[i]:
                continue
            x, y, width, height = (int(value) for value in rectangles[i])
            del row["path"]
            yield {
                "x_px": x, "y_px": y, "width_px": width, "height_px": height,
                "tissue_fraction": f"{block.fractions[i]:.4f}", **row,
            }  # fmt: skip


def geojson(answered: Answered) -> Iterator[str]:
    """Yield GeoJSON piece by piece: a polygon for each classified tile, in pixels of level 0, as QuPath reads them."""
    yield '{"type": "FeatureCollection", "features": ['
    comma = "\n"
    for block in answered.blocks():
        for feature in _features(answered.grid, block, answered.card):
            yield comma + json.dumps(feature, allow_nan=False)
            comma = ",\n"
    yield "\n]}\n"


def _features(grid: TileGrid, block: Block, card: Card) -> Iterator[dict[str, object]]:
    colours = {entry.code: entry.color for entry in card.classes}
    rectangles = grid.rectangles(block.numbers)
    answers = block.predictions
    everything = zip(answers.labels, answers.decisions, answers.confidence, strict=True)
    for i, (label, decision, confidence) in enumerate(everything):
        if decision == "refused":
            continue
        x, y, width, height = (int(value) for value in rectangles[i])
        name = label if decision == "accepted" else NOT_SURE
        ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
        measurements = {
            f"prob {code}": round(float(p), 4) for code, p in zip(card.codes, answers.probabilities[i], strict=True)
        }
        yield {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {
                "objectType": "tile",
                "classification": {"name": name, "color": rgb(colours.get(name, NOT_SURE_COLOUR))},
                "measurements": {
                    "confidence": round(float(confidence), 4),
                    "tissue fraction": round(float(block.fractions[i]), 4),
                    **measurements,
                },
            },
        }


def write_features(answered: Answered, path: Path) -> None:
    """Write features of classified tiles as HDF5: ``features`` (n, f) and ``coords`` (n, 2), pixels of level 0.

    Raises
    ------
    MissingExtra
        If h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtra("--features", "slides", "h5py") from None
    with replacing(path) as partial, h5py.File(partial, "w", track_order=False) as file:
        features = coords = None
        for block in answered.blocks():
            rows = np.flatnonzero(block.predictions.is_classified)
            if block.features is None or not len(rows):
                continue
            if features is None or coords is None:
                width = block.features.shape[1]
                features = file.create_dataset(
                    "features", (0, width), "f4", maxshape=(None, width), chunks=(256, width)
                )
                coords = file.create_dataset("coords", (0, 2), "i8", maxshape=(None, 2), chunks=(4096, 2))
            n = len(features)
            features.resize(n + len(rows), axis=0)
            coords.resize(n + len(rows), axis=0)
            features[n:] = block.features[rows]
            coords[n:] = answered.grid.rectangles(block.numbers[rows])[:, :2]
        file.attrs["tile_px_level0"] = answered.grid.tile
        file.attrs["model"] = answered.card.files.get("model.tflite", "")


def summary(answered: Answered, totals: Totals) -> dict[str, Any]:
    """Return what was seen, areas and shares, and the tumour-stroma ratio with its definition, for ``summary.json``."""
    spacing, card = answered.slide.spacing, answered.card
    mm2 = spacing.x * spacing.y / 1e6
    accepted = {code: totals.area_px[code] * mm2 for code in card.codes}
    total = sum(accepted.values())
    stroma, both = totals.area_px["STR"], totals.area_px["STR"] + totals.area_px["TUM"]
    return {
        "slide": answered.slide.path.name,
        "kind": answered.slide.kind,
        "size_px": list(answered.slide.size_px),
        "mpp": {"x": spacing.x, "y": spacing.y, "source": spacing.source},
        "model": {
            "name": card.name,
            "sha256": card.files.get("model.tflite", ""),
            "synthetic": card.training_data.synthetic,
        },
        "grid": {
            "tile_px": card.input.tile_px,
            "tile_mpp": card.input.mpp,
            "tile_level0_px": list(answered.grid.tile),
            "stride_level0_px": list(answered.grid.stride),
            "level": answered.grid.level,
        },
        "tiles": {
            "in_grid": len(answered.grid),
            "left_out": dict(sorted(totals.left_out.items())),
            "refused": dict(sorted(totals.refused.items())),
            "classified": sum(totals.tiles.values()),
            "abstained": totals.tiles[NOT_SURE],
            "accepted": {code: totals.tiles[code] for code in card.codes},
        },
        "area_mm2": {
            **{code: round(area, 6) for code, area in accepted.items()},
            NOT_SURE: round(totals.area_px[NOT_SURE] * mm2, 6),
        },
        "share_of_answered_area": {code: _ratio(area, total) for code, area in accepted.items()},
        "tumour_stroma": {
            "stroma_share": _ratio(stroma, both),
            "definition": "area of accepted STR tiles / area of accepted STR and TUM tiles",
        },
        "note": "Areas are those of tiles, not of cells. For research and education only.",
    }


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None


def rgb(color: str) -> list[int]:
    """Turn ``#rrggbb`` into three numbers."""
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def slides_row(path: Path, folder: str, document: Mapping[str, Any]) -> dict[str, object]:
    """Return the row of ``slides.csv`` for a slide, from its ``summary.json``."""
    tiles, share = document["tiles"], document["tumour_stroma"]["stroma_share"]
    return {
        "slide": str(path),
        "folder": folder,
        "status": "done",
        "mpp_x": document["mpp"]["x"],
        "mpp_y": document["mpp"]["y"],
        "tiles": tiles["in_grid"],
        "classified": tiles["classified"],
        "abstained": tiles["abstained"],
        "refused": sum(tiles["refused"].values()),
        **{f"area_mm2_{name}": float(area) for name, area in document["area_mm2"].items()},
        "stroma_share": share,
    }


def slides_columns(codes: Sequence[str]) -> list[str]:
    """Return the columns of ``slides.csv``."""
    areas = [f"area_mm2_{code}" for code in (*codes, NOT_SURE)]
    first = ["slide", "folder", "status", "reason", "mpp_x", "mpp_y", "tiles", "classified", "abstained", "refused"]
    return [*first, *areas, "stroma_share"]
