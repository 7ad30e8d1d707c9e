"""A comparison as a page, and as tables for the terminal and for a paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from gastropath import __version__
from gastropath.evaluation.comparison import Comparison, Difference
from gastropath.outputs import write_json, write_text
from gastropath.report.charts.forest import Panel, forest
from gastropath.report.html import Page
from gastropath.report.markdown import table as markdown_table
from gastropath.report.parts import Chart, Section, Table, Text
from gastropath.report.wording import count
from gastropath.results.interval import Interval
from gastropath.tables import write_table

FILES = ("compare.html", "comparison.csv", "comparison.md", "comparison.json", "figures")
"""What a comparison writes."""

FORMAT_VERSION = 1
"""Of ``comparison.json``."""

COLUMNS = (
    "model",
    "accuracy",
    "balanced accuracy",
    "macro-F1",
    "coverage",
    "selective accuracy",
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
        metrics = (model.accuracy, model.balanced_accuracy, model.macro_f1, model.coverage, model.selective_accuracy)
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
        rows.append((model.name, *map(str, metrics), *against))
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
    """Return ``comparison.json``: all numbers; ``None`` for what is not defined."""
    fields = {field.name: _plain(getattr(comparison, field.name)) for field in dataclasses.fields(comparison)}
    return {"format_version": FORMAT_VERSION, **fields}


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
        f"(McNemar's test: {_p_in_words(difference.p)}, adjusted {_p_in_words(difference.p_adjusted)})."
    )


def _numbers(comparison: Comparison) -> list[dict[str, object]]:
    """Return the rows of the CSV; all but the first have all its columns, in order."""
    rows = []
    for model, gap in zip(comparison.contenders, (None, *comparison.differences), strict=True):
        row: dict[str, object] = {"model": model.name}
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "coverage", "selective_accuracy"):
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


def _p_in_words(value: float) -> str:
    return f"p {'' if value < 0.001 else '= '}{_p(value)}"


def _markdown(comparison: Comparison) -> str:
    return "\n".join([*markdown_table(COLUMNS, table(comparison)), "", "\n\n".join(_notes(comparison)), ""])


def _notes(comparison: Comparison) -> list[str]:
    groups = f" in {count(comparison.groups, 'group')}" if comparison.groups else ""
    return [
        f"{comparison.part.capitalize()}, n = {comparison.n:,}{groups}, the same for all models. 95 % intervals: "
        f"paired bootstrap over {comparison.resampled}. p: McNemar's exact test, two-sided, which assumes that tiles "
        "are independent of each other; adjusted for the number of comparisons by Holm's method.",
        *comparison.warnings,
    ]


def _page(comparison: Comparison, charts: Sequence[Chart]) -> Page:
    first, rows = comparison.contenders[0].name, table(comparison)
    summary = [conclusion(difference, first) for difference in comparison.differences]
    sections = [
        Section("Each model", [Table(COLUMNS[:6], [row[:6] for row in rows], _notes(comparison)[0])]),
        Section(
            f"Compared with {first}",
            [
                Table((COLUMNS[0], *COLUMNS[6:]), [(row[0], *row[6:]) for row in rows[1:]]),
                *charts,
                *(Text(warning, "warning") for warning in comparison.warnings),
            ],
        ),
    ]
    names = ", ".join(model.name for model in comparison.contenders)
    footer = f"GastroPath {__version__}. comparison.csv, comparison.md and comparison.json hold the same numbers."
    return Page(f"Comparison of {names}", summary, sections, comparison.synthetic, footer)


def _overall(comparison: Comparison) -> Chart:
    names = [difference.name for difference in comparison.differences]
    panels = [
        Panel("accuracy", names, [difference.accuracy for difference in comparison.differences]),
        Panel("macro-F1", names, [difference.macro_f1 for difference in comparison.differences]),
    ]
    first = comparison.contenders[0].name
    caption = f"Accuracy and macro-F1 minus those of {first}, paired, with 95 % intervals; n = {comparison.n:,}."
    alt = f"Differences from {first}. {_in_words(panels)}"
    return Chart("differences", forest(panels, "difference"), alt, caption)


def _per_class(comparison: Comparison) -> Chart:
    classes = comparison.classes
    panels = [Panel(gap.name, classes, [gap.f1[code] for code in classes]) for gap in comparison.differences]
    first = comparison.contenders[0].name
    caption = f"F1 of each class minus that of {first}, paired, with 95 % intervals."
    alt = f"Differences of F1 from {first}, by class. {_in_words(panels)}"
    return Chart("f1_differences", forest(panels, "difference of F1"), alt, caption)


def _in_words(panels: Sequence[Panel]) -> str:
    return " ".join(
        f"{panel.title}: {', '.join(f'{n} {gap}' for n, gap in zip(panel.names, panel.differences, strict=True))}."
        for panel in panels
    )


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
