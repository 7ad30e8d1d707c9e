"""CSV tables with a contract: known columns first and in order, unknown ones after them and never lost."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from gastropath.errors import CannotReadTable, did_you_mean
from gastropath.outputs import replacing


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as UTF-8 CSV, complete or not at all. ``None`` becomes an empty cell; rows are not collected."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        write_rows(file, columns, rows)


def write_rows(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV to an open file; ends no line itself (``newline=""``)."""
    table = RowWriter(file, columns)
    for row in rows:
        table.add(row)


class RowWriter:
    """Writes a table row by row to an open file (``newline=""``); the columns first."""

    def __init__(self, file: TextIO, columns: Sequence[str]) -> None:
        self._columns = columns
        self._plain = csv.writer(file, lineterminator="\n")
        self._quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._plain.writerow(columns)

    def add(self, row: Mapping[str, object]) -> None:
        """Write a row. Columns that it lacks stay empty, others are left out."""
        cells = [row.get(column, "") for column in self._columns]
        # Python quotes a line feed by itself, a carriage return only since 3.13; unquoted, it would end the line.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (self._quoted if has_return else self._plain).writerow(cells)


def fingerprint(rows: Iterable[Iterable[str]]) -> str:
    """Return the SHA-256 of rows of text, in hexadecimal."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(("\0".join(row) + "\n").encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def read_table(path: Path, required: Iterable[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Read a CSV table.

    Returns
    -------
    columns : list of str
        In the order of the file.
    rows : list of dict
        One a line, every cell a string.

    Raises
    ------
    CannotReadTable
        If the file is missing or is not CSV, lacks a required column or has it twice, or has a line of another length.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or [])
            for column in required:
                if column not in columns:
                    raise CannotReadTable(f"has no column {column!r}", where=path, remedy=_hint(column, columns))
                if columns.count(column) > 1:
                    raise CannotReadTable(f"has column {column!r} twice", where=path, remedy="keep one of them")
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    where = f"{path}, line {reader.line_num}"
                    raise CannotReadTable(f"expected {len(columns)} cells in each line", where=where)
                rows.append(row)
    except FileNotFoundError:
        raise CannotReadTable("there is no such file", where=path) from None
    except (OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotReadTable(f"cannot be read as a CSV table: {reason or error}", where=path) from None
    return columns, rows


def _hint(column: str, columns: Sequence[str]) -> str:
    if not columns:
        return "the file is empty"
    if len(columns) == 1 and (mark := next((mark for mark in ";\t" if mark in columns[0]), None)):
        return f"its cells are separated by {mark!r}: save it with commas"
    return did_you_mean(column, columns).removeprefix("; ")
