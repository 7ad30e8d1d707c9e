"""Formulas, in NumPy alone: what a classifier got right, how well calibrated it is, and how sure we can be of both.

``true`` and ``predicted`` are integer class numbers, shape (n,); ``probabilities`` is (n, classes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; ``low`` and ``high`` are NaN where none could be computed."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "–"
        if np.isnan(self.low):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits, shape (n, classes), into ``float32`` probabilities; computed in double precision."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count tiles by true class (row) and predicted class (column): ``int64``, shape (classes, classes)."""
    cells = np.asarray(true, np.int64) * n_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Share of tiles on the diagonal. Works on a stack of matrices, shape (..., classes, classes)."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Per class: right / predicted. NaN for a class that was never predicted."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-2))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Per class: right / true. NaN for a class without tiles."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1))


def f1(matrix: np.ndarray) -> np.ndarray:
    """Per class: 2 right / (predicted + true). NaN for a class without tiles that was never predicted."""
    return _ratio(2 * _diagonal(matrix), matrix.sum(axis=-2) + matrix.sum(axis=-1))


def macro(per_class: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Mean over the classes that have tiles; a class never predicted counts as 0 (as scikit-learn does)."""
    present = matrix.sum(axis=-1) > 0
    return _ratio(np.where(present, np.nan_to_num(per_class), 0.0).sum(axis=-1), present.sum(axis=-1))


def auroc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Computed from ranks (Mann and Whitney 1947). NaN where one side is empty.
    """
    positive = np.asarray(positive, bool)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def negative_log_likelihood(true: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -ln p(true class)."""
    chosen = probabilities[np.arange(len(true)), true].astype(np.float64)
    return float(-np.log(np.clip(chosen, 1e-12, 1.0)).mean())


def brier_score(true: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared distance to the one-hot truth, summed over classes (Brier 1950): 0 is perfect, 2 the worst."""
    truth = np.eye(probabilities.shape[1])[true]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


@dataclass(frozen=True)
class ReliabilityBin:
    """Tiles of about the same confidence: how sure the model was, and how often it was right."""

    n: int
    confidence: float
    accuracy: float


def reliability(true: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Sort tiles by confidence into bins of equal number and compare confidence with accuracy in each.

    With fewer tiles than bins each tile is a bin; without tiles there is none.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == true
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, max(1, min(bins, len(order)))) if len(part)]
    return tuple(ReliabilityBin(len(p), float(confidence[p].mean()), float(right[p].mean())) for p in parts)


def calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Expected calibration error over equal-mass bins (Naeini et al. 2015): the mean gap, weighted by tiles."""
    total = sum(part.n for part in bins)
    return sum(part.n * abs(part.confidence - part.accuracy) for part in bins) / total if total else float("nan")


def bootstrap(
    statistic: Callable[[np.ndarray], float | np.ndarray],
    groups: np.ndarray,
    *,
    seed: int = 0,
    repeats: int = 1000,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2.5 and 97.5 percentiles of a statistic over resampled groups (Efron's percentile bootstrap).

    Parameters
    ----------
    statistic
        Takes the tile numbers of one resample, shape (m,), with repetitions; returns a number or an array.
    groups
        Integer group of each tile, shape (n,); whole groups are drawn with replacement.
    seed
        Of the random draws.
    repeats
        Number of resamples.

    Returns
    -------
    low, high : numpy.ndarray
        In the shape that ``statistic`` returns.
    """
    rng = np.random.default_rng(seed)
    _, inverse = np.unique(groups, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    singles = len(members) == len(order)
    values = []
    for _ in range(repeats):
        drawn = rng.integers(0, len(members), len(members))
        values.append(statistic(order[drawn] if singles else np.concatenate([members[i] for i in drawn])))
    stacked = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        empty = np.isnan(stacked).all(axis=0)
        filled = np.where(empty, 0.0, stacked)
        low, high = np.nanpercentile(filled, [2.5, 97.5], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
