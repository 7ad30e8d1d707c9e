"""``tiles.csv``: a row for each tile that was classified or could not be."""

from __future__ import annotations

from typing import TextIO

from gastropath.results.card import Card
from gastropath.results.predictions import Predictions
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide
from gastropath.tables import RowWriter

_PLACE = ("x_px", "y_px", "width_px", "height_px", "tissue_fraction")


class TilesCsv:
    """Writes ``tiles.csv`` while the blocks go by; tiles that the mask left out have no row.

    The last column names the slide, so that tables of many can be put together.
    """

    def __init__(self, file: TextIO, tiled: TiledSlide, card: Card) -> None:
        self._grid = tiled.grid
        self._slide = {"slide": tiled.slide.path.name}
        self._rows = RowWriter(file, [*_PLACE, *Predictions.columns(card.codes)[1:], *self._slide])

    def add(self, block: Block) -> None:
        """Write the rows of a block: positions in pixels of level 0, then what ``predict`` writes of an image."""
        rectangles = self._grid.rectangles(block.numbers).tolist()
        rows = block.predictions.rows([""] * len(block.numbers))
        for rectangle, fraction, row in zip(rectangles, block.fractions.tolist(), rows, strict=True):
            self._rows.add(dict(zip(_PLACE, (*rectangle, f"{fraction:.4f}"), strict=True)) | row | self._slide)
