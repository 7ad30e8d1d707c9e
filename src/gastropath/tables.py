"""CSV tables with a contract: known columns first and in order, unknown ones after them and never lost."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import logging
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from gastropath.errors import CannotReadTable
from gastropath.outputs import replacing

_log = logging.getLogger(__name__)

_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # Excel and OpenDocument; Excel before 2007
_SHOWN_COLUMNS = 20
_SEPARATORS = (",", ";", "\t")
_SEPARATOR_HINT = re.compile(r"sep=(.)", re.IGNORECASE)
_BETWEEN = (b",", b";", b"\t", b"\n", b"\r")
_FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20].")
_SHOWN = 40
_PIECE = 1 << 20


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, new: bool = False) -> None:
    """Write rows as UTF-8 CSV, complete or not at all. ``None`` becomes an empty cell; rows are not collected.

    With ``new`` no file may stand there: see :func:`gastropath.outputs.replacing`.
    """
    with replacing(path, new=new) as partial:
        with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            write_rows(file, columns, rows)
        _mark_if_not_text(partial)


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
        cells = [_harmless(row.get(column, "")) for column in self._columns]
        # Python quotes a line feed by itself, a carriage return only since 3.13; unquoted, it would end the line.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (self._quoted if has_return else self._plain).writerow(cells)


def _harmless(cell: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; numbers stay as they are."""
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _is_number(cell):
        return cell
    return f"'{cell}"


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def fingerprint(rows: Iterable[Iterable[str]]) -> str:
    """Return the SHA-256 of rows of text, in hexadecimal."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(("\0".join(row) + "\n").encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class Row(dict[str, str]):
    """A row of a table that was read: its cells by column.

    Attributes
    ----------
    line
        Line of the file it begins in, as an editor shows it: that of the columns is the first.
    """

    __slots__ = ("line",)

    def __init__(self, cells: Iterable[tuple[str, str]], line: int) -> None:
        super().__init__(cells)
        self.line = line

    def place(self, table: Path) -> str:
        """Say for messages where it stands."""
        return f"{table}, line {self.line}"


def read_table(path: Path, required: Iterable[str]) -> tuple[list[str], list[Row]]:
    """Read a table, as GastroPath or a spreadsheet writes it.

    Text is UTF-8 (with or without its mark) or UTF-16; what is neither is read as Windows-1252, with a warning in the
    log. Cells are separated by commas, or by semicolons or tabs where the first line shows it.

    Parameters
    ----------
    path
        The file.
    required
        Columns it must have, in any case.

    Returns
    -------
    columns : list of str
        In the order of the file.
    rows : list of Row
        Every cell a string; blank lines are passed over.

    Raises
    ------
    CannotReadTable
        If the file is missing or is not CSV, lacks a required column or has it twice, or has a line of another length.
    """
    try:
        text, guessed = _decoded(path, path.read_bytes())
        columns, rows = _parsed(path, text, tuple(required))
    except FileNotFoundError:
        raise CannotReadTable("there is no such file", where=path) from None
    except (OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotReadTable(f"cannot be read as a CSV table: {reason or error}", where=path) from None
    if guessed:
        _log.warning(
            "%s: is not UTF-8 text; it was read as Windows-1252, e.g. %s. If that is wrong, save it as CSV UTF-8",
            path,
            guessed,
        )
    return columns, rows


def with_slashes(path: str) -> str:
    r"""Return a path as tables hold it, with ``/`` between folders.

    Examples
    --------
    >>> with_slashes(r".\TUM\1.png")
    'TUM/1.png'
    """
    return path.strip().replace("\\", "/").removeprefix("./")


def _decoded(path: Path, data: bytes) -> tuple[str, str]:
    """Return the text of a table and, where its encoding is a guess, a word by which a person can tell."""
    if data.startswith(_SPREADSHEETS):
        what = "is a spreadsheet's own file or an archive; expected CSV text"
        raise CannotReadTable(what, where=path, remedy="save it as CSV UTF-8 in the spreadsheet")
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :].decode("utf-8", "surrogateescape"), ""
    if wide := _utf_16(data):
        try:
            return data.decode(wide).removeprefix("\ufeff"), ""
        except UnicodeDecodeError:
            raise CannotReadTable("is UTF-16 text that is cut off or damaged", where=path) from None
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            return data.decode("utf-8", "surrogateescape"), ""
        begin = max(data.rfind(mark, 0, error.start) for mark in _BETWEEN) + 1
        word = re.split(r"[,;\t\r\n]", data[begin : begin + _SHOWN].decode("cp1252", "replace"))[0]
        return text, repr(word)


def _utf_16(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF16_LE) or (len(data) > 1 and data[0] and not data[1]):
        return "utf-16-le"
    return "utf-16-be" if data.startswith(codecs.BOM_UTF16_BE) or (len(data) > 1 and not data[0] and data[1]) else ""


def _parsed(path: Path, text: str, required: tuple[str, ...]) -> tuple[list[str], list[Row]]:
    first, _, rest = text.partition("\n")
    before = 0
    if hint := _SEPARATOR_HINT.fullmatch(first.strip()):  # Excel's own way to say what separates cells
        text, separator, before = rest, hint[1], 1
    else:
        separator = _separator(first, required)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    columns = _named(path, next(reader, []), required)
    rows, last = [], reader.line_num
    for cells in reader:
        begin, last = last + 1, reader.line_num  # a cell may hold line breaks
        if not cells:
            continue
        row = Row(zip(columns, map(_as_it_was, cells), strict=False), before + begin)
        if len(cells) != len(columns):
            raise CannotReadTable(f"expected {len(columns)} cells in each line", where=row.place(path))
        rows.append(row)
    if columns.count("") > 1 and not any(row[""] for row in rows):  # separators at the end of every line
        for row in rows:
            del row[""]
        columns = [column for column in columns if column]
    return columns, rows


def _separator(first: str, required: tuple[str, ...]) -> str:
    """Return what separates the cells of the first line: the mark by which it has most of the required columns."""
    wanted = {column.casefold() for column in required}
    best = {}
    for mark in _SEPARATORS:
        cells = [cell.strip().strip('"').casefold() for cell in first.split(mark)]
        best[mark] = (len(wanted & set(cells)), len(cells) if not wanted else 0)
    return max(_SEPARATORS, key=best.__getitem__)  # of equals the first: the comma


def _named(path: Path, columns: list[str], required: tuple[str, ...]) -> list[str]:
    """Give required columns the names by which they are asked for, whatever their case."""
    for column in required:
        if column not in columns:
            alike = [i for i, name in enumerate(columns) if name.strip().casefold() == column.casefold()]
            if not alike:
                raise CannotReadTable(f"has no column {column!r}", where=path, remedy=_hint(columns))
            for i in alike:
                columns[i] = column
        if columns.count(column) > 1:
            raise CannotReadTable(f"has column {column!r} twice", where=path, remedy="keep one of them")
    return columns


def _hint(columns: Sequence[str]) -> str:
    if not columns:
        return "the file is empty"
    more = ", …" if len(columns) > _SHOWN_COLUMNS else ""
    return f"its columns are {', '.join(columns[:_SHOWN_COLUMNS])}{more}"


def _mark_if_not_text(table: Path) -> None:
    """Put UTF-8's mark before a table that holds file names which are no text, so that nobody guesses its encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with table.open("rb") as file:
        try:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
            return
        except UnicodeDecodeError:
            file.seek(0)
        marked = table.with_name(f"{table.name}.marked")
        with marked.open("wb") as copy:
            copy.write(codecs.BOM_UTF8)
            shutil.copyfileobj(file, copy)
    os.replace(marked, table)
