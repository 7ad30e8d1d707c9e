"""Tiles as folders hold them: each with its class, its patient or slide, and its part of a published division."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gastropath.data.folder_names import are_scales, part_named
from gastropath.data.folders import Folder, Identity, common_folder, natural, walk
from gastropath.data.layout import ClassFolder, Layout, layout_of
from gastropath.data.left_out import counted
from gastropath.data.listing import Listing
from gastropath.data.marker import synthetic_marker
from gastropath.errors import NoTilesFound
from gastropath.tissue_classes import code_problem

PART = "part"
"""Further column of an index that holds the published division."""


@dataclass(frozen=True)
class _Tile:
    path: str
    label: str
    group: str
    part: str
    below: tuple[str, ...]

    @property
    def place(self) -> tuple[str, list[tuple[int, str]], str]:
        return self.label, natural(self.path), self.path  # the last tells 1.png from 01.png


def gathered_tiles(sources: Sequence[Path], classes: Sequence[str] = ()) -> Listing:
    """List the tiles of folders, in an order that does not depend on the file system.

    Parameters
    ----------
    sources
        Folders, see :func:`gastropath.data.layout.layout_of`.
    classes
        Names of classes, where they are known: they tell which level of folders holds the classes.

    Raises
    ------
    NoTilesFound
        If a folder holds no tiles in a form that is understood.
    """
    found = [_layout(source, classes, len(sources)) for source in sources]
    layouts = list({layout.root.resolve(): layout for layout in found}.values())
    for layout in layouts:
        for each in layout.classes:
            if problem := code_problem(each.label):
                what = f"the name of this folder cannot be a class code: it {problem}"
                raise NoTilesFound(what, where=each.folder.path, remedy="rename the folder")
    common = common_folder([layout.root for layout in layouts])
    left_out: Counter[tuple[str, str]] = Counter()
    for layout in layouts:
        left_out += layout.left_out
    tiles = [tile for layout in layouts for tile in _tiles(layout, common, left_out, alone=len(layouts) == 1)]
    tiles = sorted(_with_groups(tiles), key=lambda tile: tile.place)
    parts = tuple(tile.part for tile in tiles)
    divided = len(set(parts)) > 1
    return Listing(
        root=common,
        paths=tuple(tile.path for tile in tiles),
        labels=tuple(tile.label for tile in tiles),
        groups=tuple(tile.group for tile in tiles),
        left_out=counted(left_out),
        synthetic=any(synthetic_marker(each.folder.path) is not None for layout in layouts for each in layout.classes),
        notes=tuple(_notes(tiles, parts if divided else ())),
        extra={PART: parts} if divided else {},
    )


def _layout(source: Path, classes: Sequence[str], n: int) -> Layout:
    """Find the classes of one of ``n`` sources; several that are named like parts are a published division."""
    found = layout_of(source, classes)
    if n == 1 or not (part := part_named(found.root.name)):
        return found
    return replace(found, classes=tuple(replace(each, part=each.part or part) for each in found.classes))


def _tiles(layout: Layout, common: Path, left_out: Counter[tuple[str, str]], *, alone: bool) -> Iterator[_Tile]:
    """Yield the tiles of a layout: those in folders proper first, then those behind links, each folder once."""
    above = layout.root.resolve()  # a link to a folder above the classes leads in a circle
    seen: set[Identity] = {known for place in (above, *above.parents) if (known := Folder(place).identity())}
    waiting: list[tuple[ClassFolder, tuple[Folder, ...]]] = []
    begun = [(each, (each.folder,)) for each in layout.classes]
    for each, way in begun:
        if each.folder.is_link:
            waiting.append((each, way))
            continue
        yield from _below(each, way, common, seen, waiting, left_out, alone=alone)
    while waiting:
        waiting.sort(key=lambda item: natural(str(item[1][-1].path)))
        each, way = waiting.pop(0)
        if way[-1].identity() in seen:
            left_out["linked_again", "/".join(folder.name for folder in way)] += 1
            continue
        yield from _below(each, way, common, seen, waiting, left_out, alone=alone)


def _below(
    each: ClassFolder,
    begun: tuple[Folder, ...],
    common: Path,
    seen: set[Identity],
    waiting: list[tuple[ClassFolder, tuple[Folder, ...]]],
    left_out: Counter[tuple[str, str]],
    *,
    alone: bool,
) -> Iterator[_Tile]:
    links: list[tuple[Folder, ...]] = []
    for way in walk(begun[-1], seen, links):
        folder = way[-1]
        left_out += folder.left_out
        place = folder.path if alone else folder.path.absolute()
        prefix = place.relative_to(common).as_posix()
        below = tuple(inner.name for inner in (*begun[1:-1], *way)[(1 if len(begun) == 1 else 0) :])
        for name in folder.pictures:
            yield _Tile(f"{prefix}/{name}", each.label, each.group, each.part, below)
    waiting += [(each, (*begun[:-1], *way)) for way in links]


def _with_groups(tiles: Sequence[_Tile]) -> list[_Tile]:
    """Take the folders below a class for groups: the first level of them that tells tiles apart."""
    level = 0
    while True:
        names = {tile.below[level] if len(tile.below) > level else "" for tile in tiles}
        if names <= {""}:
            return list(tiles)
        if len(names) > 1 and not are_scales(names - {""}):
            break
        level += 1
    return [
        replace(tile, group=tile.below[level]) if not tile.group and len(tile.below) > level else tile for tile in tiles
    ]


def _notes(tiles: Sequence[_Tile], parts: Sequence[str]) -> Iterator[str]:
    groups = sorted({tile.group for tile in tiles} - {""}, key=natural)
    if groups:
        named = ", ".join(groups[:3]) + (", …" if len(groups) > 3 else "")
        yield f"groups (patients or slides) are taken from the folders: {len(groups):,} ({named})"
    if parts:
        counts = Counter(parts)
        divided = ", ".join(f"{counts[part]:,} {part}" for part in ("train", "val", "test") if counts[part])
        yield f"the folders divide the tiles ({divided}); gastropath split --by folders keeps that division"
