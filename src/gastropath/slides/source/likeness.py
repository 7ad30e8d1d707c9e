"""Whether a smaller picture shows the slide: a macro photograph or a label may have its shape to the pixel."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.slides.source.stored_levels import StoredLevels

_SPOT_PX, _COMPARED_PX = 16, 256
"""Side of a spot that is compared, at most: in the smaller picture, and in the larger one."""

_GRID, _RICHEST = 4, 12
"""Spots on a grid, across and down, and spots with the most contrast of a picture that is small enough."""

_SMALL_PX = 2048
_GREYS, _OF_CHANCE = 8.0, 0.5
"""Means of spots differ by at most so many greys, or by this share of what spots of other places differ by."""


def shows(levels: StoredLevels, larger: int, smaller: int) -> bool:
    """Tell whether a level shows the same as a larger one.

    The mean colours of some spots are compared, so it does not matter how the smaller one was resampled. Where all
    spots are damaged it is believed to be what it says it is.

    Parameters
    ----------
    levels
        As they are stored.
    larger, smaller
        Numbers of two of them.
    """
    here, there = [], []
    size, full = levels.sizes[smaller], levels.sizes[larger]
    across, down = (whole / part for whole, part in zip(full, size, strict=True))
    side = max(1, min(_SPOT_PX, int(_COMPARED_PX / max(across, down)), *size))
    for x, y in _spots(levels, smaller, side):
        box = (round(x * across), round(y * down), max(1, round(side * across)), max(1, round(side * down)))
        try:
            spot, same = levels.read(smaller, x, y, side, side), levels.read(larger, *box)
        except CannotReadRegion:
            continue
        here.append(spot.mean(axis=(0, 1)))
        there.append(same.mean(axis=(0, 1)))
    if not here:
        return True
    found, expected = np.array(here), np.array(there)
    others = [np.abs(found - np.roll(expected, step, axis=0)).mean() for step in range(1, len(found))]
    chance = float(np.mean(others)) if others else 0.0
    return float(np.abs(found - expected).mean()) <= max(_GREYS, _OF_CHANCE * chance)


def _spots(levels: StoredLevels, level: int, side: int) -> list[tuple[int, int]]:
    """Return the upper left corners of spots: on a grid, and where a small picture differs most from its median."""
    width, height = levels.sizes[level]
    steps = [(step + 0.5) / _GRID for step in range(_GRID)]
    spots = [(int(x * (width - side)), int(y * (height - side))) for y in steps for x in steps]
    if max(width, height) > _SMALL_PX:
        return spots
    try:
        picture = Image.fromarray(levels.read(level, 0, 0, width, height))
    except CannotReadRegion:
        return spots
    cells = np.asarray(picture.resize((max(1, width // side), max(1, height // side)), Image.Resampling.BOX), float)
    odd = np.abs(cells - np.median(cells, axis=(0, 1))).sum(axis=2)
    rows, columns = np.unravel_index(np.argsort(odd, axis=None)[-_RICHEST:], odd.shape)
    corners = zip((columns * side).tolist(), (rows * side).tolist(), strict=True)
    return [*spots, *((min(x, width - side), min(y, height - side)) for x, y in corners)]
