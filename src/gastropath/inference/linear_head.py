"""The linear head: multinomial logistic regression on features, solved in NumPy alone.

So a head can be fitted wherever a model runs, without TensorFlow, SciPy or scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gastropath.errors import BadBundle, TooFewTiles

TOLERANCE = 1e-7
"""What a unit of weight may at most still gain, in log-likelihood, when the search ends: probabilities then differ by
less than 0.001 from those of the minimum, wherever the search began."""

_STEPS, _PRODUCTS = 100, 500
_RESIDUAL = 0.3
_ROWS_AT_ONCE = 256
"""Rows that stay in the cache between the two products with them."""

_DAMPING = 1e-7
"""Curvature that a step takes the bias to have at least, a unit of weight: it has no penalty, and none of its own where
every row is sure of its class."""

Product = Callable[[np.ndarray], np.ndarray]
"""Multiplies by a symmetric matrix; both shapes are (f + 1, classes)."""


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


def class_weights(labels: np.ndarray, n_classes: int, how: str) -> np.ndarray:
    """Return the weight of each class: ``float64``, shape (n_classes,).

    ``"balanced"`` is n / (classes · n_class), so every class weighs the same whatever its number of tiles; ``"none"``
    is 1 throughout.
    """
    counts = np.bincount(labels, minlength=n_classes)
    if how == "none":
        return np.ones(n_classes)
    return len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))


def fit_head(
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    strength: float,
    *,
    weights: np.ndarray | None = None,
    start: Head | None = None,
    tolerance: float = TOLERANCE,
) -> Head:
    """Fit multinomial logistic regression with an L2 penalty on the kernel.

    Minimises Σ weight · −ln p(label) + ‖kernel‖² / (2 · strength), which has one minimum. Newton's method: each step
    solves a linear system by conjugate gradients, only as well as pays off (Dembo, Eisenstat and Steihaug 1982).
    Products are in single precision, a few rows at a time, and added up in double. Features are centred first: that
    changes no answer, and takes away the one direction in which they are large and alike.

    With two classes the penalty counts the difference of the two columns, as scikit-learn does.

    Parameters
    ----------
    features
        ``float32``, shape (n, f).
    labels
        Class numbers, shape (n,); every class must occur.
    strength
        Inverse of the penalty: scikit-learn's ``C``.
    weights
        Of each row, shape (n,), none negative; 1 throughout where none are given.
    start
        A head to begin at, e.g. that of a similar strength; the answer is the same, and sooner found.
    tolerance
        See :data:`TOLERANCE`.

    Returns
    -------
    Head
        Its columns and its bias add up to zero: adding the same to all logits says nothing.

    Raises
    ------
    BadBundle
        If the features are not finite: the network that gives them is broken.
    TooFewTiles
        If a class does not occur.
    """
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    if missing := n_classes - np.count_nonzero(np.bincount(labels, weights, minlength=n_classes)):
        raise TooFewTiles(f"{missing} of {n_classes} classes have no tile to fit the head on", remedy="add tiles")
    if not np.isfinite(features).all():
        raise BadBundle("the network gives features that are not finite numbers")
    mean = features.mean(axis=0, dtype=np.float64)
    problem = _Problem.of(features, mean, labels, weights, n_classes, strength / 2 if n_classes == 2 else strength)
    places = [np.zeros((len(mean) + 1, n_classes))]
    if start is not None:
        places.append(np.vstack([start.kernel, start.bias + mean @ start.kernel]).astype(np.float64))
    best = min(places, key=lambda place: problem.at(place)[0])  # a start that is worse than none would take longer
    place = _minimum(problem, best, tolerance * float(weights.sum()))
    place -= place.mean(axis=1, keepdims=True)
    return Head(place[:-1].astype(np.float32), (place[-1] - mean @ place[:-1]).astype(np.float32))


@dataclass(frozen=True)
class _Problem:
    """What is minimised over kernel and bias, one below the other: ``float64``, shape (f + 1, classes).

    Attributes
    ----------
    rows
        Centred features and a column of ones, ``float32``, shape (n, f + 1).
    truth
        One-hot labels, shape (n, classes).
    weights
        Shape (n, 1).
    penalty
        Of each row of the kernel, and 0 for the bias, shape (f + 1, 1).
    """

    rows: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    penalty: np.ndarray

    @classmethod
    def of(
        cls,
        features: np.ndarray,
        mean: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        n_classes: int,
        strength: float,
    ) -> _Problem:
        rows = np.ones((len(features), len(mean) + 1), np.float32)
        np.subtract(features, mean.astype(np.float32), out=rows[:, :-1])
        penalty = np.full((len(mean) + 1, 1), 1 / strength)
        penalty[-1] = 0
        return cls(rows, np.eye(n_classes)[labels], weights[:, None], penalty)

    def at(self, place: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return loss, gradient (``float64``, shape (f + 1, classes)) and probabilities (``float32``, (n, classes))."""
        loss, slope = 0.5 * float((self.penalty * place**2).sum()), self.penalty * place
        probabilities, kernel = np.empty(self.truth.shape, np.float32), place.astype(np.float32)
        for part in self._parts():
            rows, truth, weights = self.rows[part], self.truth[part], self.weights[part]
            logits = (rows @ kernel).astype(np.float64)
            logits -= logits.max(axis=1, keepdims=True)
            chances = np.exp(logits)
            total = chances.sum(axis=1, keepdims=True)
            chances /= total
            loss += float((weights * (np.log(total) - (logits * truth).sum(axis=1, keepdims=True))).sum())
            slope += rows.T @ (weights * (chances - truth)).astype(np.float32)
            probabilities[part] = chances
        return loss, slope, probabilities

    def curvature(self, probabilities: np.ndarray) -> Product:
        """Return the second derivative where the rows have these probabilities."""
        weights = self.weights.astype(np.float32)
        penalty = np.maximum(self.penalty, _DAMPING * float(self.weights.sum()))

        def product(direction: np.ndarray) -> np.ndarray:
            curved, kernel = penalty * direction, direction.astype(np.float32)
            for part in self._parts():
                rows, chances = self.rows[part], probabilities[part]
                change = chances * (rows @ kernel)
                change -= chances * change.sum(axis=1, keepdims=True)
                curved += rows.T @ (weights[part] * change)
            return curved

        return product

    def _parts(self) -> Iterator[slice]:
        return (slice(first, first + _ROWS_AT_ONCE) for first in range(0, len(self.rows), _ROWS_AT_ONCE))


def _minimum(problem: _Problem, place: np.ndarray, gain: float) -> np.ndarray:
    """Go down from a place until a step would gain no more than ``gain``; take that last step too."""
    loss, slope, probabilities = problem.at(place)
    for _ in range(_STEPS):
        step = _newton_step(problem.curvature(probabilities), slope)
        promised = -float((slope * step).sum())
        if promised / 2 <= gain:
            return place + step
        share = 1.0
        while share > 1e-6:
            found, slope_there, probabilities_there = problem.at(place + share * step)
            if found <= loss - 1e-4 * share * promised + 1e-12 * abs(loss):  # the last term: rounding of the loss
                break
            share /= 2
        else:
            return place
        place, loss, slope, probabilities = place + share * step, found, slope_there, probabilities_there
    return place


def _newton_step(curvature: Product, slope: np.ndarray) -> np.ndarray:
    """Solve curvature · step = −slope by conjugate gradients, to :data:`_RESIDUAL` of the slope's length."""
    step, residual = np.zeros_like(slope), -slope
    squared = wanted = float((residual**2).sum())
    direction = residual
    for _ in range(_PRODUCTS):
        if squared <= _RESIDUAL**2 * wanted:
            break
        curved = curvature(direction)
        length = squared / float((direction * curved).sum())
        step, residual = step + length * direction, residual - length * curved
        before, squared = squared, float((residual**2).sum())
        direction = residual + squared / before * direction
    return step
