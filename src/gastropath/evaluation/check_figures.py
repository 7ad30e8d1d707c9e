"""Charts of the checks: abstention, changed tiles, activation maps."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gastropath.evaluation.chart import BLUE, GREY, INK, ORANGE, Chart, drawn
from gastropath.results.checks import CellCurve, ExplanationChecks, Robustness
from gastropath.results.metrics import AbstentionMetrics, Metrics


def check_charts(metrics: Metrics) -> list[Chart]:
    """Draw the checks that were made."""
    found = [_coverage(metrics.abstention, metrics.accuracy.value or 0, metrics.whose, metrics.n)]
    if metrics.robustness:
        found.append(_changed(metrics.robustness, metrics.whose))
    if metrics.explanations:
        found.append(_cells(metrics.explanations))
    return found


def _coverage(figures: AbstentionMetrics, accuracy: float, whose: str, n: int) -> Chart:
    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        coverage = [point.coverage for point in figures.curve]
        axes.plot(coverage, [1 - point.accuracy for point in figures.curve], color=BLUE, label="by confidence")
        axes.axhline(1 - accuracy, color=GREY, linestyle="--", linewidth=1, label="at random")
        answered, answered_low, answered_high = figures.coverage.numbers
        right, right_low, right_high = figures.selective_accuracy.numbers
        if not np.isnan(right):
            axes.errorbar(
                answered,
                1 - right,
                yerr=[[right_high - right], [right - right_low]],
                xerr=[[answered - answered_low], [answered_high - answered]],
                fmt="o",
                color=ORANGE,
                markeredgecolor=INK,
                label="as shipped",
            )
        axes.set(xlim=(0, 1.02), ylim=(-0.02, None), xlabel="share of tiles answered", ylabel="share of wrong answers")
        axes.legend(frameon=False, loc="upper left")

    caption = (
        f"Risk and coverage, {whose}, n = {n:,}: were only the tiles of highest confidence answered. The point is "
        "what the bundle does, which also leaves out tiles unlike the training tiles; its bars are 95 % intervals."
    )
    return drawn("risk_coverage", caption, "Share of wrong answers against share of tiles answered", (5.2, 4), draw)


def _changed(robustness: Robustness, whose: str) -> Chart:
    rows = robustness.changed

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
        for place, row in enumerate(rows):
            change, low, high = row.change.numbers
            surely = row.change.is_below_zero
            axes.hlines(place, low, high, color=ORANGE if surely else BLUE, linewidth=2)
            axes.plot(change, place, "o", color=ORANGE if surely else BLUE, markeredgecolor=INK)
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel("change of accuracy")
        axes.grid(axis="x", color="#dde2ea")
        axes.set_axisbelow(True)

    caption = (
        f"Accuracy on changed tiles minus accuracy on the same {robustness.n:,} tiles ({whose}) as they are, "
        "with 95 % intervals; orange where the interval lies below 0."
    )
    return drawn("robustness", caption, "Change of accuracy for each change of the tiles", (7, 3.8), draw)


def _cells(explained: ExplanationChecks) -> Chart:
    def panel(axes: Axes, curve: CellCurve, title: str, what: str) -> None:
        axes.plot(curve.share, curve.by_map, "o-", markersize=4, color=ORANGE, label="order of the map")
        axes.plot(curve.share, curve.by_chance, "o--", markersize=4, color=GREY, label="random order")
        axes.set(ylim=(0, 1.02), xlabel=f"share of the tile {what}", title=title)
        axes.legend(frameon=False)

    def draw(canvas: Canvas) -> None:
        left, right = canvas.subplots(1, 2, sharey=True)
        panel(left, explained.deletion, "deletion", "blurred away")
        panel(right, explained.insertion, "insertion", "shown sharp")
        left.set_ylabel("probability of the predicted class")

    caption = (
        f"Mean over {explained.n:,} tiles of {explained.cells} cells each. A map that shows what the model goes by "
        "falls sooner than chance on the left, and rises sooner on the right."
    )
    return drawn("deletion_insertion", caption, "Probability while cells are blurred, and shown", (8, 3.4), draw)
