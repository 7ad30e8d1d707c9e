"""Charts by class: what is taken for what, and how well each class is recognised."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gastropath.report.charts.axes import SHARES, SMALL_PX, WIDTH, Axes, Scale, legend
from gastropath.report.charts.drawing import BLUE, GREY, GRID, INK, PAPER, Drawing, fitted_names, text_width
from gastropath.report.parts import Chart
from gastropath.results.metrics import Metrics
from gastropath.tissue_classes import tissue_class

_LONGEST_NAME_PX = 130
_KINDS = (("precision", "precision", "square"), ("recall", "recall", "triangle"), ("f1", "F1", "circle"))


def confusion_matrix(metrics: Metrics, *, normalised: bool) -> Chart:
    """Draw counts, or shares of each true class; a cell is shaded by its share either way."""
    classes, matrix = metrics.classes, metrics.confusion_matrix
    n = len(classes)
    cell = 44 if n <= 7 else 36 if n <= 10 else 27 if n <= 20 else 21
    size = 13 if n <= 10 else 10 if n <= 20 else 8
    names = fitted_names(classes, _LONGEST_NAME_PX)
    widest = max(map(text_width, names))
    lying = widest <= cell - 4
    below = 18 if lying else 10 + widest * (1 if n > 10 else 0.75)
    left, top = 34 + widest, 8
    width = left + n * cell + 10
    shift = max(0.0, (WIDTH - width) / 2)
    left, width = left + shift, max(width, WIDTH)
    drawing = Drawing(width, top + n * cell + below + 28)
    for row, (name, counts) in enumerate(zip(names, matrix, strict=True)):
        y, total = top + row * cell, sum(counts)
        drawing.text((left - 6, y + cell / 2), name, anchor="end")
        for column, count in enumerate(counts):
            share = count / total if total else 0.0
            drawing.box(left + column * cell, y, cell, cell, _shade(share), GRID)
            if count:
                center = (left + (column + 0.5) * cell, y + cell / 2)
                text = _share(share, short=n > 10) if normalised else _count(count, cell, size)
                drawing.text(center, text, anchor="middle", size=size, color=PAPER if share > 0.55 else INK)
    for column, name in enumerate(names):
        x, y = left + (column + 0.5) * cell, top + n * cell
        if lying:
            drawing.text((x, y + 12), name, anchor="middle")
        else:
            drawing.text((x, y + 8), name, anchor="end", turn=90 if n > 10 else 45)
    drawing.text((left + n * cell / 2, top + n * cell + below + 14), "predicted class", anchor="middle")
    drawing.text((left - widest - 22, top + n * cell / 2), "true class", anchor="middle", turn=90)
    what = "share of each true class" if normalised else "counts"
    return Chart(
        "confusion_matrix_normalised" if normalised else "confusion_matrix",
        drawing,
        f"Confusion matrix, {what}. {_in_words(classes, matrix, normalised)}",
        f"Confusion matrix ({what}), {metrics.judged}, n = {metrics.n:,}. Rows are true classes, columns predicted "
        "ones.",
    )


def per_class(metrics: Metrics) -> Chart:
    """Draw precision, recall and F1 of each class with their intervals."""
    classes = metrics.classes
    names = fitted_names(classes, _LONGEST_NAME_PX)
    left, row_px, top = 14 + max(map(text_width, names)), 44, 8
    drawing = Drawing(WIDTH, top + row_px * len(classes) + 66)
    rows = Scale(len(classes), 0)
    axes = Axes(drawing, left, top, WIDTH - left - 16, row_px * len(classes), SHARES, rows)
    axes.draw_x()
    words = []
    for number, (code, name) in enumerate(zip(classes, names, strict=True)):
        row, color = metrics.per_class[code], tissue_class(code).color
        drawing.text((left - 6, axes.at(0, number + 0.5)[1]), name, anchor="end")
        if number:
            edge = axes.at(0, number)[1]
            drawing.line([(left, edge), (WIDTH - 16, edge)], GRID, width=1)
        for place, (key, _, shape) in enumerate(_KINDS):
            value, low, high = getattr(row, key).numbers
            y = number + 0.22 + 0.28 * place
            if math.isfinite(low):
                ends = [axes.at(low, y), axes.at(high, y)]
                drawing.line(ends, INK, width=3.6)
                drawing.line(ends, color, width=2.2)
            if math.isfinite(value):
                drawing.dot(axes.at(value, y), color, shape=shape)
        words.append(f"{code}: precision {row.precision}, recall {row.recall}, F1 {row.f1}")
        if not row.support:
            drawing.text(axes.at(0.02, number + 0.5), "no tiles", size=SMALL_PX, color=GREY)
    entries = [(label, PAPER, shape) for _, label, shape in _KINDS]
    legend(drawing, left, top + row_px * len(classes) + 40, entries, WIDTH - left)
    caption = f"Precision, recall and F1 of each class with 95 % intervals, {metrics.judged}, n = {metrics.n:,}."
    return Chart("per_class", drawing, f"Precision, recall and F1 of each class. {'; '.join(words)}.", caption)


def _shade(share: float) -> str:
    """Mix white with blue."""
    blue = (int(BLUE[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in blue)


def _share(share: float, *, short: bool) -> str:
    text = f"{share:.2f}"
    return text[1:] if short and share < 1 and text[0] == "0" else text[:3] if short else text


def _count(count: int, cell: float, size: float) -> str:
    text = str(count)
    if text_width(text, size) <= cell:
        return text
    return f"{count / 1e3:.0f}k" if count < 1e6 else f"{count / 1e6:.0f}M"


def _in_words(classes: Sequence[str], matrix: Sequence[Sequence[int]], normalised: bool) -> str:
    rows = []
    for code, counts in zip(classes, matrix, strict=True):
        total = sum(counts)
        cells = [
            f"{other} {count / total:.2f}" if normalised else f"{other} {count:,}"
            for other, count in zip(classes, counts, strict=True)
            if count
        ]
        rows.append(f"True {code}: {', '.join(cells) or 'no tiles'}")
    return "; ".join(rows) + "."
