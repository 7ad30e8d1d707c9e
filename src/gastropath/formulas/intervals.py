"""How sure a figure is: intervals over resampled groups, and p-values of several tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_Z = 1.959964
"""Of a normal distribution, 95 % lie within so many standard deviations."""


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


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was counted on few (Wilson 1927); nothing is known of none.

    Examples
    --------
    >>> [round(bound, 2) for bound in wilson(4, 5)]
    [0.38, 0.96]
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if not n:
        return 0.0, 1.0
    z2 = _Z**2
    middle, half = (right + z2 / 2) / (n + z2), _Z / (n + z2) * (right * (n - right) / n + z2 / 4) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


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
