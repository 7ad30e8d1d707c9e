"""The chart of the checks of activation maps."""

from __future__ import annotations

from gastropath.report.charts.axes import SHARES, WIDTH, Axes, legend
from gastropath.report.charts.drawing import GREY, ORANGE, Drawing
from gastropath.report.parts import Chart
from gastropath.report.wording import count
from gastropath.results.faithfulness import ExplanationChecks

_LEFT, _PANEL_PX, _ABOVE, _BELOW = 62, 190, 34, 48


def deletion_insertion(explained: ExplanationChecks) -> Chart:
    """Draw the probability of the predicted class while cells are blurred, and while they are shown."""
    drawing = Drawing(WIDTH, 2 * (_ABOVE + _PANEL_PX + _BELOW) + 16)
    top = 0.0
    for curve, title, x_title in (
        (explained.deletion, "deletion", "share of the tile blurred"),
        (explained.insertion, "insertion", "share of the tile shown sharp"),
    ):
        axes = Axes(drawing, _LEFT, top + _ABOVE, WIDTH - _LEFT - 16, _PANEL_PX, SHARES, SHARES)
        axes.draw(x_title, "probability", title)
        axes.curve(list(zip(curve.share, curve.by_chance, strict=True)), GREY, dashed=True, dots=True)
        axes.curve(list(zip(curve.share, curve.by_map, strict=True)), ORANGE, dots=True)
        top += _ABOVE + _PANEL_PX + _BELOW
    legend(drawing, _LEFT, top + 4, [("order of the map", ORANGE, "line"), ("random order", GREY, "dashed")], WIDTH)
    caption = (
        f"Mean probability of the predicted class over {count(explained.n, 'tile')} of {explained.cells} cells each. "
        "If the map shows what the model goes by, the probability falls sooner than in random order above, and rises "
        "sooner below."
    )
    alt = (
        f"Deletion and insertion. Area gained over random order: deletion {explained.deletion.gain}, "
        f"insertion {explained.insertion.gain}."
    )
    return Chart("deletion_insertion", drawing, alt, caption)
