"""Marker pen on a slide: colours that no stain of H&E has, and red strokes that lie on glass."""

from __future__ import annotations

import numpy as np

_GREENISH, _COLOURED = 6, 30
_BLUE, _LITTLE_RED = 60, 90
_RED, _SURELY_RED = 130, 140
_WIDTHS, _ON_GLASS = 5, 0.6
_RIM_UM = 32.0


def find_ink(red: np.ndarray, green: np.ndarray, blue: np.ndarray, glass: np.ndarray, um: float, ndimage) -> np.ndarray:
    """Find marker pen.

    Green and blue-green ink absorbs red more than green, which no stain does; blue ink leaves far more blue than
    any other colour, over tissue too. Red ink has the colour of blood, so red is ink only where it is redder than
    blood was ever seen, and forms a stroke on glass: at least five times as long as wide, with mostly glass beside it.
    Blood in tissue and clots are kept. Red across tissue, red dots, pale red and violet are not found.

    Parameters
    ----------
    red, green, blue
        Smoothed colours in ninths of a grey value: ``int16``, shape (h, w).
    glass
        Where there is neither tissue nor ink: ``bool``, shape (h, w).
    um
        Micrometres per pixel.
    ndimage
        SciPy's module.
    """
    highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    found = (green > red + 9 * _GREENISH) & (highest - lowest > 9 * _COLOURED)
    found |= (blue > np.maximum(red, green) + 9 * _BLUE) & (red < 9 * _LITTLE_RED)
    ink = np.asarray(ndimage.binary_dilation(ndimage.binary_opening(found), iterations=2), bool)
    return ink | _red_strokes(2 * red - green - blue, glass, um, ndimage)


def _red_strokes(redness: np.ndarray, glass: np.ndarray, um: float, ndimage) -> np.ndarray:
    """Find strokes redder than blood, where they lie on glass, with their soft rim; redness is in 18ths."""
    parts, _ = ndimage.label(ndimage.binary_opening(redness > 18 * _RED), np.ones((3, 3)))
    strokes = np.zeros(redness.shape, bool)
    rim = max(2, round(_RIM_UM / um))
    for number, place in enumerate(ndimage.find_objects(parts), start=1):
        part = np.pad(parts[place] == number, 1)
        width = 2 * ndimage.distance_transform_edt(part).max()
        long_enough = _WIDTHS * width**2
        if part.sum() < long_enough or redness[place][part[1:-1, 1:-1]].mean() < 18 * _SURELY_RED:
            continue
        reach = round(width) + 2 * rim
        box = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in place)
        own = parts[box] == number
        beside = ~ndimage.binary_dilation(own, iterations=rim)
        seen = ndimage.uniform_filter(beside.astype(np.float32), 2 * reach + 1, mode="constant")
        clear = ndimage.uniform_filter((beside & glass[box]).astype(np.float32), 2 * reach + 1, mode="constant")
        own &= clear > _ON_GLASS * seen
        if own.sum() >= long_enough:
            strokes[box] |= np.asarray(ndimage.binary_dilation(own, iterations=rim), bool)
    return strokes
