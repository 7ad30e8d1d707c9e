"""The linear head: multinomial logistic regression, its strength chosen by grouped cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gastropath import formulas
from gastropath.errors import TooFewTiles
from gastropath.progress import Progress, silent
from gastropath.training.calibration import fit_temperature

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse penalties tried: scikit-learn's C, for features of unit length."""

FOLDS = 5

Folds = list[tuple[np.ndarray, np.ndarray]]
"""Rows to train on and rows held out, a pair a fold."""

_CHOOSING_TILES = 4000
_ITERATIONS = 1000


@dataclass(frozen=True)
class Head:
    """A linear classifier on features.

    Attributes
    ----------
    kernel, bias
        ``float32``, shapes (features, classes) and (classes,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return ``float32`` logits, shape (n, classes), of features, shape (n, f)."""
        return features @ self.kernel + self.bias


@dataclass(frozen=True)
class StrengthScore:
    """How one strength did in cross-validation: negative log-likelihood after temperature scaling, macro-F1."""

    strength: float
    nll: float
    macro_f1: float


def class_weights(labels: np.ndarray, n_classes: int, how: str) -> np.ndarray:
    """Return the weight of each class: ``float64``, shape (n_classes,).

    ``"balanced"`` is n / (classes · n_class), so every class weighs the same whatever its number of tiles; ``"none"``
    is 1 throughout.
    """
    counts = np.bincount(labels, minlength=n_classes)
    if how == "none":
        return np.ones(n_classes)
    return len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))


def fit_head(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float, weighting: str) -> Head:
    """Fit multinomial logistic regression with an L2 penalty (L-BFGS).

    Parameters
    ----------
    features
        ``float32``, shape (n, views, f). The views of a tile share its weight.
    labels
        Class numbers, shape (n,); every class must occur.
    strength
        Inverse of the penalty.
    weighting
        See :func:`class_weights`.
    """
    from sklearn.linear_model import LogisticRegression

    _, views, width = features.shape
    if len(np.unique(labels)) != n_classes:
        raise TooFewTiles("a class has no tile to train the head on; add tiles, or leave the class out with --classes")
    weight = class_weights(labels, n_classes, weighting)[labels] / views
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    model.fit(features.reshape(-1, width), np.repeat(labels, views), sample_weight=np.repeat(weight, views))
    kernel, bias = model.coef_.T, model.intercept_
    if n_classes == 2:  # scikit-learn gives one logit; two with the same difference say the same
        kernel, bias = np.concatenate([-kernel, kernel], axis=1) / 2, np.concatenate([-bias, bias]) / 2
    return Head(np.ascontiguousarray(kernel, np.float32), np.asarray(bias, np.float32))


def choose_strength(
    features: np.ndarray,
    labels: np.ndarray,
    folds: Folds,
    n_classes: int,
    *,
    weighting: str,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[float, tuple[StrengthScore, ...]]:
    """Choose the strength whose held-out answers are most likely after temperature scaling.

    Temperature scaling comes first because it is what the model ships with: without it a stronger penalty would be
    preferred only because it is less sure of itself. One view of each tile is used, and of many tiles a random few
    thousand.

    Parameters
    ----------
    features, labels, n_classes, weighting
        As for :func:`fit_head`.
    folds
        From :func:`grouped_folds`.

    Returns
    -------
    strength : float
    scores : tuple of StrengthScore
    """
    used = np.ones(len(labels), bool)
    if len(labels) > _CHOOSING_TILES:
        used[np.random.default_rng(seed).permutation(len(labels))[_CHOOSING_TILES:]] = False
    scores = []
    for number, strength in enumerate(strengths):
        logits = np.zeros((len(labels), n_classes), np.float32)
        for fold, (train, held) in enumerate(folds):
            chosen, asked = train[used[train]], held[used[held]]
            head = fit_head(features[chosen, :1], labels[chosen], n_classes, strength, weighting)
            logits[asked] = head.logits(features[asked, 0])
            progress("choosing the strength", number * len(folds) + fold + 1, len(strengths) * len(folds))
        scores.append(_score(strength, logits[used], labels[used], n_classes))
    return min(scores, key=lambda score: score.nll).strength, tuple(scores)


def grouped_folds(labels: np.ndarray, units: np.ndarray, n_classes: int, *, seed: int = 0, folds: int = FOLDS) -> Folds:
    """Return (train, held-out) rows of folds that part no unit and hold the classes in like shares.

    There are fewer folds where a class lies in fewer units; none where it lies in one, or where no division leaves
    every class tiles to train on.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    k = min(folds, *(len(np.unique(units[labels == number])) for number in range(n_classes)))
    for attempt in range(20 if k > 1 else 0):
        splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed + 1000 * attempt)
        found = list(splitter.split(labels, labels, units))
        if all(len(np.unique(labels[train])) == n_classes for train, _ in found):
            return found
    return []


def _score(strength: float, logits: np.ndarray, labels: np.ndarray, n_classes: int) -> StrengthScore:
    temperature = fit_temperature(logits, labels)
    matrix = formulas.confusion_matrix(labels, logits.argmax(axis=1), n_classes)
    return StrengthScore(
        strength,
        formulas.negative_log_likelihood(labels, formulas.softmax(logits / temperature)),
        float(formulas.macro(formulas.f1(matrix), matrix)),
    )
