"""Tiles as a table lists them: path, label, group, and whatever else is known of each."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gastropath.data.alike import cleaned
from gastropath.data.columns import counted_groups, group_column, look_alikes
from gastropath.data.left_out import LeftOut
from gastropath.data.marker import synthetic_marker
from gastropath.errors import CannotReadTable, NoTilesFound
from gastropath.tables import read_table, with_slashes
from gastropath.tissue_classes import code_problem

TABLE_COLUMNS = ("path", "label", "group")

_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt"})
_SPREADSHEETS = frozenset({".xlsx", ".xlsm", ".xls", ".ods", ".numbers"})
_SHOWN = 40


@dataclass(frozen=True)
class Listing:
    """Tiles before they are an index; fields as in :class:`gastropath.data.index.TileIndex`."""

    root: Path
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    grouped_by: str = ""
    left_out: tuple[LeftOut, ...] = ()
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def listed_tiles(table: Path) -> Listing:
    """Read a table of tiles.

    Raises
    ------
    NoTilesFound
        If it is not named like a table, or has no rows.
    CannotReadTable
        If it lacks a column or a cell, has a column twice, or lists a file twice with different labels or groups.
    """
    suffix = table.suffix.lower()
    if suffix not in _SUFFIXES:
        remedy = "save it as CSV UTF-8 in the spreadsheet, and give that" if suffix in _SPREADSHEETS else ""
        raise NoTilesFound("expected a folder, or a CSV file with the columns path,label", where=table, remedy=remedy)
    columns, rows = read_table(table, required=("path", "label"))
    chosen = group_column(table, columns, rows)
    known = TABLE_COLUMNS if chosen is None or chosen.name == "group" else ("path", "label")
    extra = [name for name in extra_columns(table, columns, known) if name != "group"]
    if not rows:
        raise NoTilesFound("the table has no rows", where=table)
    first: dict[str, dict[str, str]] = {}
    blank, root = 0, table.parent
    group_in = chosen.name if chosen else "group"
    for row in rows:
        if not any(row.values()):  # as spreadsheets leave below a table
            blank += 1
            continue
        path, label, group = row["path"], cleaned(row["label"]), cleaned(row.get(group_in, ""))
        if not path or not label:
            raise CannotReadTable("path and label must not be empty", where=row.place(table))
        if problem := code_problem(label):
            what = f"label {label[:_SHOWN]!r} cannot be a class code: it {problem}"
            remedy = "write another label in this and all such lines"
            raise CannotReadTable(what, where=row.place(table), remedy=remedy)
        path = _as_on_disk(root, path)
        before = first.setdefault(path, row)
        if (cleaned(before["label"]), cleaned(before.get(group_in, ""))) != (label, group):
            what = f"{path} is listed twice with different labels or groups"
            raise CannotReadTable(what, where=row.place(table), remedy="keep one of the lines")
    repeated = len(rows) - blank - len(first)
    groups = tuple(cleaned(row.get(group_in, "")) for row in first.values())
    notes = [*chosen.notes] if chosen else [*look_alikes(table, extra)]
    source = f"column {group_in!r} of {table.name}" if any(groups) else ""
    if source:
        notes.insert(0, f"groups (patients or slides) are taken from {source}: {counted_groups(groups)}")
    folders = {(root / path).parent for path in first}
    return Listing(
        root=root,
        paths=tuple(first),
        labels=tuple(row["label"] for row in first.values()),
        groups=groups,
        grouped_by=source,
        left_out=(LeftOut("repeated_row", "", repeated),) if repeated else (),
        synthetic=any(synthetic_marker(folder) is not None for folder in folders),
        notes=tuple(notes),
        extra={name: tuple(row[name] for row in first.values()) for name in extra},
    )


def _as_on_disk(root: Path, path: str) -> str:
    """Return a path as its file is named: tables may hold backslashes, outer blanks, and letters in another form."""
    if path.isascii() and "\\" not in path and path == path.strip():
        return path
    plain = with_slashes(path)
    forms = (path, plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD")))
    raw = path.encode("cp1252", "ignore").decode("utf-8", "surrogateescape")  # a name that is no text, in such a table
    known = (form for form in (*forms, raw) if os.path.exists(root / form))
    return next(known, plain if "\\" in path else path)


def extra_columns(table: Path, columns: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the columns of a table that are not among the known ones, in the order of the table.

    Raises
    ------
    CannotReadTable
        If one occurs twice: a row is read by name, so one of the two would be lost.
    """
    for name, n in Counter(columns).items():
        if n > 1:
            raise CannotReadTable(f"has column {name!r} twice", where=table, remedy="rename or remove one of them")
    return [name for name in columns if name not in set(known)]
