"""Tiles of a slide as the model takes them: read from one level, resampled once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.slides.bicubic import MARGIN_PX, as_bicubic
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import Slide

_SUPPORT_PX = 2
"""How far the bicubic filter reaches: so many pixels of what is wider, the level's or the model's."""

_EXACT_PX = 0.01
"""A shift that nobody can see: up to it pixels are taken as they are."""


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
    scale, tile_px = np.array(grid.downsample), grid.tile_px
    tile = grid.tile / scale
    corners = grid.corners(numbers) / scale + grid.shift  # in the pixels that are read from here on
    if np.all(np.abs(tile - tile_px) < _EXACT_PX) and np.all(np.abs(corners - np.rint(corners)) < _EXACT_PX):
        tile, corners, margin, is_resampled = np.rint(tile), np.rint(corners), 0, False
    else:
        is_resampled = True
        margin = math.ceil(_SUPPORT_PX * max(1.0, *(tile / tile_px))) + 1
    is_mean = grid.smaller > 1 and not grid.shift
    margin += MARGIN_PX if is_mean else 0
    # What is beyond the slide is not read at all; the filter must not mix it in.
    ends = [max(1, math.floor(px / down + grid.shift + 1e-6)) for px, down in zip(grid.slide_px, scale, strict=True)]
    first = [max(0, min(math.floor(low) - margin, end - 1)) for low, end in zip(corners.min(axis=0), ends, strict=True)]
    last = [min(math.ceil(high) + margin, end) for high, end in zip(corners.max(axis=0) + tile, ends, strict=True)]
    size = [end - start for start, end in zip(first, last, strict=True)]
    block = slide.read(grid.level, first[0], first[1], size[0], size[1], grid.smaller)
    if is_mean:
        block = as_bicubic(block)
    whole = Image.fromarray(block) if is_resampled else None
    pixels = np.empty((len(numbers), tile_px, tile_px, 3), np.uint8)
    for place, corner in enumerate(corners):
        high = np.minimum(corner - first + tile, size)
        low = np.minimum(corner - first, high - 1)  # a sliver of less than a pixel shows the last one
        shown = np.maximum(1, np.rint(tile_px * (high - low) / tile).astype(int))
        if whole:
            box = (low[0], low[1], high[0], high[1])
            piece = np.asarray(whole.resize((shown[0], shown[1]), Image.Resampling.BICUBIC, box=box))
        else:
            left, top = low.astype(int)
            piece = block[top : top + shown[1], left : left + shown[0]]
        beyond = [(0, tile_px - shown[1]), (0, tile_px - shown[0]), (0, 0)]
        pixels[place] = np.pad(piece, beyond, "symmetric") if piece.shape[:2] != (tile_px, tile_px) else piece
    return pixels
