"""Charts of an evaluation: what is confused with what, each class, confidence, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from gastropath.evaluation.chart import Chart, drawn
from gastropath.evaluation.check_figures import check_charts
from gastropath.results.metrics import Calibration, Metrics, ReliabilityBin
from gastropath.tissue import tissue_class


def charts(metrics: Metrics, history: Sequence[Mapping[str, float]] = ()) -> list[Chart]:
    """Draw everything the report shows."""
    found = [_confusion(metrics, normalised=False), _confusion(metrics, normalised=True), _per_class(metrics)]
    found += [_reliability(metrics.calibration, metrics.whose), *check_charts(metrics)]
    if history:
        found.append(_curves(history) if "epoch" in history[0] else _strengths(history))
    return found


def _confusion(metrics: Metrics, *, normalised: bool) -> Chart:
    counts = np.array(metrics.confusion_matrix)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    classes = metrics.classes

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(classes)), classes, rotation=45 if len(classes) > 6 else 0)
        axes.set_yticks(range(len(classes)), classes)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.spines[:].set_visible(False)
        for row, column in np.ndindex(counts.shape):
            text = f"{shares[row, column]:.2f}" if normalised else str(counts[row, column])
            if counts[row, column]:
                color = "white" if shares[row, column] > 0.55 else "#1c2330"
                axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)

    side = 1.7 + 0.42 * len(classes)
    what = "share of each true class" if normalised else "counts"
    caption = f"Confusion matrix ({metrics.whose}, {what}), n = {metrics.n:,}; rows are true classes."
    name = "confusion_matrix_normalised" if normalised else "confusion_matrix"
    return drawn(name, caption, f"Confusion matrix, {what}; the numbers are in metrics.json", (side, side), draw)


def _per_class(metrics: Metrics) -> Chart:
    classes = metrics.classes
    kinds = ("precision", "recall", "f1")

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for shift, (kind, marker) in enumerate(zip(kinds, ("s", "^", "o"), strict=True)):
            for place, code in enumerate(classes):
                value, low, high = getattr(metrics.per_class[code], kind).numbers
                if np.isnan(value):
                    continue
                y = place + (shift - 1) * 0.22
                color = tissue_class(code).color
                axes.hlines(y, low, high, color=color, linewidth=2)
                axes.plot(value, y, marker, color=color, markeredgecolor="#1c2330", markersize=6)
        for kind, marker in zip(kinds, ("s", "^", "o"), strict=True):
            axes.plot([], [], marker, color="white", markeredgecolor="#1c2330", label=kind.replace("f1", "F1"))
        axes.set_yticks(range(len(classes)), classes)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)
        axes.grid(axis="x", color="#dde2ea")
        axes.set_axisbelow(True)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)

    caption = f"Precision, recall and F1 of each class with 95 % intervals, {metrics.whose}, n = {metrics.n:,}."
    height = 1.2 + 0.55 * len(classes)
    return drawn("per_class", caption, "Precision, recall and F1 of each class with intervals", (7, height), draw)


def _reliability(calibration: Calibration, whose: str) -> Chart:
    bins = (calibration.after or calibration.before).bins

    def line(axes: Axes, points: Sequence[ReliabilityBin], color: str, label: str) -> None:
        axes.plot(
            [b.confidence for b in points], [b.accuracy for b in points], "o-", color=color, label=label, clip_on=False
        )

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.plot([0, 1], [0, 1], color="#8a93a3", linestyle="--", linewidth=1, label="perfect")
        if calibration.after:
            line(axes, calibration.before.bins, "#c3a27a", "before calibration")
        line(axes, bins, "#0072b2", "this model")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
        axes.legend(frameon=False, loc="upper left")

    n = sum(b.n for b in bins)
    kept = "one bin" if len(bins) == 1 else f"{len(bins)} bins of equal size"
    caption = f"Reliability, {whose}, n = {n:,} in {kept}. Below the line: too sure."
    return drawn("reliability", caption, "Accuracy against confidence", (4.2, 4.2), draw)


def _strengths(history: Sequence[Mapping[str, float]]) -> Chart:
    strengths = [row["strength"] for row in history]

    def draw(canvas: Canvas) -> None:
        for axes, key, title in zip(
            canvas.subplots(1, 2), ("nll", "macro_f1"), ("negative log-likelihood", "macro-F1"), strict=True
        ):
            axes.plot(strengths, [row[key] for row in history], "o-", markersize=4, color="#d55e00")
            axes.set(xscale="log", xlabel="strength (inverse penalty)", title=title)
            axes.axvline(
                min(history, key=lambda row: row["nll"])["strength"], color="#8a93a3", linestyle="--", linewidth=1
            )

    caption = (
        "Grouped cross-validation inside the training part; the strength with the best likelihood (dashed) was chosen."
    )
    return drawn("history", caption, "Cross-validated figures for each strength of the head", (8, 3.4), draw)


def _curves(history: Sequence[Mapping[str, float]]) -> Chart:
    epochs = [row["epoch"] for row in history]

    def curve(axes: Axes, key: str, title: str) -> None:
        axes.plot(epochs, [row[key] for row in history], "o-", markersize=3, color="#5c5c5c", label="training")
        axes.plot(
            epochs, [row[f"val_{key}"] for row in history], "o-", markersize=3, color="#d55e00", label="validation"
        )
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)

    def draw(canvas: Canvas) -> None:
        left, right = canvas.subplots(1, 2)
        curve(left, "loss", "loss")
        curve(right, "accuracy", "accuracy")
        right.set_ylim(0, 1.02)

    caption = f"Loss and accuracy over {epochs[-1]:g} epochs; training figures with dropout or augmentation lag behind."
    return drawn("history", caption, "Training and validation curves", (8, 3.4), draw)
