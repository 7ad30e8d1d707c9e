"""Tiles of a slide as the model takes them: read from one level, resampled once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import Slide

_MARGIN_PX = 4
"""Pixels of the level read around a tile, for the filter."""


@dataclass(frozen=True)
class Tiles:
    """Tiles that were read, and those that could not be.

    Attributes
    ----------
    numbers
        Of the tiles in the grid, those that could be read: ``int64``, shape (n,).
    pixels
        ``uint8``, shape (n, tile_px, tile_px, 3).
    refused
        Number of each tile that could not be read, and why.
    """

    numbers: np.ndarray
    pixels: np.ndarray
    refused: dict[int, str]


def read_tiles(slide: Slide, grid: TileGrid, numbers: np.ndarray) -> Tiles:
    """Read neighbouring tiles together.

    Where the slide is damaged they are read in ever smaller sets, so that only tiles that the damage touches are
    refused.
    """
    if not len(numbers):
        return Tiles(numbers, np.zeros((0, grid.tile_px, grid.tile_px, 3), np.uint8), {})
    try:
        return Tiles(numbers, _read(slide, grid, numbers), {})
    except CannotReadRegion as damage:
        if len(numbers) == 1:
            return Tiles(
                numbers[:0], np.zeros((0, grid.tile_px, grid.tile_px, 3), np.uint8), {int(numbers[0]): damage.reason}
            )
    halves = [read_tiles(slide, grid, half) for half in np.array_split(numbers, 2)]
    return Tiles(
        np.concatenate([half.numbers for half in halves]),
        np.concatenate([half.pixels for half in halves]),
        halves[0].refused | halves[1].refused,
    )


def _read(slide: Slide, grid: TileGrid, numbers: np.ndarray) -> np.ndarray:
    """Read tiles. The part of one beyond the slide is the mirror image of the rest: white would look like fat."""
    corners = grid.corners(numbers)
    scale = np.array(grid.downsample)
    tile = grid.tile / scale
    corners = corners / scale  # in pixels of the level from here on
    first = [math.floor(low) - _MARGIN_PX for low in corners.min(axis=0)]
    last = [math.ceil(high) + _MARGIN_PX for high in (corners.max(axis=0) + tile)]
    size = [end - start for start, end in zip(first, last, strict=True)]
    block = slide.read(grid.level, *first, *size)
    # What is cut off here is beyond the slide; the filter must not mix it in.
    inside = [math.floor(px / down + 1e-6) - start for px, down, start in zip(grid.slide_px, scale, first, strict=True)]
    if inside[0] < block.width or inside[1] < block.height:
        block = block.crop((0, 0, min(inside[0], block.width), min(inside[1], block.height)))
    pixels = np.empty((len(numbers), grid.tile_px, grid.tile_px, 3), np.uint8)
    for place, corner in enumerate(corners):
        high = np.minimum(corner - first + tile, block.size)
        low = np.minimum(corner - first, high - 1)  # a sliver of less than a pixel shows the last one
        shown = np.maximum(1, np.rint(grid.tile_px * (high - low) / tile).astype(int))
        piece = block.resize((shown[0], shown[1]), Image.Resampling.BICUBIC, box=(low[0], low[1], high[0], high[1]))
        beyond = [(0, grid.tile_px - shown[1]), (0, grid.tile_px - shown[0]), (0, 0)]
        pixels[place] = np.pad(np.asarray(piece), beyond, "symmetric")
    return pixels
