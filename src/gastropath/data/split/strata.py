"""Dealing units of tiles to parts so that each part has its share of every class."""

from __future__ import annotations

import numpy as np


def deal(
    content: np.ndarray, fractions: np.ndarray, rng: np.random.Generator, *, largest_first: bool
) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Give each unit to the part that needs its classes most.

    Parameters
    ----------
    content
        Number of tiles of each unit by class, ``int64``, shape (units, classes); no unit is empty.
    fractions
        Wanted share of each part, shape (parts,), adding up to 1.
    rng
        Shuffles the units.
    largest_first
        Begin with the largest units, which suits most data sets. Otherwise the order is random throughout, which may
        still succeed where that fails.

    Returns
    -------
    part_of : numpy.ndarray
        Part of each unit, ``int64``, shape (units,).
    empty : tuple of int or None
        Part and class for which no tile could be found; ``None`` when all parts hold all classes.
    """
    order = rng.permutation(len(content))
    size = content.sum(axis=1)
    goal = np.outer(fractions, content.sum(axis=0))
    filled, part_of = np.zeros_like(goal), np.zeros(len(content), np.int64)
    singles = order[:0]
    if largest_first:
        order = order[np.argsort(-size[order], kind="stable")]
        order, singles = order[size[order] > 1], order[size[order] == 1]
    for unit in order:
        lack = (goal - filled) / np.maximum(goal, 1e-9)
        part_of[unit] = int(np.argmax(lack @ (content[unit] / size[unit])))
        filled[part_of[unit]] += content[unit]
    of_class = content[singles].argmax(axis=1)
    for code in range(content.shape[1]):
        own = singles[of_class == code]
        numbers = _shares(goal[:, code] - filled[:, code], len(own), code)
        part_of[own] = np.repeat(np.arange(len(fractions)), numbers)
        filled[:, code] += numbers
    return part_of, _fill_empty(content, part_of, filled)


def counts(parts: np.ndarray, labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Count tiles by part and class: ``int64``, shape ``shape``; a tile with a negative part is not counted."""
    counted = np.zeros(shape, np.int64)
    inside = parts >= 0
    np.add.at(counted, (parts[inside], labels[inside]), 1)
    return counted


def _shares(lack: np.ndarray, n: int, turn: int) -> np.ndarray:
    """Divide ``n`` tiles among parts in proportion to what each lacks, the largest remainders rounded up.

    Among equal remainders another part is first in each ``turn``, so that no part gets the odd tile of every class.
    """
    lack = np.maximum(lack, 0)
    exact = n * lack / max(lack.sum(), 1e-9)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    rank = np.roll(np.arange(len(lack)), turn)
    rest = np.lexsort((rank, -np.round(exact - whole, 9)))[: n - whole.sum()]
    whole[rest] += 1
    return whole


def _fill_empty(content: np.ndarray, part_of: np.ndarray, filled: np.ndarray) -> tuple[int, int] | None:
    """Fill each empty (part, class) with the smallest unit whose removal empties no other.

    Returns the first (part, class) for which there is no such unit; ``None`` when all are filled.
    """
    for part, code in np.argwhere(filled == 0):
        if filled[part, code]:  # by a unit moved for another class
            continue
        units = np.flatnonzero((content[:, code] > 0) & (part_of != part))
        left = filled[part_of[units]] - content[units]
        units = units[((left > 0) | (content[units] == 0)).all(axis=1)]
        if not len(units):
            return int(part), int(code)
        unit = units[np.argmin(content[units].sum(axis=1))]
        filled[part_of[unit]] -= content[unit]
        filled[part] += content[unit]
        part_of[unit] = part
    return None
