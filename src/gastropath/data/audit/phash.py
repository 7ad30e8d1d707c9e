"""A perceptual hash that flips and quarter turns leave unchanged."""

from __future__ import annotations

import numpy as np
from PIL import Image

_SIDE = 32
_KEPT = 8


def _cosine_basis() -> np.ndarray:
    """Rows are the first 8 functions of the discrete cosine transform (type II) over 32 samples."""
    frequency, sample = np.arange(_KEPT)[:, None], np.arange(_SIDE)[None, :]
    return np.cos(np.pi * frequency * (2 * sample + 1) / (2 * _SIDE))


_BASIS = _cosine_basis()
_SIGN = (-1.0) ** np.arange(_KEPT)


def perceptual_hash(pixels: np.ndarray) -> str:
    """Hash what a tile looks like to 64 bits.

    The grey tile is shrunk to 32 x 32 and its lowest 8 x 8 cosine coefficients are compared with their median
    (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"). A flip changes only signs of
    coefficients and a transposition swaps their axes, so all eight orientations come from one transform; the smallest
    of the eight hashes is the tile's.

    Parameters
    ----------
    pixels
        ``uint8``, shape (height, width, 3).

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    # Shrunk in floating point: between its two passes, Pillow's 8-bit resize rounds rows and columns differently.
    grey = Image.fromarray(pixels).convert("L").convert("F")
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), np.float64)
    coefficients = np.round(_BASIS @ small @ _BASIS.T, 2)  # so that rounding errors do not decide about a flat tile
    oriented = []
    for base in (coefficients, coefficients.T):
        oriented += [base, base * _SIGN, base * _SIGN[:, None], base * _SIGN * _SIGN[:, None]]
    stack = np.stack(oriented).reshape(8, -1)
    stack[:, 0] = 0  # the mean brightness says nothing about structure
    bits = stack > np.median(stack, axis=1, keepdims=True)
    return min(row.tobytes().hex() for row in np.packbits(bits, axis=1))
