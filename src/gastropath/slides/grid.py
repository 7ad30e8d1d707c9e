"""Where the tiles of a slide lie: computed in floating point at level 0, rounded once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gastropath.errors import CannotReadSpacing
from gastropath.slides.source.slide import Slide

_LEAST_TILE_PX = 16
"""Side of a tile in pixels of the slide below which it shows nothing."""


_COARSER = 1.02
"""How much coarser than the model's pixels those that are read may be: twice 0.2527 µm is the model's 0.5."""


@dataclass(frozen=True)
class TileGrid:
    """Tiles of one field of view each, in rows and columns over a slide.

    Positions are never accumulated: column i begins at ``i * stride``. The last tiles extend beyond the slide; their
    rectangle in every output is only the part that lies on it.

    Attributes
    ----------
    slide_px
        Width and height of level 0.
    tile
        Width and height of a tile in pixels of level 0, not rounded.
    stride
        From one tile to the next, across and down.
    tile_px
        Side of the model's input.
    level
        Of the pyramid that tiles are read from.
    smaller
        How many times smaller that level is read.
    downsample
        Pixels of level 0 to one that is read, across and down.
    shift
        By how many of the pixels that are read a place lies behind itself divided by ``downsample``.
    """

    slide_px: tuple[int, int]
    tile: tuple[float, float]
    stride: tuple[float, float]
    tile_px: int
    level: int
    downsample: tuple[float, float]
    smaller: int = 1
    shift: float = 0.0

    @classmethod
    def over(cls, slide: Slide, tile_px: int, mpp: float, stride_um: float | None = None) -> TileGrid:
        """Lay a grid for a model over a slide.

        Parameters
        ----------
        slide
            Its size, resolution and levels.
        tile_px, mpp
            Input of the model: side in pixels, micrometres per pixel.
        stride_um
            From one tile to the next; by default the tile's side, so that tiles touch.

        Raises
        ------
        CannotReadSpacing
            If a tile would be only a few pixels of the slide.
        """
        spacing = (slide.spacing.x, slide.spacing.y)
        stride = stride_um or tile_px * mpp
        least = tile_px * mpp / max(spacing)
        if least < _LEAST_TILE_PX:
            raise CannotReadSpacing(
                f"at {max(spacing):g} µm/px a tile of {tile_px * mpp:g} µm would be {least:.1f} pixels wide; expected "
                f"at least {_LEAST_TILE_PX}, and {tile_px} for all the detail that the model can use",
                remedy="check that resolution, and give the right `mpp`",
            )
        choices = [(level, times) for level, all_times in enumerate(slide.smaller) for times in all_times]
        fits = [
            (level, times)
            for level, times in choices
            if all(
                d * times * axis <= mpp * _COARSER for d, axis in zip(slide.downsamples[level], spacing, strict=True)
            )
        ]
        level, smaller = max(fits, key=lambda of: (slide.downsamples[of[0]][0] * of[1], of[0]), default=(0, 1))
        across, down = slide.downsamples[level]
        return cls(
            slide_px=slide.size_px,
            tile=(tile_px * mpp / spacing[0], tile_px * mpp / spacing[1]),
            stride=(stride / spacing[0], stride / spacing[1]),
            tile_px=tile_px,
            level=level,
            downsample=(across * smaller, down * smaller),
            smaller=smaller,
            shift=slide.shift(level, smaller),
        )

    def unreduced(self, slide: Slide) -> TileGrid:
        """Return the same tiles, to be read from the same level as it is stored."""
        return replace(self, smaller=1, downsample=slide.downsamples[self.level], shift=slide.shift(self.level, 1))

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows. The last of each holds at least half a pixel of the slide."""
        columns, rows = (
            max(1, math.ceil((size - 0.5) / stride)) for size, stride in zip(self.slide_px, self.stride, strict=True)
        )
        return columns, rows

    def __len__(self) -> int:
        columns, rows = self.shape
        return columns * rows

    def corners(self, numbers: np.ndarray) -> np.ndarray:
        """Return the upper left corners of tiles, numbered row by row, in pixels of level 0: ``float64``, (n, 2)."""
        columns, _ = self.shape
        return np.stack([numbers % columns * self.stride[0], numbers // columns * self.stride[1]], axis=1)

    def rectangles(self, numbers: np.ndarray) -> np.ndarray:
        """Return ``x, y, width, height`` of the part of each tile on the slide, rounded once: ``int64``, (n, 4)."""
        return self._rounded(numbers, np.array(self.tile))

    def middles(self, numbers: np.ndarray) -> np.ndarray:
        """Return ``x, y, width, height`` of the middle of each tile, as large as the stride: ``float64``, (n, 4).

        A map shows this of overlapping tiles; of others, the whole tile.
        """
        side = np.minimum(self.stride, self.tile)
        first = self.corners(numbers) + (np.array(self.tile) - side) / 2
        last = np.minimum(first + side, self.slide_px)
        return np.concatenate([first, last - first], axis=1)

    def areas_px(self, numbers: np.ndarray) -> np.ndarray:
        """Return the area that each tile stands for, in pixels of level 0: ``int64``, (n,).

        It reaches to the next tile: the whole tile where tiles touch, and its stride where they overlap, so that no
        place is counted twice.
        """
        return self._rounded(numbers, np.minimum(self.stride, self.tile))[:, 2:].prod(axis=1)

    def _rounded(self, numbers: np.ndarray, side: np.ndarray) -> np.ndarray:
        """Return rectangles of a size at the corners of tiles, cut off at the edge of the slide and rounded once."""
        first = self.corners(numbers)
        last = np.minimum(first + side, self.slide_px)
        first, last = np.floor(first + 0.5).astype(np.int64), np.floor(last + 0.5).astype(np.int64)
        return np.concatenate([first, last - first], axis=1)
