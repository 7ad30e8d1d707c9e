"""Registering one tile with another: how it is shifted and scaled, and whether it then shows the same.

Pictures are ``float32`` grey levels, shape (n, side, side); the second of a pair has its flip and turn undone already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gastropath.data.duplicates.keypoints import SIDE_PX, gaussian

_LEVELS = ((4, 8), (2, 5), (1, 4))
"""How much the pictures are shrunk, and how many steps are taken there."""

_ZOOM = (0.80, 1.25)
_BLOCK_PX = 14
_NOISE = 1.5  # grey levels of detail that a camera or a compression may add to bare glass
_HOPELESS = 0.35
"""Agreement at half size below which a pair is not registered at full size; copies have far more."""

_DISAGREEING = 0.35
"""Share of the blocks that may disagree: a shift with padding, a fold or a mark may spoil that many."""


@dataclass(frozen=True)
class Registration:
    """How the second picture of each pair lies on the first, one entry for each pair.

    Attributes
    ----------
    zoom
        How many times larger the tissue appears in the second picture.
    shift_px
        Shape (n, 2): where the centre of the first lies in the second, right and down of its centre, in its pixels.
    agreement
        Correlation of detail, block by block: the value that at least 65 % of the blocks with any detail reach. 1 is
        the same picture; -1 where no block has detail.
    informative
        Number of blocks that hold detail in both pictures.
    overlap
        Share of the first picture that the second covers.
    """

    zoom: np.ndarray
    shift_px: np.ndarray
    agreement: np.ndarray
    informative: np.ndarray
    overlap: np.ndarray


def register(first: np.ndarray, second: np.ndarray, zoom: np.ndarray, shift_px: np.ndarray) -> Registration:
    """Register each second picture with its first by least squares from coarse to fine (Lucas and Kanade 1981).

    Brightness and contrast are free. Pairs that do not agree at half size are not registered at full size.

    Parameters
    ----------
    first, second
        ``float32``, shape (n, SIDE_PX, SIDE_PX).
    zoom, shift_px
        Shapes (n,) and (n, 2): a first guess of those in the :class:`Registration`.
    """
    zoom, shift = zoom.astype(np.float32), shift_px.astype(np.float32)
    going_on = np.arange(len(first))
    for level, steps in _LEVELS:
        if level == 1:
            agreement, _, _ = _agreement(_shrunk(first, 2), _shrunk(second, 2), zoom, shift / 2)
            going_on = np.flatnonzero(agreement >= _HOPELESS)
            if not len(going_on):
                break
        a, b = (_shrunk(pictures[going_on], level) for pictures in (first, second))
        for _ in range(steps):
            by, right, down = _step(a, b, zoom[going_on], shift[going_on] / level)
            zoom[going_on] = np.clip(zoom[going_on] + np.clip(by, -0.05, 0.05), *_ZOOM)
            shift[going_on] += level * np.clip(np.stack([right, down], axis=1), -2, 2)
    return Registration(zoom, shift, *_agreement(first, second, zoom, shift))


def _shrunk(pictures: np.ndarray, level: int) -> np.ndarray:
    if level == 1:
        return gaussian(1.0) @ pictures @ gaussian(1.0).T
    side = SIDE_PX // level
    return pictures.reshape(len(pictures), side, level, side, level).mean(axis=(2, 4))


def _grid(side: int) -> np.ndarray:
    return np.arange(side, dtype=np.float32) - (side - 1) / 2


def _sampling(side: int, zoom: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return linear interpolation along one axis as matrices, shape (n, side, side), and which samples lie inside."""
    at = zoom[:, None] * _grid(side) + shift[:, None] + (side - 1) / 2
    weights = np.maximum(0, 1 - np.abs(at[:, :, None] - np.arange(side, dtype=np.float32)))
    return weights.astype(np.float32), ((at >= 0) & (at <= side - 1)).astype(np.float32)


def _warped(pictures: np.ndarray, zoom: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample pictures at ``zoom * x + shift`` from the centre, and return which pixels that covers (1 or 0)."""
    columns, in_x = _sampling(pictures.shape[-1], zoom, shift[:, 0])
    rows, in_y = _sampling(pictures.shape[-1], zoom, shift[:, 1])
    return rows @ pictures @ columns.transpose(0, 2, 1), in_y[:, :, None] * in_x[:, None, :]


def _step(a: np.ndarray, b: np.ndarray, zoom: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, ...]:
    """Solve for the changes of zoom and shift, and for brightness and contrast, that bring b closest to a."""
    n, side = len(a), a.shape[-1]
    moved, covered = _warped(b, zoom, shift)
    down, right = np.gradient(moved, axis=(1, 2))
    x, y = _grid(side)[None, None, :], _grid(side)[None, :, None]
    columns = np.stack([right * x + down * y, right, down, moved, np.ones_like(moved)], axis=1)
    columns = (columns * covered[:, None]).reshape(n, 5, side**2)
    normal = (columns @ columns.transpose(0, 2, 1)).astype(np.float64)
    target = (columns @ (a * covered).reshape(n, side**2, 1)).astype(np.float64)
    solved = np.linalg.solve(normal + 1e-3 * np.eye(5), target)[..., 0]
    # Detail moves by d when the samples move by d; the slope was measured after zooming, so it is divided by it.
    contrast = np.maximum(solved[:, 3], 0.2)
    return tuple((zoom * solved[:, k] / contrast).astype(np.float32) for k in range(3))


def _agreement(
    first: np.ndarray, second: np.ndarray, zoom: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare detail, without shading and without the finest noise: see :class:`Registration`."""
    n, side = len(first), first.shape[-1]
    level = SIDE_PX // side
    fine, coarse = gaussian(0.8, side), gaussian(4.0 / level, side)
    a, b = (fine @ pictures @ fine.T - coarse @ pictures @ coarse.T for pictures in (first, second))
    b, covered = _warped(b, zoom, shift)
    a, b = a * covered, b * covered
    block = _BLOCK_PX // level

    def summed(values: np.ndarray) -> np.ndarray:
        blocks = values.reshape(n, side // block, block, side // block, block).sum(axis=(2, 4))
        return blocks.reshape(n, (side // block) ** 2)

    aa, bb, ab, pixels = summed(a * a), summed(b * b), summed(a * b), summed(covered)
    enough = (pixels >= 0.5 * block**2) & (np.maximum(aa, bb) >= _NOISE**2 * pixels)
    # Blocks without detail are sorted to the end.
    correlation = np.sort(np.where(enough, ab / np.sqrt(np.maximum(aa * bb, 1e-9)), np.inf), axis=1)
    informative = enough.sum(axis=1)
    reached = correlation[np.arange(n), (_DISAGREEING * np.maximum(informative - 1, 0)).astype(int)]
    return np.where(informative > 0, reached, -1.0), informative, pixels.sum(axis=1) / side**2
