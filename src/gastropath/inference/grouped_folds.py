"""Folds for cross-validation that part no group and hold the classes in like shares."""

from __future__ import annotations

import numpy as np

FOLDS = 5

Folds = list[tuple[np.ndarray, np.ndarray]]
"""Rows to train on and rows held out, a pair a fold."""

_ATTEMPTS = 20


def grouped_folds(labels: np.ndarray, units: np.ndarray, n_classes: int, *, seed: int = 0, folds: int = FOLDS) -> Folds:
    """Return (train, held-out) rows of folds that part no unit and hold the classes in like shares.

    There are fewer folds where a class lies in fewer units; none where it lies in one, or where no division leaves
    every class tiles to train on.

    Parameters
    ----------
    labels
        Class numbers, shape (n,), each at least once.
    units
        What must stay together of each row, shape (n,).
    n_classes
        Number of classes.
    seed
        Of the order in which units are dealt out.
    folds
        How many at most.
    """
    k = min(folds, *(len(np.unique(units[labels == number])) for number in range(n_classes)))
    for attempt in range(_ATTEMPTS if k > 1 else 0):
        of_row = _dealt(labels, units, n_classes, k, seed + 1000 * attempt)
        found = [(np.flatnonzero(of_row != fold), np.flatnonzero(of_row == fold)) for fold in range(k)]
        if all(len(np.unique(labels[train])) == n_classes for train, _ in found):
            return found
    return []


def _dealt(labels: np.ndarray, units: np.ndarray, n_classes: int, k: int, seed: int) -> np.ndarray:
    """Return the fold of each row: units go, those of the most uneven classes first, where they even the folds out.

    The greedy rule, and its draws, are those of scikit-learn's ``StratifiedGroupKFold``, which is not there where a
    model is only used.
    """
    names, unit_of_row = np.unique(units, return_inverse=True)
    counts = np.zeros((len(names), n_classes))
    np.add.at(counts, (unit_of_row, labels), 1)
    order = np.arange(len(names))
    np.random.RandomState(seed).shuffle(order)
    order = order[np.argsort(-counts[order].std(axis=1), kind="stable")]
    totals, dealt, fold_of_unit = counts.sum(axis=0), np.zeros((k, n_classes)), np.zeros(len(names), np.int64)
    for unit in order:
        fold = _best(dealt, totals, counts[unit])
        dealt[fold] += counts[unit]
        fold_of_unit[unit] = fold
    return fold_of_unit[unit_of_row]


def _best(dealt: np.ndarray, totals: np.ndarray, added: np.ndarray) -> int:
    """Return the fold that a unit makes most alike to the others; of equals, the one with the fewest rows."""
    k = len(dealt)
    tried = np.repeat(dealt[None], k, axis=0)
    tried[np.arange(k), np.arange(k)] += added
    unevenness = (tried / totals).std(axis=1).mean(axis=1)
    rows = dealt.sum(axis=1)
    best = 0
    for fold in range(1, k):
        is_alike = np.isclose(unevenness[fold], unevenness[best])
        if unevenness[fold] < unevenness[best] or (is_alike and rows[fold] < rows[best]):
            best = fold
    return best
