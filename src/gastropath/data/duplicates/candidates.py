"""Pairs of tiles worth comparing: those with keypoints in common, found without comparing all tiles with all others.

Descriptions of keypoints are reduced to bits (the signs along their principal axes) and sorted by these bits several
times, in different orders of the bits. The keypoints of a copy are near each other in at least some of the orders, so
only neighbours are compared (the sorted-neighbourhood method of Hernández and Stolfo 1995, on the bits of Charikar
2002). The cost is that of sorting, however the tiles are distributed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gastropath.data.duplicates.keypoints import DIMENSIONS, INVERSE, LENGTH, THEN, Keypoints, oriented_points
from gastropath.progress import Progress, silent

LEAST_VOTES = 3
"""Number of keypoints that must agree on flip, turn and shift before two tiles are compared."""

_ORDERS = 10
_NEIGHBOURS = 8
_ALIKE = 0.88  # cosine between two descriptions of the same point
_FARTHEST_PX = 34.0
_AGREE_PX = 12.0  # rescaling by 10 % moves the outermost points by less than this against each other
_CLOSE_PX = 4.0
_ZOOM = 1.15
_FOR_AXES = 50_000
_AT_ONCE = 100_000


@dataclass(frozen=True)
class Candidate:
    """Two tiles that share keypoints.

    Attributes
    ----------
    a, b
        Their numbers, ``a < b``.
    orientation
        The flip and turn that brings ``b`` onto ``a``.
    zoom
        About how many times larger the tissue appears in ``b``.
    shift_px
        About where the centre of ``a`` lies in ``b``, right and down of its centre, in pixels of the grey picture.
    votes
        Number of keypoints that agree on this.
    """

    a: int
    b: int
    orientation: int
    zoom: float
    shift_px: tuple[float, float]
    votes: int


def find_candidates(
    tiles: Sequence[Keypoints], *, across: int | None = None, seed: int = 0, progress: Progress = silent
) -> list[Candidate]:
    """Find the pairs of tiles that share keypoints.

    Parameters
    ----------
    tiles
        Keypoints of each tile.
    across
        Where given, only pairs between the first ``across`` tiles and the others are wanted.
    seed
        Of the orders.

    Returns
    -------
    list of Candidate
        At most one for each pair, sorted by ``a`` and ``b``.
    """
    owner = np.repeat(np.arange(len(tiles)), [len(tile) for tile in tiles])
    if not len(owner):
        return []
    description = np.concatenate([tile.description for tile in tiles])
    rng = np.random.default_rng(seed)
    bits = _bits(description, rng)
    position = np.concatenate([tile.position for tile in tiles])
    orientation = np.concatenate([tile.orientation for tile in tiles])
    found = [np.empty(0, np.int64)]
    for done in range(_ORDERS):
        order = _sorted_by(bits[:, rng.permutation(DIMENSIONS)])
        alike = _alike_neighbours(description, owner, order, across)
        found.append(_in_reach(np.unique(alike), position, orientation))
        progress("searching for copies", done + 1, _ORDERS)
    pairs = np.unique(np.concatenate(found))
    del found, bits, description
    return _vote(_of_many(pairs, owner), owner, position, orientation)


def _bits(description: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reduce descriptions to the signs of their components along the principal axes of all of them."""
    sample = rng.choice(len(description), min(len(description), _FOR_AXES), replace=False)
    seen = description[sample].astype(np.float64)
    mean = seen.mean(axis=0)
    _, axes = np.linalg.eigh(np.atleast_2d((seen - mean).T @ (seen - mean)))
    bits = np.empty((len(description), DIMENSIONS), bool)
    for start in range(0, len(description), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        bits[part] = (description[part] - mean.astype(np.float32)) @ axes.astype(np.float32) > 0
    return bits


def _sorted_by(bits: np.ndarray) -> np.ndarray:
    packed = np.zeros((len(bits), 8), np.uint8)
    packed[:, : -(-DIMENSIONS // 8)] = np.packbits(bits, axis=1)
    return np.argsort(packed.view(">u8").ravel().astype(np.uint64), kind="stable")


def _alike_neighbours(description: np.ndarray, owner: np.ndarray, order: np.ndarray, across: int | None) -> np.ndarray:
    """Return the neighbours in an order that look alike, as ``lower * n + higher``."""
    n, least = len(order), _ALIKE * LENGTH**2
    found = []
    for start in range(0, n, _AT_ONCE):
        rows = order[start : start + _AT_ONCE + _NEIGHBOURS]
        part = description[rows].astype(np.float32)
        tile = owner[rows]
        for step in range(1, min(_NEIGHBOURS, len(rows) - 1) + 1):
            alike = np.einsum("ij,ij->i", part[:-step], part[step:]) >= least
            alike &= tile[:-step] != tile[step:]
            if across is not None:
                alike &= (tile[:-step] < across) != (tile[step:] < across)
            one, other = rows[:-step][alike], rows[step:][alike]
            found.append(np.minimum(one, other) * np.int64(n) + np.maximum(one, other))
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _in_reach(pairs: np.ndarray, position: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Return the pairs of keypoints whose shift a copy could have; of many that look alike they are few."""
    kept = [np.empty(0, np.int64)]
    for start in range(0, len(pairs), _AT_ONCE):
        some = pairs[start : start + _AT_ONCE]
        *_, here, there = _laid(some, position, orientation)
        kept.append(some[np.abs(there - here).max(axis=1, initial=0) <= _FARTHEST_PX])
    return np.concatenate(kept)


def _of_many(pairs: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Return the pairs of keypoints between whose tiles there are enough for a vote."""
    first, second = np.divmod(pairs, len(owner))
    _, place, counts = np.unique(owner[first] * len(owner) + owner[second], return_inverse=True, return_counts=True)
    return pairs[counts[place] >= LEAST_VOTES]


def _laid(
    pairs: np.ndarray, position: np.ndarray, orientation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return both keypoints of pairs, the turn between them, where the first lies and where the turned second does."""
    first, second = np.divmod(pairs, len(position))
    turn = THEN[orientation[second], INVERSE[orientation[first]]]
    return first, second, turn, position[first], oriented_points(position[second], turn)


def _vote(pairs: np.ndarray, owner: np.ndarray, position: np.ndarray, orientation: np.ndarray) -> list[Candidate]:
    """Let every pair of similar keypoints vote for a flip, turn and shift; keep the best of each pair of tiles."""
    first, second, turn, here, there = _laid(pairs, position, orientation)
    shift = there - here
    order = np.lexsort((turn, owner[second], owner[first]))
    ballot = np.stack([owner[first], owner[second], turn], axis=1)[order]
    starts = np.flatnonzero(np.any(np.diff(ballot, axis=0, prepend=-1), axis=1))
    ends = np.append(starts[1:], len(ballot))
    best: dict[tuple[int, int], Candidate] = {}
    for k in np.flatnonzero(ends - starts >= LEAST_VOTES):
        votes = order[starts[k] : ends[k]]
        votes = votes[np.abs(shift[votes] - np.median(shift[votes], axis=0)).max(axis=1) <= _AGREE_PX]
        number = min(len(np.unique(first[votes])), len(np.unique(second[votes])))
        a, b, g = (int(value) for value in ballot[starts[k]])
        if number >= LEAST_VOTES and ((a, b) not in best or number > best[a, b].votes):
            best[a, b] = Candidate(a, b, g, *_zoom_and_shift(here[votes], there[votes]), number)
    return list(best.values())


def _zoom_and_shift(here: np.ndarray, there: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Fit ``there = zoom * here + shift``; where the points lie close together, towards a zoom of 1."""
    middle_here, middle_there = here.mean(axis=0), there.mean(axis=0)
    spread, prior = here - middle_here, len(here) * _CLOSE_PX**2
    zoom = float((np.sum(spread * (there - middle_there)) + prior) / (np.sum(spread**2) + prior))
    zoom = min(max(zoom, 1 / _ZOOM), _ZOOM)
    right, down = middle_there - zoom * middle_here
    return zoom, (float(right), float(down))
