"""How often the model is right, as far as a few labels can show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gastropath.inference.linear_head import Head
from gastropath.teach.examples import Examples
from gastropath.teach.lesson.heads import fitted
from gastropath.teach.refit import Base, answered

ENOUGH = 5
"""Labels of a class from which on a figure is shown for it."""

_FOLDS = 8


@dataclass(frozen=True)
class Count:
    """How many answers of how many are right."""

    right: int
    n: int


@dataclass(frozen=True)
class Figures:
    """What labels say of the model, each judged by a head that did not learn from it.

    Attributes
    ----------
    classes
        Of labels to learn from, by class; each was answered by a head fitted without its slide, or its block of the
        only slide.
    before, after
        Of all of these: the model that is taught, and the new one.
    unit
        What was left out together: ``"slide"`` or ``"block"``.
    units
        How many of these there are.
    checked_before, checked
        Of tiles drawn at random, which no head learned from.
    """

    classes: dict[str, Count]
    before: Count
    after: Count
    unit: str
    units: int
    checked_before: Count
    checked: Count


def left_out(
    base: Base,
    whole: Base,
    learning: Examples,
    checking: Examples,
    codes: Sequence[str],
    head: Head,
    is_late: Callable[[], bool] = lambda: False,
) -> Figures | None:
    """Answer each label by a head that was fitted without its unit, and tiles to check by the head itself.

    Parameters
    ----------
    base, whole
        What the model knows, for the classes of the lesson and for its own.
    learning, checking
        Labels to learn from, and tiles to check.
    codes
        Classes of the lesson.
    head
        Fitted on all labels; fits begin at it.
    is_late
        Asked before each fit whether nobody waits for the figures any more: then there are none.
    """
    unit = "slide" if len(set(learning.slides)) > 1 else "block"
    names = learning.slides if unit == "slide" else learning.units
    units = np.unique(np.array(names, str), return_inverse=True)[1].ravel()
    n_units = int(units.max(initial=-1)) + 1
    true, right = np.array(learning.labels, str), np.zeros(len(learning), bool)
    counted = n_units > 1
    if counted:
        fold = np.random.default_rng(0).permutation(np.arange(n_units) % min(_FOLDS, n_units))[units]
        for number in np.unique(fold):
            if is_late():
                return None
            held = fold == number
            without = fitted(base, learning[~held], codes, head)
            right[held] = answered(without, learning.features[held], codes) == true[held]
    before = answered(whole.head, learning.features, whole.codes) == true if len(learning) else right
    checks = np.array(checking.labels, str)
    told = answered(head, checking.features, codes) == checks
    told_before = answered(whole.head, checking.features, whole.codes) == checks
    return Figures(
        classes={code: _count(right[true == code], counted) for code in codes},
        before=_count(before, counted),
        after=_count(right, counted),
        unit=unit,
        units=n_units,
        checked_before=_count(told_before),
        checked=_count(told),
    )


def _count(right: np.ndarray, counted: bool = True) -> Count:
    return Count(int(right.sum()), len(right)) if counted else Count(0, 0)
