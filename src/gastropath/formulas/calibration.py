"""How far confidence can be believed: reliability, calibration error, and the temperature that corrects it.

``true`` holds integer class numbers, shape (n,); ``probabilities`` is (n, classes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_BINS, _TILES_A_BIN = 10, 10

_TEMPERATURES, _HALVINGS = (0.05, 20.0), 50


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits, shape (n, classes), into ``float32`` probabilities; computed in double precision."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)


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
