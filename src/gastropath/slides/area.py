"""How much of each tile a mask or an area of any shape covers, and which tiles small parts of an area get."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from gastropath.slides.grid import TileGrid

_OPEN, _MOST_STEPS = 0.3, 2e7
_POINTS_AT_A_TIME = 2**22


def covered(cover: np.ndarray, scale: tuple[float, float], rectangles: Iterable[np.ndarray]) -> np.ndarray:
    """Return the covered share of each tile, from sums over a mask.

    Parameters
    ----------
    cover
        ``bool``, shape (h, w).
    scale
        Pixels of level 0 to one of the mask, across and down.
    rectangles
        ``x, y, width, height`` of tiles in pixels of level 0, shape (n, 4), some at a time: on the way to their shares
        they take ten times the memory of their numbers. Of a tile beyond the mask the nearest pixels count.

    Returns
    -------
    numpy.ndarray
        ``float64``, one for each tile.
    """
    height, width = cover.shape
    sums = np.zeros((height + 1, width + 1), np.int32)
    np.cumsum(cover, axis=0, out=sums[1:, 1:])
    np.cumsum(sums, axis=1, out=sums)
    shares = [np.zeros(0)]
    for part in rectangles:
        x0 = np.clip(np.floor(part[:, 0] / scale[0]).astype(int), 0, width - 1)
        y0 = np.clip(np.floor(part[:, 1] / scale[1]).astype(int), 0, height - 1)
        x1 = np.clip(np.ceil((part[:, 0] + part[:, 2]) / scale[0]).astype(int), x0 + 1, width)
        y1 = np.clip(np.ceil((part[:, 1] + part[:, 3]) / scale[1]).astype(int), y0 + 1, height)
        shares.append((sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]) / ((x1 - x0) * (y1 - y0)))
    return np.concatenate(shares)


def draw(area: Any, scale: tuple[float, float], shape: tuple[int, ...]) -> np.ndarray:
    """Draw an area as a mask.

    Parameters
    ----------
    area
        Geometry in pixels of level 0.
    scale
        Pixels of level 0 to one of the mask, across and down.
    shape
        Height and width of the mask.

    Returns
    -------
    numpy.ndarray
        ``bool``, of that shape: where the middle of a pixel lies within.
    """
    import shapely

    mask = np.zeros(shape[:2], bool)
    left, top, right, bottom = area.bounds
    x0, x1 = max(0, math.floor(left / scale[0])), min(shape[1], math.ceil(right / scale[0]))
    y0, y1 = max(0, math.floor(top / scale[1])), min(shape[0], math.ceil(bottom / scale[1]))
    if x0 >= x1 or y0 >= y1:
        return mask
    shapely.prepare(area)
    x = (np.arange(x0, x1) + 0.5) * scale[0]
    rows = max(1, _POINTS_AT_A_TIME // len(x))
    for first in range(y0, y1, rows):
        y = (np.arange(first, min(first + rows, y1)) + 0.5) * scale[1]
        mask[first : first + len(y), x0:x1] = shapely.contains_xy(area, x[None, :], y[:, None])
    return mask


def refine_shares(area: Any, shares: np.ndarray, rectangles: np.ndarray) -> np.ndarray:
    """Return how much of each tile lies in an area, exactly where a mask leaves it open whether that is half.

    Parameters
    ----------
    area
        Geometry in pixels of level 0.
    shares
        As a mask has them, shape (n,).
    rectangles
        ``x, y, width, height`` of the tiles, shape (n, 4).
    """
    import shapely

    open_ones = np.flatnonzero(np.abs(shares - 0.5) < _OPEN)
    if not len(open_ones) or len(open_ones) * shapely.get_num_coordinates(area) > _MOST_STEPS:
        return shares
    x, y, width, height = rectangles[open_ones].T
    inside = shapely.area(shapely.intersection(area, shapely.box(x, y, x + width, y + height)))
    refined = shares.copy()
    refined[open_ones] = inside / np.maximum(width * height, 1)
    return refined


def tiles_of_small_parts(area: Any, grid: TileGrid, taken: np.ndarray) -> np.ndarray:
    """Return the tile that holds the middle of each part of an area that no taken tile touches.

    Parameters
    ----------
    area
        Geometry in pixels of level 0.
    grid
        The tiles.
    taken
        Numbers of those that are taken, shape (n,).

    Returns
    -------
    numpy.ndarray
        Numbers of tiles: ``int64``.
    """
    import shapely

    parts = shapely.get_parts(area)
    x, y, width, height = grid.rectangles(taken).T
    boxes = shapely.STRtree(shapely.box(x, y, x + width, y + height))
    lonely = np.setdiff1d(np.arange(len(parts)), boxes.query(parts, predicate="intersects")[0])
    middles = shapely.point_on_surface(parts[lonely])
    places = np.stack([shapely.get_x(middles), shapely.get_y(middles)], axis=1) // np.array(grid.stride)
    columns, rows = grid.shape
    column, row = np.clip(places, 0, (columns - 1, rows - 1)).astype(np.int64).T
    return np.unique(row * columns + column)
