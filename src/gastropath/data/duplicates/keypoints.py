"""Keypoints of a tile that can be found again in a shifted, flipped, turned, rescaled or re-encoded copy of it.

A tile is compared as a grey picture of :data:`SIDE_PX` pixels. Its keypoints are blobs (nuclei, mostly): extrema of a
difference of Gaussians (Lowe 2004). The patch around each is brought to one of eight orientations by its own first
moments, so a flip or quarter turn of the tile changes neither patch nor description; only the number of the
orientation is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

SIDE_PX = 112
"""Side of the grey picture in which tiles are compared."""

POINTS = 40
"""Largest number of keypoints of a tile."""

LENGTH = 127
"""Length of every description."""

_FINE_PX, _COARSE_PX = 1.6, 2.7  # blobs of 6 to 8 pixels stand out: a nucleus at 1 um a pixel
_PATCH_BLUR_PX = 1.2

_REACH = 5  # samples on each side of a point
_SPACING_PX = 2
_MARGIN_PX = _REACH * _SPACING_PX
_PEAK_RADIUS_PX = 2
_CONSIDERED = 128
_FAINTEST = 0.6  # grey levels: what lies below is noise of the camera or of the compression
_FREQUENCIES = 7
_INNER_PX = SIDE_PX / 2 - _MARGIN_PX
_SAME_PLACE_PX = 2.5
_SAME_LOOK = 0.75  # cosine


@dataclass(frozen=True)
class Keypoints:
    """The keypoints of one tile, strongest first.

    Attributes
    ----------
    position
        ``float32``, shape (n, 2): x and y from the centre of the grey picture, in its pixels.
    orientation
        ``uint8``, shape (n,): the flip and turn that brought the patch to its standard pose, see :func:`oriented`.
    description
        ``int8``, shape (n, DIMENSIONS): low frequencies of the patch in its standard pose, of constant length.
    """

    position: np.ndarray
    orientation: np.ndarray
    description: np.ndarray

    def __len__(self) -> int:
        return len(self.position)


def grey_picture(pixels: np.ndarray) -> np.ndarray:
    """Shrink a tile for comparison: ``uint8`` RGB of any size to ``uint8`` grey, shape (SIDE_PX, SIDE_PX)."""
    grey = Image.fromarray(pixels).convert("L")
    # Whole blocks of pixels are averaged where the side is a multiple: that treats all flips and turns alike.
    whole = all(side % SIDE_PX == 0 for side in grey.size)
    return np.asarray(grey.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX if whole else Image.Resampling.BILINEAR))


def oriented(picture: np.ndarray, orientation: int) -> np.ndarray:
    """Flip and turn a picture, shape (..., side, side): bit 0 mirrors x, bit 1 mirrors y, bit 2 then swaps them."""
    if orientation & 1:
        picture = picture[..., :, ::-1]
    if orientation & 2:
        picture = picture[..., ::-1, :]
    return np.swapaxes(picture, -1, -2) if orientation & 4 else picture


def oriented_points(position: np.ndarray, orientation: np.ndarray | np.uint8) -> np.ndarray:
    """Move points with the picture they lie in: ``float32``, shape (n, 2), x and y from the centre."""
    orientation = np.broadcast_to(orientation, position.shape[:1])
    sign = np.stack([1.0 - 2.0 * (orientation & 1), 1.0 - (orientation & 2)], axis=1)
    moved = (position * sign).astype(np.float32)
    return np.where((orientation & 4)[:, None] > 0, moved[:, ::-1], moved)


def _compositions() -> tuple[np.ndarray, np.ndarray]:
    """Return tables of the eight orientations: the inverse of each, and the product of any two."""
    probe = np.arange(9).reshape(3, 3)
    images = [oriented(probe, g).tobytes() for g in range(8)]
    then = np.array([[images.index(oriented(oriented(probe, g), h).tobytes()) for h in range(8)] for g in range(8)])
    return np.argmax(then == 0, axis=1).astype(np.uint8), then.astype(np.uint8)


INVERSE, THEN = _compositions()


@lru_cache
def gaussian(sigma_px: float, side: int = SIDE_PX) -> np.ndarray:
    """Return a Gaussian blur as a matrix, ``float32``, shape (side, side); at the border its rows are cut off."""
    distance = np.arange(side)[:, None] - np.arange(side)[None, :]
    weights = np.exp(-0.5 * (distance / sigma_px) ** 2)
    weights[np.abs(distance) > 4 * sigma_px] = 0
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


_STEPS = np.arange(-_REACH, _REACH + 1)
_PATCH_Y, _PATCH_X = (axis.ravel() for axis in np.meshgrid(_STEPS, _STEPS, indexing="ij"))
_WINDOW = np.exp(-0.5 * (_PATCH_X**2 + _PATCH_Y**2) / (0.6 * _REACH) ** 2).astype(np.float32)


def _cosines() -> np.ndarray:
    """Low frequencies of the windowed patch, without its mean and its two slopes (which the pose has used up)."""
    n = len(_STEPS)
    basis = np.cos(np.pi * np.arange(_FREQUENCIES)[:, None] * (2 * np.arange(n)[None, :] + 1) / (2 * n))
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    pairs = [(v, u) for v in range(_FREQUENCIES) for u in range(_FREQUENCIES) if 2 <= u + v < _FREQUENCIES + 1]
    return np.stack([np.outer(basis[v], basis[u]).ravel() for v, u in pairs], axis=1).astype(np.float32)


_COSINES = _cosines()
DIMENSIONS = _COSINES.shape[1]
_POSES = np.stack([oriented(np.arange(len(_PATCH_X)).reshape(len(_STEPS), -1), g).ravel() for g in range(8)])


def find_keypoints(picture: np.ndarray) -> Keypoints:
    """Find and describe the keypoints of a grey picture, ``uint8``, shape (SIDE_PX, SIDE_PX)."""
    grey = picture.astype(np.float32)
    fine, coarse, blur = gaussian(_FINE_PX), gaussian(_COARSE_PX), gaussian(_PATCH_BLUR_PX)
    blob = np.abs(fine @ grey @ fine.T - coarse @ grey @ coarse.T)
    y, x = _peaks(blob)
    strength = blob[y, x]
    smooth = blur @ grey @ blur.T
    patch = smooth[y[:, None] + _SPACING_PX * _PATCH_Y, x[:, None] + _SPACING_PX * _PATCH_X]
    patch = (patch - patch.mean(axis=1, keepdims=True)) * _WINDOW
    length = np.linalg.norm(patch, axis=1)
    slope_x, slope_y = patch @ _PATCH_X.astype(np.float32), patch @ _PATCH_Y.astype(np.float32)
    orientation = (slope_x < 0) | (slope_y < 0) << 1
    orientation = orientation.astype(np.uint8) | (np.abs(slope_y) > np.abs(slope_x)).astype(np.uint8) << 2
    # A nearly symmetric patch may get another orientation in a copy: prefer those that are clearly lopsided.
    clear = np.minimum(np.minimum(np.abs(slope_x), np.abs(slope_y)), np.abs(np.abs(slope_x) - np.abs(slope_y)))
    worth = strength * clear / np.maximum(length, 1e-6)
    kept = np.argsort(-worth, kind="stable")[:POINTS]
    orientation = orientation[kept]
    posed = np.take_along_axis(patch[kept], _POSES[orientation], axis=1)
    described = posed @ _COSINES
    described *= LENGTH / np.maximum(np.linalg.norm(described, axis=1, keepdims=True), 1e-6)
    centre = (SIDE_PX - 1) / 2
    position = np.stack([x[kept] - centre, y[kept] - centre], axis=1).astype(np.float32)
    return Keypoints(position, orientation, np.rint(described).astype(np.int8))


def points_found_again(
    first: Keypoints, second: Keypoints, orientation: int, zoom: float, shift_px: tuple[float, float]
) -> float:
    """Return which share of the keypoints that both tiles should have are at the same place and orientation in both.

    Parameters
    ----------
    first, second
        Keypoints of the two tiles.
    orientation
        The flip and turn that brings the second onto the first.
    zoom, shift_px
        A position x in the first is at ``zoom * x + shift_px`` in the second, both from the centres.
    """
    shift = np.asarray(shift_px, np.float32)
    there = first.position * zoom + shift
    second_there = oriented_points(second.position, np.uint8(orientation))
    second_here = (second_there - shift) / zoom
    expected = np.flatnonzero(np.abs(there).max(axis=1, initial=0) <= _INNER_PX)
    offered = np.flatnonzero(np.abs(second_here).max(axis=1, initial=0) <= _INNER_PX)
    if not len(expected) or not len(offered):
        return 0.0
    same = np.abs(there[expected, None] - second_there[None, offered]).max(axis=2) <= _SAME_PLACE_PX
    same &= THEN[second.orientation[offered], INVERSE[first.orientation[expected]][:, None]] == orientation
    alike = first.description[expected].astype(np.float32) @ second.description[offered].astype(np.float32).T
    same &= alike >= _SAME_LOOK * LENGTH**2
    return float(min(same.any(axis=1).sum(), same.any(axis=0).sum()) / min(len(expected), len(offered)))


def _peaks(blob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the strongest local maxima at least a patch away from the border."""
    highest = blob
    for axis in (0, 1):
        padded = np.pad(highest, [(_PEAK_RADIUS_PX,) * 2 if i == axis else (0, 0) for i in (0, 1)])
        shifted = [np.take(padded, range(k, k + SIDE_PX), axis) for k in range(2 * _PEAK_RADIUS_PX + 1)]
        highest = np.maximum.reduce(shifted)
    peak = (blob == highest) & (blob > _FAINTEST)
    inner = slice(_MARGIN_PX, SIDE_PX - _MARGIN_PX)
    y, x = np.nonzero(peak[inner, inner])
    y, x = y + _MARGIN_PX, x + _MARGIN_PX
    strongest = np.argsort(-blob[y, x], kind="stable")[:_CONSIDERED]
    return y[strongest], x[strongest]
