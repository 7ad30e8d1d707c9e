"""Rows of a table matched with the tiles that they are about: by pixels where both are known, else by path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from gastropath.data.index import TileIndex
from gastropath.tables import with_slashes

PIXELS = "pixel_sha256"
"""Column of a table that says what each of its tiles is, whatever its name."""


def spelled(path: str) -> str:
    """Return a path in the one form in which paths of tables are compared: ``/`` between folders, composed letters."""
    return normalize("NFC", with_slashes(path))


def rows_by_path(index: TileIndex, usable: Iterable[int] | None = None) -> dict[str, int]:
    """Return the row of each tile of an index by its path, as it stands and as :func:`spelled`."""
    rows = range(len(index)) if usable is None else usable
    return {form: i for i in rows for form in (spelled(index.paths[i]), index.paths[i])}


@dataclass(frozen=True)
class Matched:
    """What the rows of a table are about.

    Attributes
    ----------
    rows
        For each row of the table that of the index; ``None`` where its tile is not there.
    replaced
        Rows of the table whose file is there, and now is another picture.
    """

    rows: tuple[int | None, ...]
    replaced: tuple[int, ...]


def matched(table: Sequence[Mapping[str, str]], index: TileIndex, usable: Iterable[int] | None = None) -> Matched:
    """Find the tiles of a table: one that was renamed is found, and one that was replaced is not taken for it.

    Parameters
    ----------
    table
        Its rows, with ``path`` and ``label``, and :data:`PIXELS` where it has that column.
    index
        The tiles; without their pixels, paths decide.
    usable
        Rows of the index that may be found; ``None`` for all.
    """
    rows = list(range(len(index)) if usable is None else usable)
    by_path = rows_by_path(index, rows)
    digests = [row.get(PIXELS, "") if index.pixels else "" for row in table]
    named = [by_path.get(row["path"], by_path.get(spelled(row["path"]))) for row in table]
    same = [
        i is not None and (not digest or index.pixels[i] == digest) for i, digest in zip(named, digests, strict=True)
    ]
    taken = {i for i, is_same in zip(named, same, strict=True) if is_same}
    elsewhere: dict[str, list[int]] = defaultdict(list)
    if not all(same) and index.pixels:
        for i in reversed(rows):
            if i not in taken:
                elsewhere[index.pixels[i]].append(i)
    found: list[int | None] = []
    replaced: list[int] = []
    for number, (row, i, is_same, digest) in enumerate(zip(table, named, same, digests, strict=True)):
        if is_same or not digest:
            found.append(i)
            continue
        others = elsewhere.get(digest, [])
        alike = [other for other in others if index.labels[other] == row["label"]] or others
        if alike:
            others.remove(alike[-1])
        elif i is not None:
            replaced.append(number)
        found.append(alike[-1] if alike else None)
    return Matched(tuple(found), tuple(replaced))
