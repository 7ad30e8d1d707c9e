"""Heads of a lesson: fitted quickly, on classes of which some may have no tile yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gastropath import formulas
from gastropath.inference.linear_head import Head
from gastropath.teach.examples import Examples
from gastropath.teach.refit import Base, quick_fit

_ROWS_AT_ONCE = 1024
_ABSENT = -1e4
"""Logit of a class of which there is no tile yet."""


def fitted(base: Base, examples: Examples, codes: Sequence[str], start: Head | None = None) -> Head:
    """Fit a head as quickly as can be; classes of which there is no tile at all have no chance.

    Parameters
    ----------
    base
        For these classes.
    examples
        To learn from; of none, the base alone is learned.
    codes
        Classes of the head.
    start
        Where the last one was.
    """
    there = set(base.labels.tolist()) | {codes.index(label) for label in examples.labels}
    if len(there) < 2:
        return start or spread(base.head, base.codes, codes)
    if len(there) == len(codes):
        return quick_fit(base, examples, codes, start)
    some = [code for place, code in enumerate(codes) if place in there]
    part = Base(base.head, tuple(codes), base.features, base.labels, base.units).of(some)
    return spread(quick_fit(part, examples, some), some, codes)


def spread(head: Head, own: Sequence[str], codes: Sequence[str]) -> Head:
    """Return a head for other classes: those it has not have no chance, and those that are not asked for are gone."""
    kernel = np.zeros((len(head.kernel), len(codes)), np.float32)
    bias = np.full(len(codes), _ABSENT, np.float32)
    for place, code in enumerate(codes):
        if code in own:
            kernel[:, place], bias[place] = head.kernel[:, own.index(code)], head.bias[own.index(code)]
    return Head(kernel, bias)


def chances(head: Head, features: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities of the classes, shape (n, k), at the temperature of the model that is taught."""
    logits = np.empty((len(features), len(head.bias)), np.float32)
    for first in range(0, len(features), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        logits[rows] = head.logits(features[rows].astype(np.float32))
    return formulas.softmax(logits / np.float32(temperature)).astype(np.float32)
