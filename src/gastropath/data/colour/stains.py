"""Stains: from colour to the amounts of haematoxylin and eosin, and back."""

from __future__ import annotations

import numpy as np

STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], np.float32)
"""Optical density in red, green and blue of haematoxylin, eosin and a third stain (Ruifrok and Johnston 2001)."""

LIGHT = 256.0
"""Grey level without any stain, plus one: the density of black stays finite."""


def restained(pixels: np.ndarray, haematoxylin: float, eosin: float) -> np.ndarray:
    """Change how strongly a tile is stained.

    Parameters
    ----------
    pixels
        ``uint8`` RGB, shape (..., 3).
    haematoxylin, eosin
        Factors of the two stains; 1 changes nothing beyond rounding.

    Returns
    -------
    numpy.ndarray
        ``uint8``, of the shape of ``pixels``.
    """
    rows = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    factors = np.diag(np.array([haematoxylin, eosin, 1.0], np.float32))
    density = -np.log((pixels.astype(np.float32) + 1.0) / np.float32(LIGHT))
    density = np.maximum(density @ (np.linalg.inv(rows) @ factors @ rows).astype(np.float32), 0)
    return np.clip(np.rint(np.exp(-density) * np.float32(LIGHT) - 1.0), 0, 255).astype(np.uint8)
