"""Which column of a table holds the patient or slide of each tile, whatever it is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from gastropath.data.alike import cleaned
from gastropath.errors import CannotReadTable
from gastropath.report.wording import count

GROUP_WORDS = (
    "group", "patient", "case", "subject", "participant", "donor", "person", "individual", "specimen", "biopsy",
    "slide", "wsi",
)  # fmt: skip
"""What a column of groups is called, in any case, alone or with an ending such as ``_id``. The first of them counts:
slides of a patient stay together."""

_ENDINGS = ("", "s", "id", "ids", "no", "nr", "num", "number", "name", "code", "key", "barcode", "uuid", "submitterid")
_NAMES = {f"{word}{ending}": place for place, word in enumerate(GROUP_WORDS) for ending in _ENDINGS}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LIKE = 0.84


@dataclass(frozen=True)
class GroupColumn:
    """The column of groups.

    Attributes
    ----------
    name
        As in the table.
    notes
        A sentence for each other column that is one too, or looks like one, and is not used.
    """

    name: str
    notes: tuple[str, ...]


def group_column(table: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> GroupColumn | None:
    """Choose the column of groups: of those that are called so and are not empty, the first of :data:`GROUP_WORDS`.

    Parameters
    ----------
    table
        For messages.
    columns, rows
        Of the table.

    Returns
    -------
    GroupColumn or None
        ``None`` where no column is called so; see :func:`look_alikes`.

    Raises
    ------
    CannotReadTable
        If two columns differ in case, blanks or marks between the words only, and their cells differ.
    """
    named = [(place, column) for column in columns if (place := _NAMES.get(_plain(column))) is not None]
    if not named:
        return None
    cells = {column: [cleaned(row[column]) for row in rows] for _, column in named}
    spelled: dict[str, str] = {}
    for _, column in named:
        twin = spelled.setdefault(_plain(column), column)
        if columns.count(column) > 1 or cells[twin] != cells[column]:
            other = f"columns {twin!r} and {column!r}" if twin != column else f"column {column!r} twice"
            raise CannotReadTable(f"has {other}", where=table, remedy="keep one of them")
    filled = [(place, column) for place, column in named if any(cells[column])] or named
    chosen = min(filled, key=lambda found: found[0])[1]
    others = [column for _, column in named if cells[column] != cells[chosen] and any(cells[column])]
    unused = [f"column {column!r} of {table.name} is not used: {chosen!r} keeps tiles together" for column in others]
    return GroupColumn(chosen, (*unused, *look_alikes(table, [c for c in columns if c not in cells], used=chosen)))


def look_alikes(table: Path, columns: Sequence[str], *, used: str = "") -> tuple[str, ...]:
    """Warn of columns that may hold patients or slides, by their names, and are not used.

    Parameters
    ----------
    columns
        Those that are not called like a column of groups.
    used
        The column that is used instead.
    """
    instead = f"{used!r} is" if used else "rename it to group if it tells the patient or slide of each tile"
    return tuple(
        f"warning: column {column!r} of {table.name} looks like one of patients or slides and is not used; {instead}"
        for column in columns
        if _looks_like_groups(column)
    )


def _looks_like_groups(column: str) -> bool:
    words = re.findall(r"[a-z]+", _CAMEL.sub(" ", cleaned(column)).lower())
    if any(word.removesuffix("s") in GROUP_WORDS for word in words):
        return True
    return bool(get_close_matches(_plain(column), [name for name in _NAMES if len(name) > 4], n=1, cutoff=_LIKE))


def _plain(column: str) -> str:
    """Return a name in small letters, without blanks and marks between its words."""
    return re.sub(r"[\W_]+", "", cleaned(column)).casefold()


def counted_groups(groups: Sequence[str]) -> str:
    """Say how many groups there are, and how many tiles have none."""
    counts = Counter(groups)
    without = counts.pop("", 0)
    more = f"; {count(without, 'tile')} without one" if without else ""
    return f"{count(len(counts), 'group')}{more}"
