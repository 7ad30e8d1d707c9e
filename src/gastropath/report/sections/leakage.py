"""Duplicate tiles in different parts of a split: the count, and the warning in words."""

from __future__ import annotations

from gastropath.report.wording import count
from gastropath.results.metrics import Leakage
from gastropath.results.split import SplitDocument


def pairs_in_words(counted: Leakage | SplitDocument) -> str:
    """Count the pairs of duplicate tiles in different parts."""
    identical, near = counted.identical_pairs_across_parts, counted.near_pairs_across_parts
    if identical is None:
        return "not counted"
    other = "near-duplicates were not searched for" if near is None else f"{near:,} near-duplicate"
    return f"{identical:,} identical, {other}"


def count_leakage(identical: int | None, near: int | None) -> Leakage:
    """Add up pairs of duplicate tiles in different parts, and warn where there are any.

    Parameters
    ----------
    identical, near
        Pairs of either kind; ``None`` where they were not counted.
    """
    if identical is None:
        return Leakage(duplicate_pairs_across_parts=None)
    pairs = identical + (near or 0)
    counts = Leakage(
        duplicate_pairs_across_parts=pairs, identical_pairs_across_parts=identical, near_pairs_across_parts=near
    )
    if not pairs:
        return counts
    warning = (
        f"{count(pairs, 'pair')} of duplicate tiles ({pairs_in_words(counts)}) {'lies' if pairs == 1 else 'lie'} in "
        "different parts; the metrics are too good by an unknown amount"
    )
    return counts.model_copy(update={"warning": warning})
