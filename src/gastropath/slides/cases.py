"""``cases.csv``: what the slides of a case add up to, from which an analysis of patients starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gastropath.slides.lookup import SlideTable
from gastropath.slides.table import ABSTAINED, DONE, FAILED, PATH, SLIDES_CSV, area_column, earlier_rows, locked
from gastropath.slides.writers.totals import STROMA, TUMOUR
from gastropath.tables import write_table

CASES_CSV = "cases.csv"

_COUNTS = ("tiles", "classified", "abstained", "refused")


@dataclass(frozen=True)
class Cases:
    """A table of cases that was written.

    Attributes
    ----------
    path
        ``cases.csv``.
    without_case
        Slides with a map that are of no case.
    without_slide
        Names in the table of cases that are of no slide with a row.
    """

    path: Path
    without_case: tuple[str, ...]
    without_slide: tuple[str, ...]


def write_cases(out: Path, table: SlideTable, classes: Sequence[str]) -> Cases:
    """Add up ``slides.csv`` by case, over all calls that wrote it.

    Each case has a row in ``cases.csv``: how many slides the table names for it, how many of them are done, failed or
    not mapped yet (``missing``), tiles and areas summed over those that are done, and the share of stroma from the
    sums. A second name of a slide counts once.

    Parameters
    ----------
    out
        Folder with ``slides.csv``.
    table
        The case of each slide.
    classes
        Codes of the model's classes.
    """
    areas = [area_column(code) for code in classes]
    columns = ["case", "slides", "done", "failed", "missing", *_COUNTS, *areas, ABSTAINED, "stroma_share"]
    with locked(out):
        _, rows = earlier_rows(out / SLIDES_CSV)
        names = [row.get(PATH) or row["slide"] for row in rows]
        missing = [name for name in table.unknown(names) if table.cells[name]]
        of_case: dict[str, list[Mapping[str, str]]] = {case: [] for case in table.cells.values() if case}
        without = []
        for name, row in zip(names, rows, strict=True):
            if case := table.of(name):
                of_case[case].append(row)
            elif row["status"] == DONE:
                without.append(row["slide"])
        written = [
            _case(case, of_case[case], sum(table.cells[name] == case for name in missing), areas) for case in of_case
        ]
        write_table(out / CASES_CSV, columns, written)
    return Cases(out / CASES_CSV, tuple(without), tuple(missing))


def _case(case: str, rows: Sequence[Mapping[str, str]], missing: int, areas: Sequence[str]) -> dict[str, object]:
    done = [row for row in rows if row["status"] == DONE]
    failed = sum(row["status"] == FAILED for row in rows)

    def total(column: str) -> float:
        return sum(float(row.get(column) or 0) for row in done)

    stroma, tumour = (total(area_column(code)) for code in (STROMA, TUMOUR))
    return {
        "case": case,
        "slides": len(done) + failed + missing,
        "done": len(done),
        "failed": failed,
        "missing": missing,
        **{column: int(total(column)) for column in _COUNTS},
        **{column: f"{total(column):.6f}" if done else "" for column in (*areas, ABSTAINED)},
        "stroma_share": f"{stroma / (stroma + tumour):.6f}" if tumour else "",
    }
