"""The chart of changed tiles."""

from __future__ import annotations

from gastropath.report.charts.forest import Panel, forest
from gastropath.report.parts import Chart
from gastropath.results.robustness import Robustness


def changed_tiles(robustness: Robustness, judged: str) -> Chart:
    """Draw what each change of the tiles costs."""
    names, changes = [row.name for row in robustness.changed], [row.change for row in robustness.changed]
    drawing = forest([Panel("", names, changes)], "change of accuracy")
    words = "; ".join(f"{name}: {change}" for name, change in zip(names, changes, strict=True))
    caption = (
        f"Accuracy on changed tiles minus accuracy on the same {robustness.n:,} tiles ({judged}) unchanged, with 95 % "
        "intervals; orange where the whole interval lies below 0."
    )
    return Chart("robustness", drawing, f"Change of accuracy for each change of the tiles. {words}.", caption)
