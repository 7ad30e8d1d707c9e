"""A comparison as a page, and as tables for the terminal and for a paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gastropath import __version__
from gastropath.bundle.figures import cell
from gastropath.evaluation.chart import BLUE, GREY, INK, ORANGE, Chart, drawn
from gastropath.evaluation.comparison import Comparison, Difference
from gastropath.outputs import write_json, write_text
from gastropath.report.html import Figure, Page, Section, Table, Text
from gastropath.results.interval import Interval
from gastropath.tables import write_table

FILES = ("compare.html", "comparison.csv", "comparison.md", "comparison.json", "figures")
"""What a comparison writes."""

COLUMNS = (
    "model",
    "accuracy",
    "balanced accuracy",
    "macro-F1",
    "answered",
    "right of these",
    "accuracy minus first",
    "macro-F1 minus first",
    "only first right",
    "only this right",
    "McNemar p",
    "p adjusted",
)
"""Of the one table: a row a model, the first without differences."""


def table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of the table, every cell a text with its 95 % interval."""
    differences: Sequence[Difference | None] = (None, *comparison.differences)
    rows = []
    for model, gap in zip(comparison.contenders, differences, strict=True):
        figures = (model.accuracy, model.balanced_accuracy, model.macro_f1, model.answered, model.right_of_these)
        against = (
            (
                str(gap.accuracy),
                str(gap.macro_f1),
                f"{gap.only_first:,}",
                f"{gap.only_other:,}",
                _p(gap.p),
                _p(gap.p_adjusted),
            )
            if gap
            else ("–",) * 6
        )
        rows.append((model.name, *map(str, figures), *against))
    return rows


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write the page, the table as CSV and Markdown, all numbers as JSON, and the charts."""
    charts = [_overall(comparison), _per_class(comparison)]
    for chart in charts:
        chart.write(out / "figures")
    rows = _numbers(comparison)
    write_table(out / "comparison.csv", list(rows[-1]), rows)
    write_text(out / "comparison.md", _markdown(comparison))
    write_json(out / "comparison.json", document(comparison))
    _page(comparison, charts).write(out / "compare.html")


def document(comparison: Comparison) -> dict[str, object]:
    """Return all numbers; ``None`` for what is not defined."""
    return {field.name: _plain(getattr(comparison, field.name)) for field in dataclasses.fields(comparison)}


def conclusion(difference: Difference, first: str) -> str:
    """Say what a difference means, and what it does not."""
    gap = difference.accuracy
    if gap.is_above_zero:
        verdict = f"{difference.name} is right more often than {first}"
    elif gap.is_below_zero:
        verdict = f"{difference.name} is right less often than {first}"
    else:
        verdict = f"{difference.name} and {first} cannot be told apart by accuracy on these tiles"
    return (
        f"{verdict}: difference {gap}; macro-F1 {difference.macro_f1}. Tiles on which only {difference.name} is right: "
        f"{difference.only_other:,}; only {first}: {difference.only_first:,} "
        f"(McNemar p = {_p(difference.p)}, adjusted {_p(difference.p_adjusted)})."
    )


def _numbers(comparison: Comparison) -> list[dict[str, object]]:
    """Return the rows of the CSV; all but the first have all its columns, in order."""
    rows = []
    for model, gap in zip(comparison.contenders, (None, *comparison.differences), strict=True):
        row: dict[str, object] = {"model": model.name}
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "answered", "right_of_these"):
            row |= _triple(name, getattr(model, name))
        if gap:
            row |= _triple("accuracy_difference", gap.accuracy) | _triple("macro_f1_difference", gap.macro_f1)
            row |= {
                "only_first_right": gap.only_first,
                "only_this_right": gap.only_other,
                "mcnemar_p": f"{gap.p:.6g}",
                "mcnemar_p_adjusted": f"{gap.p_adjusted:.6g}",
            }
        rows.append(row | {"n": comparison.n})
    return rows


def _triple(name: str, estimate: Interval) -> dict[str, object]:
    return {name: _six(estimate.value), f"{name}_low": _six(estimate.low), f"{name}_high": _six(estimate.high)}


def _six(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _markdown(comparison: Comparison) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(cell, cells))} |"

    lines = [line(COLUMNS), f"|{'---|' * len(COLUMNS)}", *(line(row) for row in table(comparison))]
    return "\n".join(lines) + "\n\n" + "\n\n".join(_notes(comparison)) + "\n"


def _notes(comparison: Comparison) -> list[str]:
    groups = f" in {comparison.groups:,} groups" if comparison.groups else ""
    return [
        f"{comparison.part.capitalize()}, n = {comparison.n:,}{groups}, the same for all models. 95 % intervals: "
        f"paired bootstrap over {comparison.resampled}. p: McNemar's test, two-sided and exact, which takes tiles for "
        "independent of each other; adjusted by Holm's method for the number of comparisons.",
        *comparison.warnings,
    ]


def _page(comparison: Comparison, charts: Sequence[Chart]) -> Page:
    first, rows = comparison.contenders[0].name, table(comparison)
    summary = [conclusion(difference, first) for difference in comparison.differences]
    pictures = [Figure(chart.svg, chart.alt, chart.caption) for chart in charts]
    sections = [
        Section("Each model", [Table(COLUMNS[:6], [row[:6] for row in rows], _notes(comparison)[0])]),
        Section(
            f"Compared with {first}",
            [
                Table((COLUMNS[0], *COLUMNS[6:]), [(row[0], *row[6:]) for row in rows[1:]]),
                *pictures,
                *(Text(warning, "warning") for warning in comparison.warnings),
            ],
        ),
    ]
    names = ", ".join(model.name for model in comparison.contenders)
    footer = f"GastroPath {__version__}. comparison.csv, comparison.md and comparison.json hold the same numbers."
    return Page(f"Comparison of {names}", summary, sections, comparison.synthetic, footer)


def _overall(comparison: Comparison) -> Chart:
    def draw(canvas: Canvas) -> None:
        left, right = canvas.subplots(1, 2, sharey=True)
        names = [difference.name for difference in comparison.differences]
        _forest(left, names, [difference.accuracy for difference in comparison.differences])
        _forest(right, names, [difference.macro_f1 for difference in comparison.differences])
        left.set_title("accuracy")
        right.set_title("macro-F1")

    caption = (
        f"Figure minus that of {comparison.contenders[0].name}, paired, with 95 % intervals; n = {comparison.n:,}."
    )
    size = (8, 1.6 + 0.45 * len(comparison.differences))
    return drawn("differences", caption, "Differences of accuracy and macro-F1 with intervals", size, draw)


def _per_class(comparison: Comparison) -> Chart:
    def draw(canvas: Canvas) -> None:
        panels = canvas.subplots(1, len(comparison.differences), sharey=True, squeeze=False)[0]
        for axes, difference in zip(panels, comparison.differences, strict=True):
            _forest(axes, comparison.classes, [difference.f1[code] for code in comparison.classes])
            axes.set_title(difference.name)

    caption = f"F1 of each class minus that of {comparison.contenders[0].name}, paired, with 95 % intervals."
    size = (3.2 + 2.6 * len(comparison.differences), 1.4 + 0.32 * len(comparison.classes))
    return drawn("f1_differences", caption, "Differences of F1 of each class with intervals", size, draw)


def _forest(axes: Axes, names: Sequence[str], gaps: Sequence[Interval]) -> None:
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    for place, gap in enumerate(gaps):
        color = BLUE if gap.is_above_zero else ORANGE if gap.is_below_zero else GREY
        value, low, high = gap.numbers
        if not np.isnan(low):
            axes.hlines(place, low, high, color=color, linewidth=2)
        axes.plot(value, place, "o", color=color, markeredgecolor=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("difference")
    axes.grid(axis="x", color="#dde2ea")
    axes.set_axisbelow(True)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, Interval):
        return value.model_dump()
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
