"""``tiles.h5ad``: the classified tiles as an AnnData file, from which scverse's tools start.

It is written in AnnData's documented format (on-disk format 0.1.0 of ``anndata``, since its version 0.8), row by row
while the blocks go by: `anndata` itself would hold all in memory, and none of its versions for Python 3.11 writes text
with pandas 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.results.card import Card
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide
from gastropath.slides.writers.h5 import Rows

_ARRAY = {"encoding-type": "array", "encoding-version": "0.2.0"}
_TEXTS = {"encoding-type": "string-array", "encoding-version": "0.2.0"}
_TEXT = {"encoding-type": "string", "encoding-version": "0.2.0"}
_TABLE = {"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"}
_CATEGORIES = {"encoding-type": "categorical", "encoding-version": "0.2.0", "ordered": False}
_DICT = {"encoding-type": "dict", "encoding-version": "0.1.0"}
_ANNDATA = {"encoding-type": "anndata", "encoding-version": "0.1.0"}

_PLACE = ("x_px", "y_px", "width_px", "height_px")
_WORDS = ("predicted_label", "decision", "reason", "slide")
"""Columns of words, which are kept as numbers of categories."""

_PICTURE_PX = 1200


class TilesH5ad:
    """Writes a row for each classified tile: features in ``X``, middles in ``obsm["spatial"]``, answers in ``obs``.

    Middles are those of whole tiles, in pixels of level 0 and not rounded, so that they form a grid at the edge too.
    ``uns["spatial"]`` holds a small picture of the slide and its scale, as scanpy and squidpy draw it.
    """

    def __init__(self, path: Path, tiled: TiledSlide, card: Card) -> None:
        """Open the file.

        Raises
        ------
        MissingExtra
            If h5py is not installed.
        """
        self._rows = Rows(path, "anndata")
        self._tiled, self._card = tiled, card
        self._stem = tiled.slide.path.stem
        self._categories: dict[str, dict[str, int]] = {name: {} for name in _WORDS}
        self._categories["predicted_label"] = {code: number for number, code in enumerate(card.codes)}
        self._probabilities = [f"prob_{code}" for code in card.codes]

    def add(self, block: Block) -> None:
        """Write the rows of a block."""
        rows = np.flatnonzero(block.predictions.is_classified)
        if len(rows):
            self._add(block, rows)

    def _add(self, block: Block, rows: np.ndarray) -> None:
        answers = block.predictions
        rectangles = self._tiled.grid.rectangles(block.numbers[rows])
        index = np.array([f"{self._stem}_{x}_{y}" for x, y in rectangles[:, :2].tolist()], object)
        self._rows.add("obs/_index", index, _texts())
        for name, values in zip(_PLACE, rectangles.T, strict=True):
            self._rows.add(f"obs/{name}", values, "i8")
        self._rows.add("obs/tissue_fraction", block.fractions[rows], "f8")
        self._rows.add("obs/confidence", answers.confidence[rows], "f4")
        self._rows.add("obs/distance", answers.distances[rows], "f8")
        for number, name in enumerate(self._probabilities):
            self._rows.add(f"obs/{name}", answers.probabilities[rows, number], "f4")
        reasons = answers.reasons
        words = (answers.labels[rows], answers.decisions[rows], [reasons[row] for row in rows])
        for name, values in zip(_WORDS, (*words, [self._tiled.slide.path.name] * len(rows)), strict=True):
            numbers = self._categories[name]
            codes = [numbers.setdefault(str(word), len(numbers)) if word else -1 for word in values]
            self._rows.add(f"obs/{name}/codes", np.array(codes), "i2")
        grid = self._tiled.grid
        self._rows.add("obsm/spatial", grid.corners(block.numbers[rows]) + np.array(grid.tile) / 2, "f8")
        self._rows.add("X", answers.kept("features")[rows], "f4")

    def close(self) -> None:
        """Complete the file."""
        self._add_nothing()
        file = self._rows.file
        n = file["X"].shape[1]
        file.attrs.update(_ANNDATA)
        file["X"].attrs.update(_ARRAY)
        columns = [*_PLACE, "tissue_fraction", *_WORDS[:1], "confidence", *_WORDS[1:3], *self._probabilities]
        _table(file["obs"], [*columns, "distance", *_WORDS[3:]])
        for name, numbers in self._categories.items():
            file["obs"][name].attrs.update(_CATEGORIES)
            file["obs"][name]["codes"].attrs.update(_ARRAY)
            _put(file["obs"][name], "categories", list(numbers))
        for name in set(columns) - set(_WORDS) | {"distance"}:
            file["obs"][name].attrs.update(_ARRAY)
        _put(file.create_group("var"), "_index", [f"feature_{number}" for number in range(n)])
        _table(file["var"], [])
        for name in ("layers", "obsm", "obsp", "uns", "varm", "varp"):
            file.require_group(name).attrs.update(_DICT)
        file["obsm/spatial"].attrs.update(_ARRAY)
        self._describe(file["uns"])
        self._rows.close()

    def _add_nothing(self) -> None:
        """Make the datasets of a slide without a classified tile."""
        for name in _PLACE:
            self._rows.require(f"obs/{name}", (), "i8")
        for name in ("tissue_fraction", "confidence", "distance", *self._probabilities):
            self._rows.require(f"obs/{name}", (), "f8")
        for name in _WORDS:
            self._rows.require(f"obs/{name}/codes", (), "i2")
        self._rows.require("obs/_index", (), _texts())
        self._rows.require("obsm/spatial", (2,), "f8")
        self._rows.require("X", (0,), "f4")

    def _describe(self, uns: Any) -> None:
        slide, grid = self._tiled.slide, self._tiled.grid
        picture = slide.overview(_PICTURE_PX).pixels
        scales = {
            "tissue_hires_scalef": picture.shape[1] / slide.size_px[0],
            "spot_diameter_fullres": sum(grid.tile) / 2,
        }
        library = _dict(_dict(uns, "spatial"), self._stem)
        _put(_dict(library, "images"), "hires", picture)
        for name, value in scales.items():
            _put(_dict(library, "scalefactors"), name, np.float64(value))
        ours = _dict(uns, "gastropath")
        _put(ours, "mpp", np.array([slide.spacing.x, slide.spacing.y]))
        _put(ours, "tile_um", np.float64(self._card.input.tile_px * self._card.input.mpp))
        for name, text in (
            ("model", self._card.name),
            ("model_sha256", self._card.files.get("model.tflite", "")),
            ("model_source", self._card.source),
            ("coordinates", "pixels of level 0"),
        ):
            ours.create_dataset(name, data=text, dtype=_texts()).attrs.update(_TEXT)


def _texts() -> Any:
    import h5py

    return h5py.string_dtype()


def _dict(group: Any, name: str) -> Any:
    made = group.require_group(name)
    made.attrs.update(_DICT)
    return made


def _table(group: Any, columns: Sequence[str]) -> None:
    """Mark a group as a table; the order of its columns is an attribute."""
    group.attrs.update(_TABLE)
    group.attrs["column-order"] = np.array(columns, _texts())
    group["_index"].attrs.update(_TEXTS)


def _put(group: Any, name: str, value: np.ndarray | np.float64 | Sequence[str]) -> None:
    """Write an array, a number or texts with the marks by which AnnData knows them."""
    if isinstance(value, np.float64):
        marks = {"encoding-type": "numeric-scalar", "encoding-version": "0.2.0"}
        group.create_dataset(name, data=value).attrs.update(marks)
    elif isinstance(value, np.ndarray):
        group.create_dataset(name, data=value, compression="gzip").attrs.update(_ARRAY)
    else:
        group.create_dataset(name, data=np.array(value, object), dtype=_texts()).attrs.update(_TEXTS)
