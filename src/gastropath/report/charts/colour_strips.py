"""Colours of tiles as strips, one a class."""

from __future__ import annotations

from collections.abc import Sequence

from gastropath.report.charts.axes import WIDTH
from gastropath.report.charts.drawing import Drawing, fitted_names, text_width

_ROW_PX, _LONGEST_NAME_PX = 24, 130


def colour_strips(strips: Sequence[tuple[str, Sequence[tuple[int, int, int]]]]) -> Drawing:
    """Draw for each class a row of swatches, each of an RGB colour from 0 to 255."""
    names = fitted_names([code for code, _ in strips], _LONGEST_NAME_PX)
    left = 14 + max(map(text_width, names), default=0)
    drawing = Drawing(WIDTH, 4 + _ROW_PX * len(strips))
    for row, (name, (_, colours)) in enumerate(zip(names, strips, strict=True)):
        top = 4 + row * _ROW_PX
        drawing.text((left - 8, top + _ROW_PX / 2 - 2), name, anchor="end")
        width = (WIDTH - left - 4) / max(1, len(colours))
        for column, (red, green, blue) in enumerate(colours):
            # Half a pixel over its neighbour, so that no white line shows between two of them.
            drawing.box(left + column * width, top, width + 0.5, _ROW_PX - 4, f"#{red:02x}{green:02x}{blue:02x}")
    return drawing
