"""Which tiles to label next: those that stand for many others of whose answer the model is unsure."""

from __future__ import annotations

import numpy as np

MOST = 12
"""Suggestions that are made at a time: each is unlike the others as well."""

_CANDIDATES = 1500
_DOUBT = 0.5
"""How much a tile counts of whose answer the model is sure, beside one of which it knows nothing."""


def suggest(
    features: np.ndarray, chances: np.ndarray, labelled: np.ndarray, *, seed: int = 0, most: int = MOST
) -> np.ndarray:
    """Choose tiles to label, the most useful one first.

    Each tile is as far from being known as from the nearest one that is labelled or chosen, and counts the more the
    closer its two best classes are. The next one chosen brings all of them together nearest to a label (the greedy rule
    for facility location, Nemhauser, Wolsey and Fisher 1978): so tiles are chosen that are unlike the labelled ones and
    unlike each other, and that stand for many; the merely odd ones are not.

    Parameters
    ----------
    features
        Of tiles that have no label, shape (n, f).
    chances
        Probabilities of the classes of each, shape (n, k).
    labelled
        Features of the tiles that have one, shape (m, f).
    seed
        Of the draw of candidates, where there are many tiles.
    most
        How many.

    Returns
    -------
    numpy.ndarray
        Rows of ``features``: ``int64``, shape (at most ``most``,).
    """
    if not len(features):
        return np.zeros(0, np.int64)
    rows = np.arange(len(features))
    if len(rows) > _CANDIDATES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _CANDIDATES, replace=False))
    best = np.sort(chances[rows], axis=1)
    doubt = _DOUBT + (1 - _DOUBT) * (1 - (best[:, -1] - best[:, -2]))
    middle = features[rows].mean(axis=0, dtype=np.float32)
    tiles = _directions(features[rows], middle)
    apart = 1 - tiles @ tiles.T
    away = np.ones(len(rows), np.float32)
    if len(labelled):
        away = np.clip(1 - (tiles @ _directions(labelled, middle).T).max(axis=1), 0, 1)
    chosen: list[int] = []
    for _ in range(min(most, len(rows))):
        gains = doubt @ np.maximum(0, away[:, None] - apart)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        away = np.minimum(away, apart[chosen[-1]])
    return rows[np.array(chosen, np.int64)]


def _directions(features: np.ndarray, middle: np.ndarray) -> np.ndarray:
    away = features.astype(np.float32) - middle
    return away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
