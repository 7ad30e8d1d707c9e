"""Differences with their intervals, one below the other, beside a line at zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gastropath.report.charts.axes import WIDTH, Axes, Scale
from gastropath.report.charts.drawing import BLUE, GREY, INK, ORANGE, Drawing, fitted_names, text_width
from gastropath.results.interval import Interval

_ROW_PX, _BELOW, _ABOVE, _LONGEST_NAME_PX = 24, 44, 30, 212
_NARROWEST = 0.02
"""Half the width of a scale on which all differences are 0."""


@dataclass(frozen=True)
class Panel:
    """Some differences: what they are of, their names, and the differences."""

    title: str
    names: Sequence[str]
    differences: Sequence[Interval]


def forest(panels: Sequence[Panel], x_title: str) -> Drawing:
    """Draw panels below each other on one scale: blue above zero, orange below, grey where the interval holds zero."""
    gaps = [gap for panel in panels for gap in panel.differences]
    scale = Scale.around([0.0, *(number for gap in gaps for number in gap.numbers)], at_least=_NARROWEST)
    names = [fitted_names(panel.names, _LONGEST_NAME_PX) for panel in panels]
    left = 14 + max((text_width(name) for shown in names for name in shown), default=0)
    titles = fitted_names([panel.title for panel in panels], WIDTH - left - 4)
    heights = [_ROW_PX * len(panel.names) for panel in panels]
    above = [_ABOVE if panel.title else 8 for panel in panels]
    drawing = Drawing(WIDTH, sum(heights) + sum(above) + _BELOW * len(panels))
    top = 0.0
    for panel, title, shown, height, space in zip(panels, titles, names, heights, above, strict=True):
        axes = Axes(drawing, left, top + space, WIDTH - left - 20, height, scale, Scale(len(panel.names), 0))
        _draw(axes, panel, title, shown, x_title)
        top += space + height + _BELOW
    return drawing


def _draw(axes: Axes, panel: Panel, title: str, names: Sequence[str], x_title: str) -> None:
    drawing, bottom, rows = axes.drawing, axes.top + axes.height, len(names)
    axes.draw_x(signed=True)
    drawing.line([axes.at(0, rows), axes.at(0, 0)], GREY, width=1.2, dashed=True)
    for number, (name, gap) in enumerate(zip(names, panel.differences, strict=True)):
        color = BLUE if gap.is_above_zero else ORANGE if gap.is_below_zero else GREY
        value, low, high = gap.numbers
        y = number + 0.5
        drawing.text((axes.left - 8, axes.at(0, y)[1]), name, anchor="end")
        if math.isfinite(low):
            drawing.line([axes.at(low, y), axes.at(high, y)], color, width=2.5)
        if math.isfinite(value):
            drawing.dot(axes.at(value, y), color)
    drawing.text((axes.left + axes.width / 2, bottom + 30), x_title, anchor="middle")
    if title:
        drawing.text((axes.left, axes.top - 14), title, color=INK)
