"""Near-duplicates: tiles that show the same tissue though their pixels differ.

Copies that are re-encoded, brighter, stained differently, flipped, turned, shifted or slightly rescaled. Candidates
share keypoints (:mod:`gastropath.data.duplicates.candidates`); each is then verified by registering the two tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from gastropath.data.duplicates.candidates import Candidate, find_candidates
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.data.duplicates.keypoints import SIDE_PX, Keypoints, grey_picture, oriented, points_found_again
from gastropath.data.duplicates.registration import register
from gastropath.decoding import decode
from gastropath.errors import CannotReadImage
from gastropath.images import pixel_sha256
from gastropath.parallel import each
from gastropath.progress import Progress, silent

LEAST_LIKENESS = 0.67
"""Likeness from which two tiles are near-duplicates; ``docs/duplicates.md`` shows how it was set.

Likeness is the mean of two measures that fail in different cases: the agreement of detail after registration, and the
share of keypoints found again.
"""

LEAST_OVERLAP = 0.50
"""Share of a tile that the other must cover."""

_FEW_BLOCKS = 8  # a single speck on glass is detail in fewer
_STILL_PX = 1.0
_STILL_ZOOM = 0.02
_AT_ONCE = 16
_REMEMBERED = 2048  # grey pictures of 12.5 kB


def find_near_duplicates(
    files: Sequence[Path],
    points: Sequence[Keypoints],
    *,
    across: int | None = None,
    least: float = LEAST_LIKENESS,
    shown: Sequence[str] = (),
    on_lost: Callable[[int], object] = lambda row: None,
    progress: Progress = silent,
) -> list[NearPair]:
    """Find and verify near-duplicates.

    Parameters
    ----------
    files
        One for each tile; candidates are decoded again, so that memory does not grow with the size of pictures.
    points
        Keypoints of each tile, see :func:`gastropath.data.duplicates.keypoints.find_keypoints`.
    across
        Where given, only pairs between the first ``across`` tiles and the others are wanted.
    least
        Likeness from which two tiles are a pair.
    shown
        What each tile must show (:func:`gastropath.images.pixel_sha256`): one that shows something else by now is in no
        pair. By default this is not looked at.
    on_lost
        Called with the position of a tile that cannot be compared because it changed.

    Returns
    -------
    list of NearPair
        Sorted by row; ``a`` and ``b`` are positions in ``files``.
    """
    candidates = find_candidates(points, across=across, progress=progress)

    @lru_cache(_REMEMBERED)
    def picture(row: int) -> np.ndarray | None:
        with suppress(CannotReadImage):
            decoded = decode(files[row])
            if not shown or pixel_sha256(decoded) == shown[row]:
                return grey_picture(decoded)
        on_lost(row)  # the file has changed since the audit read it: the pair cannot be verified
        return None

    def verify(some: Sequence[Candidate]) -> list[NearPair]:
        read = {row: picture(row) for c in some for row in (c.a, c.b)}
        pictures = {row: grey for row, grey in read.items() if grey is not None}
        return _verified([c for c in some if c.a in pictures and c.b in pictures], pictures, points, least)

    batches = [candidates[start : start + _AT_ONCE] for start in range(0, len(candidates), _AT_ONCE)]
    near: list[NearPair] = []
    for done, pairs in enumerate(each(verify, batches), start=1):
        near += pairs
        progress("comparing candidates", min(done * _AT_ONCE, len(candidates)), len(candidates))
    return near


def _verified(
    candidates: Sequence[Candidate], pictures: Mapping[int, np.ndarray], points: Sequence[Keypoints], least: float
) -> list[NearPair]:
    """Return the near-duplicates among a few candidates."""
    if not candidates:
        return []
    first = np.stack([pictures[c.a] for c in candidates]).astype(np.float32)
    second = np.stack([oriented(pictures[c.b], c.orientation) for c in candidates]).astype(np.float32)
    guess = np.array([c.zoom for c in candidates]), np.array([c.shift_px for c in candidates])
    laid = register(first, second, *guess)
    # A few specks on glass agree with any few others after a shift, but hardly ever in place.
    still = (np.abs(laid.shift_px).max(axis=1) <= _STILL_PX) & (np.abs(laid.zoom - 1) <= _STILL_ZOOM)
    plausible = (laid.overlap >= LEAST_OVERLAP) & (still | (laid.informative >= _FEW_BLOCKS))
    near = []
    for i in map(int, np.flatnonzero(plausible & (laid.agreement >= 2 * least - 1))):
        c, zoom = candidates[i], float(laid.zoom[i])
        right, down = (float(value) for value in laid.shift_px[i])
        shared = points_found_again(points[c.a], points[c.b], c.orientation, zoom, (right, down))
        likeness = (min(float(laid.agreement[i]), 1.0) + shared) / 2
        if likeness >= least:
            shift = round(right / SIDE_PX, 4), round(down / SIDE_PX, 4)
            overlap = round(float(laid.overlap[i]), 4)
            near.append(NearPair(c.a, c.b, round(1 - likeness, 4), c.orientation, round(zoom, 4), shift, overlap))
    return near
