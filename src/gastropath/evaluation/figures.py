"""Charts of an evaluation, as SVG for the report and PNG beside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from gastropath.evaluation.metrics import Calibration, Metrics, ReliabilityPoint
from gastropath.outputs import write_bytes
from gastropath.tissue import tissue_class

_STYLE = {"svg.hashsalt": "gastropath", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}


@dataclass(frozen=True)
class Chart:
    """A drawn chart: its name, a caption, a description in words, and its bytes."""

    name: str
    caption: str
    alt: str
    svg: str
    png: bytes

    def write(self, folder: Path) -> None:
        """Write ``NAME.svg`` and ``NAME.png``."""
        write_bytes(folder / f"{self.name}.svg", self.svg.encode())
        write_bytes(folder / f"{self.name}.png", self.png)


def charts(metrics: Metrics, history: Sequence[Mapping[str, float]] = ()) -> list[Chart]:
    """Draw everything the report shows."""
    drawn = [_confusion(metrics, normalised=False), _confusion(metrics, normalised=True), _per_class(metrics)]
    drawn.append(_reliability(metrics.calibration, metrics.part))
    if history:
        drawn.append(_curves(history) if "epoch" in history[0] else _strengths(history))
    return drawn


def _draw(name: str, caption: str, alt: str, size: tuple[float, float], draw: Callable[[Canvas], None]) -> Chart:
    with matplotlib.rc_context(_STYLE):  # pyright: ignore[reportArgumentType]  # names of settings are plain strings
        canvas = Canvas(figsize=size, layout="constrained")
        draw(canvas)
        svg, png = io.StringIO(), io.BytesIO()
        canvas.savefig(svg, format="svg", metadata={"Date": None})
        canvas.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return Chart(name, caption, alt, svg.getvalue(), png.getvalue())


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
    what = "share of each true class" if normalised else "tiles"
    caption = f"Confusion matrix of the {metrics.part} part ({what}), n = {metrics.n:,}; rows are true classes."
    name = "confusion_matrix_normalised" if normalised else "confusion_matrix"
    return _draw(name, caption, f"Confusion matrix, {what}; the numbers are in metrics.json", (side, side), draw)


def _per_class(metrics: Metrics) -> Chart:
    classes = metrics.classes
    kinds = ("precision", "recall", "f1")

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for shift, (kind, marker) in enumerate(zip(kinds, ("s", "^", "o"), strict=True)):
            for place, code in enumerate(classes):
                estimate = getattr(metrics.per_class[code], kind).estimate()
                if np.isnan(estimate.value):
                    continue
                y = place + (shift - 1) * 0.22
                color = tissue_class(code).color
                axes.hlines(y, estimate.low, estimate.high, color=color, linewidth=2)
                axes.plot(estimate.value, y, marker, color=color, markeredgecolor="#1c2330", markersize=6)
        for kind, marker in zip(kinds, ("s", "^", "o"), strict=True):
            axes.plot([], [], marker, color="white", markeredgecolor="#1c2330", label=kind.replace("f1", "F1"))
        axes.set_yticks(range(len(classes)), classes)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)
        axes.grid(axis="x", color="#dde2ea")
        axes.set_axisbelow(True)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)

    caption = f"Precision, recall and F1 of each class with 95 % intervals, {metrics.part} part, n = {metrics.n:,}."
    height = 1.2 + 0.55 * len(classes)
    return _draw("per_class", caption, "Precision, recall and F1 of each class with intervals", (7, height), draw)


def _reliability(calibration: Calibration, part: str) -> Chart:
    bins = (calibration.after or calibration.before).bins

    def line(axes: Axes, points: Sequence[ReliabilityPoint], color: str, label: str) -> None:
        axes.plot([b.confidence for b in points], [b.accuracy for b in points], "o-", color=color, label=label)

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.plot([0, 1], [0, 1], color="#8a93a3", linestyle="--", linewidth=1, label="perfect")
        if calibration.after:
            line(axes, calibration.before.bins, "#c3a27a", "before calibration")
        line(axes, bins, "#0072b2", "this model")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
        axes.legend(frameon=False, loc="upper left")

    n = sum(b.n for b in bins)
    caption = f"Reliability, {part} part, n = {n:,} in {len(bins)} bins of equal size. Below the line: too sure."
    return _draw("reliability", caption, "Accuracy against confidence", (4.2, 4.2), draw)


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

    caption = "Grouped cross-validation inside the training part; the strength of the dashed line was chosen."
    return _draw("history", caption, "Cross-validated figures for each strength of the head", (8, 3.4), draw)


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
    return _draw("history", caption, "Training and validation curves", (8, 3.4), draw)
