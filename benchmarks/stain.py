"""Stain normalisation after Macenko et al. 2009, as a candidate that `recipes.py` compares."""

from __future__ import annotations

import numpy as np

_TARGET = np.array([[0.5626, 0.2159], [0.7201, 0.8012], [0.4062, 0.5581]])
_TARGET_MAXIMUM = np.array([1.9705, 1.0308])
_LIGHT, _FAINT, _PERCENTILE = 240.0, 0.15, 1.0


def macenko(pixels: np.ndarray) -> np.ndarray:
    """Bring the two stains of a tile to a standard; a tile with hardly any stain is returned unchanged.

    Parameters
    ----------
    pixels
        ``uint8``, shape (h, w, 3).
    """
    density = -np.log((pixels.reshape(-1, 3).astype(np.float64) + 1) / _LIGHT)
    stained = density[(density > _FAINT).all(axis=1)]
    if len(stained) < 100:
        return pixels
    _, vectors = np.linalg.eigh(np.cov(stained.T))
    plane = vectors[:, 1:]
    angles = np.arctan2(*(stained @ plane).T[::-1])
    ends = np.percentile(angles, [_PERCENTILE, 100 - _PERCENTILE])
    stains = plane @ np.array([np.cos(ends), np.sin(ends)])
    stains *= np.sign(stains.sum(axis=0))
    if stains[0, 0] < stains[0, 1]:
        stains = stains[:, ::-1]  # haematoxylin absorbs more red
    amounts = np.linalg.lstsq(stains, density.T, rcond=None)[0]
    maxima = np.maximum(np.percentile(amounts, 99, axis=1), 1e-6)
    restored = _LIGHT * np.exp(-_TARGET @ (amounts * (_TARGET_MAXIMUM / maxima)[:, None]))
    return np.clip(restored.T.reshape(pixels.shape), 0, 255).astype(np.uint8)
