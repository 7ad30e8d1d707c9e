"""A table of patients or slides: which of them each tile came from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from gastropath.data.alike import cleaned, joined
from gastropath.data.columns import GROUP_WORDS, counted_groups, group_column
from gastropath.data.index import TileIndex
from gastropath.data.matching import rows_by_path, spelled
from gastropath.data.spelling import TAKEN_FROM, told
from gastropath.errors import CannotReadTable
from gastropath.report.wording import count
from gastropath.tables import read_table


def with_groups(index: TileIndex, table: Path) -> TileIndex:
    """Return the index with the groups of a table.

    A tile that the table does not list, or lists with an empty cell, keeps the group it has.

    Parameters
    ----------
    index
        The tiles.
    table
        CSV with the columns ``path`` and ``group``, or one that :func:`gastropath.data.columns.group_column` takes for
        it. A path is as in the index, or the name of the file alone where only one tile has it.

    Raises
    ------
    CannotReadTable
        If a column is missing, a path is not in the index or is a name that several tiles have, or a tile has two
        groups.
    """
    columns, rows = read_table(table, required=("path",))
    chosen = group_column(table, columns, rows)
    if chosen is None:
        what = f"has none of the columns {', '.join(GROUP_WORDS)}"
        raise CannotReadTable(what, where=table, remedy="add a column group with the patient or slide of each tile")
    column = chosen.name
    by_path = rows_by_path(index)
    by_name: dict[str, list[int]] = defaultdict(list)
    for i, path in enumerate(index.paths):
        name = path.rpartition("/")[2]
        for form in {name, spelled(name)}:
            by_name[form].append(i)
    groups: dict[int, str] = {}
    unknown: list[str] = []
    for row in rows:
        path, group = row["path"], cleaned(row[column])
        if path not in by_path:
            path = spelled(path)
        tiles = [by_path[path]] if path in by_path else by_name.get(path, [])
        if not tiles:
            unknown.append(f"line {row.line}: {path}")
            continue
        if len(tiles) > 1:
            first, second = (index.paths[tile] for tile in tiles[:2])
            raise CannotReadTable(
                f"{len(tiles):,} tiles are named {path}, such as {first} and {second}",
                where=row.place(table),
                remedy="write the path in full, as here",
            )
        if group and groups.setdefault(tiles[0], group) != group:
            what = f"{path} has {column} {group!r} here but {groups[tiles[0]]!r} in an earlier line"
            raise CannotReadTable(what, where=row.place(table), remedy="keep one of the lines")
    if unknown:
        example = f", such as {index.paths[0]}" if len(index) else ""
        raise CannotReadTable(
            f"{len(unknown):,} of its {count(len(rows), 'path')} {'is' if len(unknown) == 1 else 'are'} not among the "
            f"tiles ({unknown[0]})",
            where=table,
            remedy=f"write paths relative to {index.root}{example}",
        )
    together, of_groups = joined([groups.get(i, group) for i, group in enumerate(index.groups)])
    source = f"column {column!r} of {table.name}"
    kept = [note for note in index.notes if not note.startswith(TAKEN_FROM)]
    if n := sum(bool(group) and i not in groups for i, group in enumerate(index.groups)):
        source += f", of {count(n, 'tile')} from {index.grouped_by or 'the tiles'}"
    note = f"{TAKEN_FROM} {source}: {counted_groups(together)}"
    notes = (*kept, note, *chosen.notes, *told("group", of_groups))
    return replace(index, groups=together, grouped_by=source, notes=notes)
