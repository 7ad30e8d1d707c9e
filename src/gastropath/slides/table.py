"""``slides.csv``: a row for each slide that was ever mapped into a folder, whoever mapped it and when."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gastropath.errors import GastroPathError
from gastropath.locks import taken
from gastropath.results.summary import SlideSummary
from gastropath.tables import read_table, write_table
from gastropath.tissue_classes import in_column_names

SLIDES_CSV = "slides.csv"
_LOCK = ".slides.csv.lock"

DONE, FAILED, SAME = "done", "failed", "same"
"""What a row says of its slide; ``same`` is a second name of a slide that has a row."""

PATH = "path"
"""Column with the whole path, by which a row is known again: a name may stand in several folders."""

_LOCK_SECONDS = 120.0

_FIRST = ("slide", "folder", "status", "reason", "mpp_x", "mpp_y", "tiles", "classified", "abstained", "refused")
_AREA, ABSTAINED, _ABSTAINED_1 = "area_mm2_", "abstained_mm2", "area_mm2_not sure"
"""Columns of areas; the last is that of abstained tiles in version 0.1.0."""


def columns(classes: Sequence[str]) -> list[str]:
    """Return the columns for a model of these classes."""
    return [*_FIRST, *(area_column(code) for code in classes), ABSTAINED, "stroma_share", "detail", PATH]


def area_column(code: str) -> str:
    """Return the name of the column with the area of a class.

    Examples
    --------
    >>> area_column("TUM"), area_column("smooth muscle")
    ('area_mm2_TUM', 'area_mm2_smooth_muscle')
    """
    return f"{_AREA}{in_column_names(code)}"


def mapped_row(path: Path, folder: str, summary: SlideSummary) -> dict[str, object]:
    """Return the row of a slide that is done."""
    tiles = summary.tiles
    return {
        "slide": str(path),
        "folder": folder,
        "status": DONE,
        "mpp_x": summary.mpp.x,
        "mpp_y": summary.mpp.y,
        "tiles": tiles.in_grid,
        "classified": tiles.classified,
        "abstained": tiles.abstained,
        "refused": tiles.n_refused,
        **{area_column(code): area for code, area in summary.area_mm2.classes.items()},
        ABSTAINED: summary.area_mm2.abstained,
        "stroma_share": summary.tumour_stroma.stroma_share,
        PATH: os.path.abspath(path),
    }


def same_row(path: Path, folder: str, other: str) -> dict[str, object]:
    """Return the row of a file that is a slide which has a row already, under the name ``other``."""
    return {
        "slide": str(path),
        "folder": folder,
        "status": SAME,
        "reason": "same_slide",
        "detail": f"is the same slide as {other}",
        PATH: os.path.abspath(path),
    }


def failed_row(path: Path, error: GastroPathError, left: str = "") -> dict[str, object]:
    """Return the row of a slide that failed: the kind of error as its reason, the message as its detail.

    ``left`` is the folder that still holds the result of an earlier call, which was to be replaced.
    """
    place = "" if error.where in (None, str(path)) else f"{error.where}: "
    stale = f"; folder {left} still holds the result of an earlier call" if left else ""
    return {
        "slide": str(path),
        "folder": "",
        "status": FAILED,
        "reason": re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower(),
        "detail": f"{place}{error.reason}{stale}",
        PATH: os.path.abspath(path),
    }


def earlier_rows(table: Path) -> tuple[list[str], Sequence[Mapping[str, str]]]:
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


def locked(out: Path) -> AbstractContextManager[None]:
    """Keep other calls from names and rows in a folder while the block lasts: many may share one ``out``.

    Raises
    ------
    CannotWrite
        If another call does not give it free.
    """
    return taken(out / _LOCK, _LOCK_SECONDS)


def write_slides(
    table: Path,
    classes: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    replaced: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write the rows of this call, and those of results that earlier calls left beside them.

    A slide has one row, known by its whole path. A result stays in the table when another call on its slide fails. A
    result whose slide now lies elsewhere has only the new row.

    Parameters
    ----------
    table
        ``slides.csv``.
    classes
        Codes of the model's classes.
    rows
        Of this call.
    replaced
        Rows of results that this call was to replace: of those a failure is written. One that a call beside this one
        has made since is another row, and stays.
    """
    with locked(table.parent):
        known, earlier = earlier_rows(table)
        done = {_key(row) for row in earlier if row["status"] == DONE and row not in replaced}
        new = [row for row in rows if row["status"] != FAILED or _key(row) not in done]
        keys = {_key(row) for row in new}
        folders = {row["folder"] for row in new if row["status"] == DONE}
        kept = [row for row in earlier if _key(row) not in keys and not _moved(row, folders)]
        first = columns(classes)
        write_table(table, [*first, *(c for c in known if c not in first)], [*kept, *map(_in_digits, new)])


def earlier_path(out: Path, folder: str, path: Path) -> str | None:
    """Return another file that ``slides.csv`` names as the slide of a result, and that is still there."""
    _, rows = earlier_rows(out / SLIDES_CSV)
    for row in rows:
        other = row.get(PATH, "")
        if (
            row["status"] == DONE
            and row["folder"] == folder
            and other != os.path.abspath(path)
            and Path(other).is_file()
        ):
            return row["slide"] if other else None
    return None


def _key(row: Mapping[str, object]) -> str:
    return str(row.get(PATH) or os.path.abspath(str(row["slide"])))


def _moved(row: Mapping[str, str], folders: set[object]) -> bool:
    return row["status"] == DONE and row["folder"] in folders and not Path(_key(row)).is_file()


def _brought_up(known: Sequence[str], rows: Sequence[Mapping[str, str]]) -> tuple[list[str], list[dict[str, str]]]:
    """Bring up a table of version 0.1.0: reasons were sentences, and abstained area was that of a class."""
    names = {_ABSTAINED_1: ABSTAINED, "reason": "detail"}
    return (
        [names.get(name, name) for name in known],
        [{names.get(name, name): cell for name, cell in row.items()} for row in rows],
    )


def _in_digits(row: Mapping[str, object]) -> dict[str, object]:
    return {column: f"{value:.6f}" if isinstance(value, float) else value for column, value in row.items()}
