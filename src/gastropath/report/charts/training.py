"""How training went: epochs, or the strengths that were tried for the head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gastropath.report.charts.axes import SHARES, WIDTH, Axes, Scale, legend
from gastropath.report.charts.drawing import GREY, INK, ORANGE, Drawing
from gastropath.report.parts import Chart

_LEFT, _PANEL_PX, _ABOVE, _BELOW = 62, 190, 34, 48

History = Sequence[Mapping[str, float]]
"""The rows of ``history.csv``, at least one."""


def history_chart(history: History) -> Chart:
    """Draw ``history.csv``, whichever recipe wrote it."""
    return _epochs(history) if "epoch" in history[0] else _strengths(history)


def _epochs(history: History) -> Chart:
    last = history[-1]
    entries = [("training part", INK, "line"), ("validation part", ORANGE, "line")]
    drawing = Drawing(WIDTH, 2 * (_ABOVE + _PANEL_PX + _BELOW) + 16)
    epochs = [row["epoch"] for row in history]
    x, top = Scale(min(epochs), max(max(epochs), min(epochs) + 1)), 0.0
    for key in ("loss", "accuracy"):
        losses = [row[name] for row in history for name in (key, f"val_{key}") if math.isfinite(row[name])]
        y = SHARES if key == "accuracy" else Scale(0.0, 1.06 * max([*losses, 1e-3]))
        axes = Axes(drawing, _LEFT, top + _ABOVE, WIDTH - _LEFT - 16, _PANEL_PX, x, y)
        axes.draw("epoch", title=key)
        axes.curve([(row["epoch"], row[key]) for row in history], INK, dots=len(history) <= 40)
        axes.curve([(row["epoch"], row[f"val_{key}"]) for row in history], ORANGE, dots=len(history) <= 40)
        top += _ABOVE + _PANEL_PX + _BELOW
    legend(drawing, _LEFT, top + 4, entries, WIDTH)
    caption = (
        f"Loss and accuracy over {last['epoch']:g} epochs. With dropout or augmentation, those of the training part "
        "lag behind."
    )
    alt = (
        f"Loss and accuracy by epoch. At the last: training loss {last['loss']:.3f} and accuracy "
        f"{last['accuracy']:.3f}, validation loss {last['val_loss']:.3f} and accuracy {last['val_accuracy']:.3f}."
    )
    return Chart("history", drawing, alt, caption)


def _strengths(history: History) -> Chart:
    best = min(history, key=lambda row: row["nll"])
    drawing = Drawing(WIDTH, 2 * (_ABOVE + _PANEL_PX + _BELOW))
    x, top = Scale.around([row["strength"] for row in history], log=True), 0.0
    for key, title in (("nll", "negative log-likelihood"), ("macro_f1", "macro-F1")):
        y = Scale.around([row[key] for row in history], at_least=0.005)
        axes = Axes(drawing, _LEFT, top + _ABOVE, WIDTH - _LEFT - 16, _PANEL_PX, x, y)
        axes.draw("strength (inverse penalty)", title=title)
        axes.curve([(best["strength"], y.low), (best["strength"], y.high)], GREY, width=1.2, dashed=True)
        axes.curve([(row["strength"], row[key]) for row in history], ORANGE, dots=True)
        top += _ABOVE + _PANEL_PX + _BELOW
    caption = (
        "Cross-validation by group inside the training part. The dashed line marks the strength that was chosen, the "
        "one with the best likelihood."
    )
    alt = (
        f"Negative log-likelihood and macro-F1 for each strength of the head. Chosen: {best['strength']:g}, with "
        f"negative log-likelihood {best['nll']:.3f} and macro-F1 {best['macro_f1']:.3f}."
    )
    return Chart("history", drawing, alt, caption)
