"""Dividing tiles into parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.errors import UnknownSetting
from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, cache_folder, codes, optional, paths
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.data.index import TileIndex
    from gastropath.data.split.split import Split


@dataclass(frozen=True)
class SplitResult:
    """A division of tiles.

    Attributes
    ----------
    split
        The part of each tile, and how they were divided.
    table
        Where it was written, its description beside it as ``.json``; ``None`` where it was not.
    refused
        Path and reason of each file that could not be read; these are in no part.
    """

    split: Split
    table: Path | None
    refused: Mapping[str, str]

    @property
    def description(self) -> Path | None:
        """The file that tells how the table was made; ``None`` where nothing was written."""
        return self.table.with_suffix(".json") if self.table else None


def split(
    data: Paths,
    out: StrPath | None = None,
    *,
    by: str = "block",
    groups: StrPath | None = None,
    folds: int | None = None,
    block: int | None = None,
    gap: int | None = None,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    on_tiles: Callable[[TileIndex], object] | None = None,
    progress: Progress | None = None,
) -> SplitResult:
    """Divide tiles into train (70 %), val (15 %) and test (15 %), each class in the same proportion.

    Parameters
    ----------
    data
        Tiles, in any form that ``gastropath.audit`` takes.
    out
        Table to write, ending in ``.csv``; by default nothing is written.
    by
        ``"block"``: neighbouring file numbers of a class stay together, and what is too close to another part is left
        out. ``"group"``: patients or slides, and duplicates, stay together. ``"random"``: nothing does; optimistic.
        ``"folders"``: the parts of the data, in folders train, val and test or a column ``part``, are kept.
    groups
        Table of patients or slides, with the columns ``path,group``.
    folds
        Also deal the tiles into so many folds, 2 to 20.
    block
        Tiles in a block; by default 1/20 of the class.
    gap
        File numbers between parts; by default 16, or 1/4 of a block where that is less.
    classes
        Use only these.
    seed
        Of the shuffling.
    overwrite
        Replace an earlier table.
    on_tiles
        Called once with the tiles that were found, before any is read.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    SplitResult
        The division, which ``gastropath.train`` takes by its table.

    Raises
    ------
    MissingExtra
        If the extra ``evaluate`` is not installed.
    NoTilesFound, CannotReadTable, TooFewTiles
        If there are no tiles, or too few of a class or of groups.
    UnknownSetting
        If a setting does not exist, or not for this way of dividing.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> made = gastropath.split("HMU-GC-HE-30K", "split.csv", folds=5)  # doctest: +SKIP
    >>> made.split.duplicate_pairs_across_parts                         # doctest: +SKIP
    0
    """
    need("split")
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.index import find_tiles
    from gastropath.data.split.division import make_split
    from gastropath.data.split.groups import with_groups
    from gastropath.data.split.units import method_named
    from gastropath.outputs import new_file

    method = method_named(by)
    if method != "block" and (block is not None or gap is not None):
        raise UnknownSetting(f"`block` and `gap` are settings of `by` 'block', not of {by!r}", remedy="leave them out")
    index = find_tiles(paths(data), expected=codes(classes))
    if groups is not None:
        index = with_groups(index, Path(groups))
    if wanted := codes(classes):
        index = index.of_classes(wanted)
    if on_tiles:
        on_tiles(index)
    if method == "group" and not any(index.groups):
        raise UnknownSetting(
            "no tile has a group",
            parameter="by",
            remedy="name a table of patients or slides with `groups`, or divide by block, which keeps neighbouring "
            "file numbers together",
        )
    table = optional(out)
    if table:
        new_file(table, overwrite=overwrite)
        new_file(table.with_suffix(".json"), overwrite=overwrite)
    stage = Stages(["auditing tiles"], progress)["auditing tiles"]
    audited = audit_tiles(index, cache=cache_folder(None), progress=stage)
    made = make_split(audited, method, seed=seed, folds=folds, block=block, gap=gap)
    if table:
        new_file(table, overwrite=overwrite)  # another call may have made it meanwhile
        made.write(table)
    return SplitResult(made, table, audited.refused())
