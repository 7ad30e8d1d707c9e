"""A table of patients or slides: which of them each tile came from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from gastropath.data.index import TileIndex
from gastropath.errors import CannotReadTable
from gastropath.tables import read_table, with_slashes

GROUP_COLUMNS = ("group", "patient", "patient_id", "slide", "slide_id")
"""Accepted names of the column of groups, in any case. The first one counts: slides of a patient stay together."""


def with_groups(index: TileIndex, table: Path) -> TileIndex:
    """Return the index with the groups of a table.

    A tile that the table does not list, or lists with an empty cell, keeps the group it has.

    Parameters
    ----------
    index
        The tiles.
    table
        CSV with the columns ``path`` and ``group`` (or another of :data:`GROUP_COLUMNS`). A path is as in the index,
        or the name of the file alone where only one tile has it.

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
        if path not in position:
            path = with_slashes(path)
        tiles = [position[path]] if path in position else by_name.get(path, [])
        if not tiles:
            unknown.append(f"row {number}: {path}")
            continue
        if len(tiles) > 1:
            first, second = (index.paths[tile] for tile in tiles[:2])
            raise CannotReadTable(
                f"{len(tiles):,} tiles are named {path}, such as {first} and {second}",
                where=f"{table}, row {number}",
                remedy="write the path in full, as here",
            )
        if group and groups.setdefault(tiles[0], group) != group:
            what = f"{path} has {column} {group!r} here but {groups[tiles[0]]!r} in an earlier row"
            raise CannotReadTable(what, where=f"{table}, row {number}", remedy="keep one of the rows")
    if unknown:
        example = f", such as {index.paths[0]}" if len(index) else ""
        raise CannotReadTable(
            f"{len(unknown):,} of its {len(rows):,} paths are not among the tiles ({unknown[0]})",
            where=table,
            remedy=f"write paths relative to {index.root}{example}",
        )
    return replace(index, groups=tuple(groups.get(i, group) for i, group in enumerate(index.groups)))


def _group_column(table: Path, columns: list[str]) -> str:
    for name in GROUP_COLUMNS:
        found = [column for column in columns if column.strip().lower() == name]
        if len(found) > 1 or (found and columns.count(found[0]) > 1):
            raise CannotReadTable(f"has column {name!r} twice", where=table, remedy="keep one of them")
        if found:
            return found[0]
    what = f"has none of the columns {', '.join(GROUP_COLUMNS)}"
    raise CannotReadTable(what, where=table, remedy="add a column group with the patient or slide of each tile")
