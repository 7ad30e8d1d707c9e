"""When to answer: the threshold of confidence, coverage and selective accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

_FEWEST_ANSWERED = 10
_FOLDS = 10


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


def cross_fitted_answers(
    confidence: np.ndarray,
    right: np.ndarray,
    groups: np.ndarray,
    by: Literal["accuracy", "coverage"],
    at: float,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Say which tiles are answered if each tile's threshold is chosen without its group.

    A threshold looks better on the tiles it was chosen on than on others. The share of right answers among these tiles
    has no such advantage: groups are dealt into ten folds at random, and each fold is judged by the threshold of the
    other nine (cross-fitting, as in Chernozhukov et al. 2018).

    Parameters
    ----------
    confidence, right, by, at
        See :func:`choose_threshold`.
    groups
        Integer group of each tile, shape (n,).
    seed
        Of the folds.

    Returns
    -------
    numpy.ndarray
        ``bool``, shape (n,). With a single group, the tiles that its own threshold answers.
    """
    names, group = np.unique(groups, return_inverse=True)
    if len(names) == 1:
        return confidence >= choose_threshold(confidence, right, by, at)[0]
    folds = min(_FOLDS, len(names))
    fold = np.random.default_rng(seed).permutation(np.arange(len(names)) % folds)[group]
    answered = np.zeros(len(confidence), bool)
    for number in range(folds):
        held = fold == number
        answered[held] = confidence[held] >= choose_threshold(confidence[~held], right[~held], by, at)[0]
    return answered


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
