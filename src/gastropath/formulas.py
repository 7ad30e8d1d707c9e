"""Formulas, in NumPy alone: what a classifier got right, how far its confidence can be believed, how sure we can be.

``true`` and ``predicted`` are integer class numbers, shape (n,); ``probabilities`` is (n, classes).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

_BINS, _TILES_A_BIN = 10, 10
_TEMPERATURES, _HALVINGS = (0.05, 20.0), 50
_FEWEST_ANSWERED = 10


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


def reliability(true: np.ndarray, probabilities: np.ndarray, bins: int | None = None) -> tuple[ReliabilityBin, ...]:
    """Sort tiles by confidence into bins of equal number and compare confidence with accuracy in each.

    By default there are ten bins, or fewer so that each holds ten tiles. With fewer tiles than bins each tile is a bin;
    without tiles there is none.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == true
    parts = _equal_bins(confidence, bins)
    return tuple(ReliabilityBin(len(p), float(confidence[p].mean()), float(right[p].mean())) for p in parts)


def _equal_bins(confidence: np.ndarray, bins: int | None) -> list[np.ndarray]:
    bins = bins or min(_BINS, max(1, len(confidence) // _TILES_A_BIN))
    order = np.argsort(confidence, kind="stable")
    return [part for part in np.array_split(order, max(1, min(bins, len(order)))) if len(part)]


def calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Expected calibration error over equal-mass bins (Naeini et al. 2015): the mean gap, weighted by tiles."""
    total = sum(part.n for part in bins)
    return sum(part.n * abs(part.confidence - part.accuracy) for part in bins) / total if total else float("nan")


def calibration_error_by_chance(
    probabilities: np.ndarray, *, seed: int = 0, repeats: int = 300
) -> tuple[float, float, float]:
    """Return the calibration error that a perfectly calibrated model would show on so many tiles.

    Chance alone makes it greater than 0: labels are drawn from the probabilities themselves, again and again
    (consistency resampling, Bröcker and Smith 2007).

    Returns
    -------
    tuple of float
        The mean, and the two ends of the interval that holds 95 % of the draws.
    """
    rng = np.random.default_rng(seed)
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = _equal_bins(confidence, None)
    drawn = rng.random((repeats, len(confidence))) < confidence
    errors = sum(np.abs(confidence[part].mean() - drawn[:, part].mean(axis=1)) * len(part) for part in bins)
    errors = np.asarray(errors / len(confidence))
    low, high = np.percentile(errors, [2.5, 97.5])
    return float(errors.mean()), float(low), float(high)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature under which the true classes are most likely (Guo et al. 2017), between 0.05 and 20.

    The negative log-likelihood is convex in 1 / temperature; its slope is followed to where it changes sign.

    Parameters
    ----------
    logits
        Shape (n, classes), n at least 1.
    labels
        True class numbers, shape (n,).
    """
    logits = np.asarray(logits, np.float64)
    over_true = logits - logits[np.arange(len(labels)), labels][:, None]
    low, high = (1 / most for most in reversed(_TEMPERATURES))
    for _ in range(_HALVINGS):
        inverse = math.sqrt(low * high)
        chances = np.exp((logits - logits.max(axis=1, keepdims=True)) * inverse)
        slope = ((chances * over_true).sum(axis=1) / chances.sum(axis=1)).mean()
        low, high = (inverse, high) if slope < 0 else (low, inverse)
    return 1 / math.sqrt(low * high)


def choose_threshold(
    confidence: np.ndarray, right: np.ndarray, by: Literal["accuracy", "coverage"], at: float
) -> tuple[float, bool]:
    """Choose the confidence from which a model answers.

    Parameters
    ----------
    confidence
        Calibrated, shape (n,), n at least 1.
    right
        Whether each answer is right, ``bool``, shape (n,).
    by, at
        ``"accuracy"``: the lowest threshold above which at least the share ``at`` of the answers is right, that is the
        best coverage at this accuracy. ``"coverage"``: the threshold that at least the share ``at`` of the tiles
        reaches.

    Returns
    -------
    threshold : float
    met : bool
        Whether the accuracy could be reached on at least ten tiles. Where it could not, the threshold is the one of the
        highest accuracy on at least ten tiles (and a tenth of them).
    """
    order = np.argsort(-confidence, kind="stable")
    sure, answered = confidence[order], np.arange(1, len(order) + 1)
    accuracy = np.cumsum(right[order]) / answered
    last = np.append(sure[1:] != sure[:-1], True)  # tiles of equal confidence are answered together
    if by == "coverage":
        enough = np.flatnonzero(last & (answered >= at * len(order)))
        return float(sure[enough[0]]), True
    usable = last & (answered >= min(_FEWEST_ANSWERED, len(order)))
    if len(good := np.flatnonzero(usable & (accuracy >= at))):
        return float(sure[good[-1]]), True
    usable &= answered >= len(order) / 10
    best = int(np.argmax(np.where(usable, accuracy, -1)))
    return float(sure[best]), False


@dataclass(frozen=True)
class CoveragePoint:
    """The share of tiles whose confidence reaches a threshold, and the share of these that are right."""

    threshold: float
    coverage: float
    accuracy: float


def coverage_curve(confidence: np.ndarray, right: np.ndarray, points: int = 100) -> tuple[CoveragePoint, ...]:
    """Follow coverage and accuracy from the most confident tile to all; tiles of equal confidence come together.

    Parameters
    ----------
    confidence, right
        Of each tile, shape (n,), n at least 1.
    points
        Most points returned, evenly spread over coverage; the last one always covers all tiles.
    """
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    last = np.flatnonzero(np.append(sure[1:] != sure[:-1], True))
    accuracy = np.cumsum(right[order])[last] / (last + 1)
    chosen = np.unique(np.searchsorted(last + 1, np.linspace(0, len(sure), points + 1)[1:]))
    return tuple(
        CoveragePoint(float(sure[last[i]]), float((last[i] + 1) / len(sure)), float(accuracy[i])) for i in chosen
    )


def risk_coverage_area(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under the risk-coverage curve (Geifman and El-Yaniv 2017): mean error rate over all coverages.

    0 is perfect; a confidence that says nothing gives the error rate itself. Of tiles of equal confidence the order is
    left to chance, and the expected error is taken.
    """
    _, inverse, counts = np.unique(-np.asarray(confidence), return_inverse=True, return_counts=True)
    wrong = np.bincount(inverse, weights=~np.asarray(right, bool)) / counts
    errors = np.cumsum(np.repeat(wrong, counts))
    return float((errors / np.arange(1, len(errors) + 1)).mean())


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, step by step from the smallest (Holm 1979)."""
    adjusted, reached = [0.0] * len(p_values), 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        reached = max(reached, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = reached
    return adjusted


def boundary(value: float, n: int, interval: tuple[float, float]) -> tuple[float, float]:
    """Widen the interval of a share that is 0 or 1, on which resampling says nothing: all resamples are alike.

    Parameters
    ----------
    value
        The share.
    n
        Independent units it was counted on.
    interval
        What holds for any other share.

    Returns
    -------
    tuple of float
        At 0 and 1 the exact binomial interval of 95 % (Clopper and Pearson 1934): with 30 of 30 from 0.884 to 1.
    """
    if n < 1 or value not in (0.0, 1.0):
        return interval
    bound = 0.025 ** (1 / n)
    return (bound, 1.0) if value else (0.0, 1 - bound)


def bootstrap(
    statistic: Callable[[np.ndarray], float | np.ndarray],
    groups: np.ndarray,
    *,
    seed: int = 0,
    repeats: int = 1000,
    unbiased_from: float | None = None,
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
    unbiased_from
        The statistic of all tiles, where resampling itself makes it greater, as it does a calibration error: the
        percentiles are moved by the mean difference.

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
    if unbiased_from is not None:
        stacked = stacked - (np.nanmean(stacked) - unbiased_from)
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
