"""Pixels that were averaged while they were decoded, as a bicubic filter would have shown them.

A mean over 2 x 2 pixels, which is also what a JPEG decoded at half size comes to, keeps less of fine detail than the
filter that tiles are otherwise made smaller with, and models see that. The weights were fitted to real tiles in JPEG
(benchmarks/reduced_scale.py).
"""

from __future__ import annotations

import numpy as np

MARGIN_PX = 2
"""How far the filter reaches."""

_WEIGHTS, _BITS = (56, 6, -2), 6
"""Of a pixel and of its neighbours at each distance, to either side, in 64ths: they add up to one."""

_ROWS = 48
"""Filtered at a time, so that they stay in the processor's cache."""


def as_bicubic(pixels: np.ndarray) -> np.ndarray:
    """Filter a picture across and down; beyond its edge it is its own mirror image.

    Parameters
    ----------
    pixels
        ``uint8`` RGB, shape (h, w, 3).

    Returns
    -------
    numpy.ndarray
        Of the same dtype and shape.
    """
    height, width = pixels.shape[:2]
    found = np.empty_like(pixels)
    for top in range(0, height, _ROWS):
        first, last = max(0, top - MARGIN_PX), min(height, top + _ROWS + MARGIN_PX)
        lacking = (MARGIN_PX - (top - first), max(0, top + _ROWS + MARGIN_PX - last))
        part = np.pad(pixels[first:last], (lacking, (MARGIN_PX, MARGIN_PX), (0, 0)), "symmetric").astype(np.int16)
        across = _filtered(part.reshape(len(part), -1).T, 3).T
        down = np.clip(_filtered(across, 1), 0, 255).reshape(-1, width, 3)
        found[top : top + _ROWS] = down[: height - top]
    return found


def _filtered(values: np.ndarray, step: int) -> np.ndarray:
    """Filter ``int16`` values, at most 330, along the first axis, where neighbours are ``step`` apart."""
    n = len(values) - 2 * MARGIN_PX * step
    middle = MARGIN_PX * step
    total = values[middle : middle + n] * np.int16(_WEIGHTS[0])
    for distance, weight in enumerate(_WEIGHTS[1:], start=1):
        pair = values[middle - distance * step : middle - distance * step + n]
        pair = pair + values[middle + distance * step : middle + distance * step + n]
        pair *= np.int16(weight)
        total += pair
    total += np.int16(2 ** (_BITS - 1))
    total >>= _BITS
    return total
