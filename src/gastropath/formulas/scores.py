"""What a classifier got right, class by class.

``true`` and ``predicted`` are integer class numbers, shape (n,).
"""

from __future__ import annotations

import numpy as np


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


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
