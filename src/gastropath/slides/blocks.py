"""Which neighbouring tiles make a block: what is read at once, and sent to a worker together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gastropath.slides.grid import TileGrid

_MOST_BLOCK_PX = 2048
"""Side of what is read at a time, in pixels of the level: many tiles, and not too much memory."""

_MOST_BLOCK_TILES = 16
"""Tiles read at a time, across, where they are small or overlap."""

_ROWS = 2
"""So many times fewer are read at a time down than across: they take less memory, and few chunks are decoded twice."""


@dataclass(frozen=True)
class Selection:
    """Neighbouring tiles, those to classify apart from those that the mask leaves out.

    Attributes
    ----------
    place
        Of the block among the blocks of the grid.
    numbers, fractions
        Of the tiles to classify: ``int64``, and the share of each that is tissue, ``float64``, both (n,).
    left_out
        How many others there are, by reason.
    """

    place: int
    numbers: np.ndarray
    fractions: np.ndarray
    left_out: dict[str, int]


def grid_blocks(grid: TileGrid) -> Iterator[np.ndarray]:
    """Yield the numbers of neighbouring tiles that are read together, the whole grid block by block."""
    columns, rows = grid.shape
    across, along = (
        min(_MOST_BLOCK_TILES, max(1, int((_MOST_BLOCK_PX - side / down) // (step / down)) + 1))
        for side, step, down in zip(grid.tile, grid.stride, grid.downsample, strict=True)
    )
    along = max(1, along // _ROWS)
    for top in range(0, rows, along):
        for left in range(0, columns, across):
            row, column = np.mgrid[top : min(top + along, rows), left : min(left + across, columns)]
            yield (row * columns + column).ravel()
