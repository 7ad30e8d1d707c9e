"""A table of patients or slides: which tile came from which."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from gastropath.data.index import TileIndex
from gastropath.errors import CannotReadTable
from gastropath.tables import read_table

GROUP_COLUMNS = ("group", "patient", "patient_id", "slide", "slide_id")
"""Names the column of groups may have, in any case. The first found is taken: slides of a patient belong together."""


def with_groups(index: TileIndex, table: Path) -> TileIndex:
    """Return the index with the groups of a table.

    A tile that the table does not list, or lists with an empty cell, keeps the group it has.

    Parameters
    ----------
    index
        All tiles the table may speak of.
    table
        CSV with the columns ``path`` and ``group`` (or another of :data:`GROUP_COLUMNS`). A path is written as in the
        index; the bare name of the file is enough where only one tile has it.

    Raises
    ------
    CannotReadTable
        If a column is missing, a path is not in the index or is a name that several tiles have, or a tile has two
        groups.
    """
    columns, rows = read_table(table, required=("path",))
    column = _group_column(table, columns)
    position = {path: i for i, path in enumerate(index.paths)}
    by_name: dict[str, list[int]] = defaultdict(list)
    for i, path in enumerate(index.paths):
        by_name[path.rpartition("/")[2]].append(i)
    groups: dict[int, str] = {}
    unknown: list[str] = []
    for number, row in enumerate(rows, start=1):
        path, group = row["path"], row[column]
        tiles = [position[path]] if path in position else by_name.get(path, [])
        if not tiles:
            unknown.append(f"row {number}: {path}")
            continue
        if len(tiles) > 1:
            raise CannotReadTable(
                f"{table}, row {number}: {len(tiles):,} tiles are named {path}, such as {index.paths[tiles[0]]} and "
                f"{index.paths[tiles[1]]}; write the path as there"
            )
        if group and groups.setdefault(tiles[0], group) != group:
            raise CannotReadTable(
                f"{table}, row {number}: {path} has {column} {group!r} here but {groups[tiles[0]]!r} before; "
                "a tile has one"
            )
    if unknown:
        example = f", such as {index.paths[0]}" if len(index) else ""
        raise CannotReadTable(
            f"{table}: {len(unknown):,} of its {len(rows):,} paths are not among the tiles ({unknown[0]}); paths are "
            f"taken from {index.root}{example}"
        )
    return replace(index, groups=tuple(groups.get(i, group) for i, group in enumerate(index.groups)))


def _group_column(table: Path, columns: list[str]) -> str:
    for name in GROUP_COLUMNS:
        found = [column for column in columns if column.strip().lower() == name]
        if len(found) > 1 or (found and columns.count(found[0]) > 1):
            raise CannotReadTable(f"{table}: has column {name!r} twice; keep one of them")
        if found:
            return found[0]
    raise CannotReadTable(f"{table}: has none of the columns {', '.join(GROUP_COLUMNS)}; add one that says the group")
