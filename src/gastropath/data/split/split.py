"""Which part each tile belongs to: the table and the description of how it was made, written and read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gastropath.data.alike import cleaned, joined, skeleton
from gastropath.data.audit.audit import Audit, with_pixels
from gastropath.data.duplicates.duplicates import Duplicates
from gastropath.data.index import TileIndex
from gastropath.data.listing import extra_columns
from gastropath.data.matching import PIXELS, matched
from gastropath.errors import CannotReadTable, CannotWrite, TooFewTiles
from gastropath.outputs import write_text
from gastropath.report.wording import count
from gastropath.results.split import FoldCounts, SplitDocument
from gastropath.tables import fingerprint, read_table, write_table

PARTS = ("train", "val", "test")
FRACTIONS = (0.70, 0.15, 0.15)
SPLIT_COLUMNS = ("path", "label", "group", "part", "fold")


@dataclass(frozen=True)
class Split:
    """Tiles, the part each belongs to, and how they were divided.

    Attributes
    ----------
    index
        The tiles with their groups, without those that were left out.
    parts
        ``"train"``, ``"val"`` or ``"test"`` for each tile.
    method
        How it was made: ``"block"``, ``"group"``, ``"random"``, ``"folders"``, or ``"file"`` where only the table is
        known.
    seed
        Of the shuffling; ``None`` where only the table is known.
    identical_pairs_across_parts
        Pairs of tiles with identical pixels in different parts; ``None`` where they were not counted.
    near_pairs_across_parts
        Pairs of near-duplicates in different parts; ``None`` where they were not searched for.
    folds
        Fold of each tile for cross-validation: a number as text, empty for a tile without a fold. An empty tuple where
        there are no folds.
    purged
        How many tiles were left out to keep parts apart: ``"gap"`` too close in file number, ``"copies"``.
    block, gap
        Tiles in a block, and file numbers between parts, of each class; ``None`` where no file numbers were used.
    kept_together
        How many tiles stay with others of their slide by ``groups``, by ``neighbours`` in number, or by ``nothing``;
        ``None`` where that is not known, or nothing was meant to.
    grouped_by
        Where the groups come from, in words; empty where there are none, or nobody knows.
    """

    index: TileIndex
    parts: tuple[str, ...]
    method: str
    seed: int | None
    identical_pairs_across_parts: int | None = None
    near_pairs_across_parts: int | None = None
    folds: tuple[str, ...] = ()
    purged: Mapping[str, int] = field(default_factory=dict)
    block: Mapping[str, int] | None = None
    gap: Mapping[str, int] | None = None
    kept_together: Mapping[str, int] | None = None
    grouped_by: str = ""

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.index) or len(self.folds) not in (0, len(self.index)):
            raise ValueError("parts or folds differ in length from the index")

    @property
    def duplicate_pairs_across_parts(self) -> int | None:
        """Pairs of identical or near-duplicate tiles in different parts; ``None`` where they were not counted."""
        if self.identical_pairs_across_parts is None:
            return None
        return self.identical_pairs_across_parts + (self.near_pairs_across_parts or 0)

    def rows(self, part: str) -> list[int]:
        """Return the rows of a part, in the order of the index."""
        return [i for i, name in enumerate(self.parts) if name == part]

    def part(self, part: str) -> TileIndex:
        """Return the tiles of a part."""
        return self.index.take(self.rows(part))

    def in_fixed_order(self) -> Split:
        """Return the split in an order that no name has a say in, see :meth:`TileIndex.in_fixed_order`."""
        order = self.index.in_fixed_order()
        return replace(
            self,
            index=self.index.take(order),
            parts=tuple(self.parts[i] for i in order),
            folds=tuple(self.folds[i] for i in order) if self.folds else (),
        )

    def describe(self) -> SplitDocument:
        """Return ``split.json``: how the split was made."""
        folds = FoldCounts(k=len(set(self.folds) - {""}), left_out=self.folds.count("")) if self.folds else None
        return SplitDocument(
            method=self.method,
            seed=self.seed,
            fractions=dict(zip(PARTS, FRACTIONS, strict=True)),
            tiles={part: len(self.rows(part)) for part in PARTS},
            groups={part: len(set(self.part(part).groups) - {""}) for part in PARTS},
            block=dict(self.block) if self.block is not None else None,
            gap=dict(self.gap) if self.gap is not None else None,
            purged=dict(self.purged),
            folds=folds,
            kept_together=dict(self.kept_together) if self.kept_together is not None else None,
            grouped_by=self.grouped_by,
            duplicate_pairs_across_parts=self.duplicate_pairs_across_parts,
            identical_pairs_across_parts=self.identical_pairs_across_parts,
            near_pairs_across_parts=self.near_pairs_across_parts,
            index_sha256=self.index.sha256(),
            split_sha256=self.sha256(),
            synthetic=self.index.synthetic,
        )

    def sha256(self) -> str:
        """Return a fingerprint of pixels, parts and folds, in hexadecimal: it shows whether a table was edited."""
        return fingerprint(sorted(zip(self.index.identities, self.parts, self._all_folds, strict=True)))

    @property
    def _all_folds(self) -> tuple[str, ...]:
        return self.folds or ("",) * len(self.parts)

    def write(self, path: Path) -> None:
        """Write the table to ``path`` and its description beside it, as ``.json``.

        Raises
        ------
        CannotWrite
            If ``path`` itself ends in ``.json``, or cannot be written.
        """
        if path.suffix == ".json":
            what = "is the name of the description that goes beside the table"
            raise CannotWrite(what, where=path, remedy="choose a name for `out` that ends in .csv")
        index = self.index
        extra = {name: cells for name, cells in index.extra.items() if name not in (*SPLIT_COLUMNS, PIXELS)}
        if index.pixels:
            extra = {PIXELS: index.pixels, **extra}
        columns = (index.paths, index.labels, index.groups, self.parts, self._all_folds)
        names = (*SPLIT_COLUMNS, *extra)
        rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, *extra.values(), strict=True))
        write_table(path, names, rows)
        write_text(path.with_suffix(".json"), self.describe().to_json())


def read_split(path: Path, index: TileIndex, audit: Audit | None = None) -> Split:
    """Read a split table for the tiles of an index.

    A table that holds the hashes of pixels is about these: a tile that was renamed since is found, and one that was
    replaced is not taken for it; the tiles are read here where nobody has. Other tables are about paths.

    Tiles of the index that the table does not list are left out; the two must have tiles in common. With an audit of
    the same index, unreadable tiles are left out too, and duplicates in different parts are counted.

    The description beside the table says how the split was made, if it belongs to this table and to these tiles; else
    the method is ``"file"``.

    Raises
    ------
    CannotReadTable
        If a column is missing or occurs twice, a part has another name, a fold is not a number, a tile is listed twice,
        a label differs from the data's, a tile is another picture than when the table was made, or no tile is shared.
    """
    split = _read_rows(path, audit.index if audit else index, audit)
    with suppress(CannotReadTable):  # a table of the user's own may have a file of another kind beside it
        split = _described(split, path.with_suffix(".json")) or split
    if audit is None:
        return split
    parts = np.full(len(audit.index), -1, np.int64)
    position = {tile: i for i, tile in enumerate(audit.index.paths)}
    parts[[position[tile] for tile in split.index.paths]] = [PARTS.index(part) for part in split.parts]
    duplicates = audit.duplicates
    identical = Duplicates(duplicates.n, duplicates.identical).pairs_across(parts)
    near = split.near_pairs_across_parts if audit.near is None else duplicates.pairs_across(parts) - identical
    return replace(split, identical_pairs_across_parts=identical, near_pairs_across_parts=near)


def split_of_run(run: Path, index: TileIndex) -> Split | None:
    """Return the split that a run was trained with, if ``index`` contains all its tiles; else ``None``.

    Pixels and labels decide: other tiles of the same names are not mistaken for the run's, and its own are found under
    other names. A run of an earlier version does not know its tiles' pixels.

    Parameters
    ----------
    run
        Its folder.
    index
        The tiles; they are read here where nobody has.

    Raises
    ------
    CannotReadTable
        If ``split.json`` is damaged.
    """
    table, description = run / "split.csv", run / "split.json"
    if not (table.is_file() and description.is_file()):
        return None
    if _read_description(description).index_sha256 is None:
        return None
    try:
        split = _read_rows(table, index, None, own=True)
    except CannotReadTable:
        return None
    return _described(split, description)


def _read_rows(path: Path, index: TileIndex, audit: Audit | None, *, own: bool = False) -> Split:
    """Read a table; ``own`` says that its groups are what the data's were, where it has none too."""
    columns, rows = read_table(path, required=("path", "label", "part"))
    extra = extra_columns(path, columns, (*SPLIT_COLUMNS, PIXELS))
    if PIXELS in columns:
        index = with_pixels(index)
    usable = audit.readable() if audit else range(len(index))
    found = matched(rows, index, [i for i in usable if not index.pixels or index.pixels[i]])
    if found.replaced:
        n = len(found.replaced)
        raise CannotReadTable(
            f"{n:,} of its {count(len(rows), 'tile')} {'is another picture' if n == 1 else 'are other pictures'} than "
            f"when it was made ({rows[found.replaced[0]]['path']})",
            where=path,
            remedy="make the split again",
        )
    taken: list[int] = []
    listed: list[dict[str, str]] = []
    seen: set[str] = set()
    for row, i in zip(rows, found.rows, strict=True):
        where = row.place(path)
        part, fold = cleaned(row["part"]).lower(), cleaned(row.get("fold", ""))
        if part not in PARTS:
            raise CannotReadTable(f"part is {row['part']!r}; expected one of {', '.join(PARTS)}", where=where)
        if fold and not (fold.isascii() and fold.isdecimal()):
            raise CannotReadTable(f"fold is {fold!r}; expected a number from 0, or nothing", where=where)
        if row["path"] in seen:
            raise CannotReadTable(f"{row['path']} is listed twice", where=where, remedy="keep one of the lines")
        seen.add(row["path"])
        if i is None:
            continue
        if skeleton(index.labels[i]) != skeleton(row["label"]):
            what = f"{row['path']} is {row['label']!r} here but {index.labels[i]!r} in the data"
            raise CannotReadTable(what, where=where, remedy="make the split again, or correct the label")
        taken.append(i)
        listed.append({**row, "part": part, "fold": fold})
    if not taken:
        raise CannotReadTable(
            f"of its {count(len(rows), 'tile')}, none is among the data's {len(index):,}",
            where=path,
            remedy=f"write paths relative to {index.root}",
        )
    chosen = index.take(taken)
    of_table = (cleaned(row.get("group", "")) for row in listed)
    groups = [named or ("" if own else group) for named, group in zip(of_table, chosen.groups, strict=True)]
    chosen = replace(
        chosen,
        groups=joined(groups)[0],
        extra={name: tuple(row[name] for row in listed) for name in extra}
        | {name: cells for name, cells in chosen.extra.items() if name not in extra or name == "mpp"},
    )
    folds = tuple(row["fold"] for row in listed)
    return Split(chosen, tuple(row["part"] for row in listed), "file", None, folds=folds if any(folds) else ())


_KNOWN_ONLY_THERE = (
    "method", "seed", "identical_pairs_across_parts", "near_pairs_across_parts", "purged", "block", "gap",
    "kept_together", "grouped_by",
)  # fmt: skip
"""What ``split.json`` holds beside what follows from the table."""


def _described(split: Split, description: Path) -> Split | None:
    """Add to a split what its description says of it; ``None`` where the description is of other tiles or parts."""
    known = _read_description(description)
    if (known.index_sha256, known.split_sha256) != (split.index.sha256(), split.sha256()):
        return None
    index = replace(split.index, grouped_by=known.grouped_by)
    return replace(split, index=index, **{name: getattr(known, name) for name in _KNOWN_ONLY_THERE})


def _read_description(file: Path) -> SplitDocument:
    try:
        return SplitDocument.parse(file.read_bytes(), file)
    except OSError as error:
        raise CannotReadTable(f"cannot be read: {error.strerror or error}", where=file) from None
    except CannotReadTable as error:
        what = f"is not the description of a split ({error.what})"
        raise CannotReadTable(what, where=file, remedy="train again") from None


def check_trainable(split: Split) -> None:
    """Check that a model can be trained on a split.

    Raises
    ------
    TooFewTiles
        If a class has no tile in the training or the validation part, or there are fewer than two classes.
    """
    classes = split.index.classes
    if len(classes) < 2:
        what = f"it has only class {', '.join(classes)}; a classifier needs at least two classes"
        raise TooFewTiles(what, parameter="split")
    for part in PARTS:
        if missing := sorted(set(classes) - set(split.part(part).labels)):
            what = f"it has no {part} tile of class {missing[0]!r}"
            raise TooFewTiles(what, parameter="split", remedy="add some, or select other `classes`")
