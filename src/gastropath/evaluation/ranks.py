"""Statistics of ranks and of pairs, on SciPy."""

from __future__ import annotations

import numpy as np
from scipy import stats


def auroc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Computed from ranks (Mann and Whitney 1947), which is many times faster than a curve on each of the resamples. NaN
    where one side is empty.

    Parameters
    ----------
    positive
        ``bool``, shape (n,).
    score
        Shape (n,).
    """
    positive = np.asarray(positive, bool)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = stats.rankdata(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation of two arrays of the same size (Spearman 1904). NaN where one of them is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two classifiers err equally often (McNemar 1947).

    Parameters
    ----------
    only_first, only_second
        Tiles that only the first, and only the second, classified rightly. Under the hypothesis each such tile falls on
        either side like a coin; tiles must be independent of each other.
    """
    n = only_first + only_second
    return float(stats.binomtest(only_first, n).pvalue) if n else 1.0
