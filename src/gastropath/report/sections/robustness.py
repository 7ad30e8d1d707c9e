"""Whether the accuracy lasts when tiles are changed, in words."""

from __future__ import annotations

from gastropath.report.charts.robustness import changed_tiles
from gastropath.report.parts import Section, Table, Text
from gastropath.report.wording import count, interval, share
from gastropath.results.metrics import Metrics
from gastropath.results.robustness import Robustness


def robustness(metrics: Metrics) -> Section | None:
    """Show what remains of the accuracy when tiles are changed; ``None`` where that was not tried."""
    found = metrics.robustness
    if not found:
        return None
    unchanged = (interval(found.accuracy), "–", share(found.coverage), share(found.selective_accuracy))
    rows = [("unchanged", *unchanged)]
    rows += [
        (row.name, interval(row.accuracy), interval(row.change), share(row.coverage), share(row.selective_accuracy))
        for row in found.changed
    ]
    columns = ("tiles", "accuracy", "paired difference", "coverage", "selective accuracy")
    caption = f"n = {found.n:,} of the judged tiles, each changed by computer in every way"
    parts = [Text(robustness_in_words(found)), Table(columns, rows, caption), changed_tiles(found, metrics.judged)]
    return Section("Robustness to scanner and stain", parts)


def robustness_in_words(found: Robustness) -> str:
    """Say which changes of the tiles cost accuracy."""
    costly = [row for row in found.changed if row.change.is_below_zero]
    if not costly:
        return (
            f"None of {len(found.changed)} computed changes of stain, focus, brightness and compression costs accuracy "
            f"that could be told from chance on {count(found.n, 'tile')}."
        )
    worst = min(costly, key=lambda row: row.change.numbers[0])
    return (
        f"{len(costly)} of {len(found.changed)} computed changes of the tiles cost accuracy. The costliest is "
        f"{worst.name}: {worst.change}."
    )
