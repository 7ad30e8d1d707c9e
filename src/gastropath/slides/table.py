"""``slides.csv``: a row for each slide that was ever mapped into a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gastropath.errors import GastroPathError
from gastropath.results.summary import SlideSummary
from gastropath.tables import read_table, write_table

SLIDES_CSV = "slides.csv"

_FIRST = ("slide", "folder", "status", "reason", "mpp_x", "mpp_y", "tiles", "classified", "abstained", "refused")
_AREA, _ABSTAINED, _ABSTAINED_1 = "area_mm2_", "abstained_mm2", "area_mm2_not sure"
"""Columns of areas; the last is that of abstained tiles in version 0.1.0."""


def columns(classes: Sequence[str]) -> list[str]:
    """Return the columns for a model of these classes."""
    return [*_FIRST, *(f"{_AREA}{code}" for code in classes), _ABSTAINED, "stroma_share", "detail"]


def mapped_row(path: Path, folder: str, summary: SlideSummary) -> dict[str, object]:
    """Return the row of a slide that is done."""
    tiles = summary.tiles
    return {
        "slide": str(path),
        "folder": folder,
        "status": "done",
        "mpp_x": summary.mpp.x,
        "mpp_y": summary.mpp.y,
        "tiles": tiles.in_grid,
        "classified": tiles.classified,
        "abstained": tiles.abstained,
        "refused": tiles.n_refused,
        **{f"{_AREA}{code}": area for code, area in summary.area_mm2.classes.items()},
        _ABSTAINED: summary.area_mm2.abstained,
        "stroma_share": summary.tumour_stroma.stroma_share,
    }


def failed_row(path: Path, folder: str, error: GastroPathError) -> dict[str, object]:
    """Return the row of a slide that failed: the kind of error as its reason, the message as its detail."""
    place = "" if error.where in (None, str(path)) else f"{error.where}: "
    return {
        "slide": str(path),
        "folder": folder,
        "status": "failed",
        "reason": re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower(),
        "detail": f"{place}{error.reason}",
    }


def earlier_rows(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read the columns and rows of ``slides.csv``; none where there is no such file yet.

    Raises
    ------
    CannotReadTable
        If there is a file of that name which is not such a table.
    """
    if not table.is_file():
        return [], []
    known, rows = read_table(table, ("slide", "folder", "status"))
    return (known, rows) if "detail" in known else _brought_up(known, rows)


def write_slides(table: Path, classes: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write the rows of this call, and those of results that earlier calls left beside them."""
    known, earlier = earlier_rows(table)
    done = {row["folder"] for row in earlier if row["status"] == "done"}
    # A result that is there stays in the table when another call on its slide is refused.
    new = [row for row in rows if row["status"] == "done" or row["folder"] not in done]
    replaced = {row[column] for row in new for column in ("folder", "slide")} - {""}
    kept = [row for row in earlier if row["folder"] not in replaced and row["slide"] not in replaced]
    first = columns(classes)
    write_table(table, [*first, *(c for c in known if c not in first)], [*kept, *map(_in_digits, new)])


def _brought_up(known: Sequence[str], rows: Sequence[Mapping[str, str]]) -> tuple[list[str], list[dict[str, str]]]:
    """Bring up a table of version 0.1.0: reasons were sentences, and abstained area was that of a class."""
    names = {_ABSTAINED_1: _ABSTAINED, "reason": "detail"}
    return (
        [names.get(name, name) for name in known],
        [{names.get(name, name): cell for name, cell in row.items()} for row in rows],
    )


def _in_digits(row: Mapping[str, object]) -> dict[str, object]:
    return {column: f"{value:.6f}" if isinstance(value, float) else value for column, value in row.items()}
