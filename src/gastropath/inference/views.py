"""The eight ways in which a tile can lie: tissue has no up and no left."""

from __future__ import annotations

import numpy as np

VIEWS = 8
"""Flips and quarter turns of a square, the identity first."""


def dihedral(tiles: np.ndarray, view: int) -> np.ndarray:
    """Flip or turn square tiles.

    Parameters
    ----------
    tiles
        Shape (..., side, side, channels).
    view
        0 is the tile itself, 1 to 3 its quarter turns, 4 to 7 the mirror images of these.

    Returns
    -------
    numpy.ndarray
        The same shape; a view of the same memory where it can be.
    """
    if not 0 <= view < VIEWS:
        raise ValueError(f"view is {view}; expected 0 to {VIEWS - 1}")
    turned = np.rot90(tiles, view % 4, axes=(-3, -2))
    return turned[..., ::-1, :] if view >= 4 else turned
