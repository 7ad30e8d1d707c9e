"""Dividing tiles into training, validation and test parts so that nothing the model learned from is in the test."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from gastropath.data.audit import Audit
from gastropath.data.index import TileIndex
from gastropath.errors import CannotReadTable, CannotWrite, TooFewTiles
from gastropath.outputs import write_json
from gastropath.tables import read_table, write_table

PARTS = ("train", "val", "test")
FRACTIONS = (0.70, 0.15, 0.15)
SPLIT_COLUMNS = ("path", "label", "group", "part", "fold")

_ATTEMPTS = 20  # orders tried before tiles in large mixed groups are said not to divide

Method = Literal["group", "random"]


@dataclass(frozen=True)
class Split:
    """Tiles, and the part each belongs to.

    Attributes
    ----------
    index
        The tiles, with the groups they came with.
    parts
        ``"train"``, ``"val"`` or ``"test"`` for each tile.
    method
        How it was made: ``"group"``, ``"random"``, or ``"file"`` when only the table is known.
    seed
        Of the shuffling.
    duplicate_pairs_across_parts
        Pairs of tiles with identical pixels that lie in different parts; -1 where it was not counted.
    """

    index: TileIndex
    parts: tuple[str, ...]
    method: str
    seed: int
    duplicate_pairs_across_parts: int = -1

    def rows(self, part: str) -> list[int]:
        """Return the rows of a part, in the order of the index."""
        return [i for i, name in enumerate(self.parts) if name == part]

    def part(self, part: str) -> TileIndex:
        """Return the tiles of a part."""
        return self.index.take(self.rows(part))

    def describe(self) -> dict[str, object]:
        """Return ``split.json``: how the split was made."""
        return {
            "method": self.method,
            "seed": self.seed,
            "fractions": dict(zip(PARTS, FRACTIONS, strict=True)),
            "tiles": {part: len(self.rows(part)) for part in PARTS},
            "groups": {part: len(set(self.part(part).groups) - {""}) for part in PARTS},
            "index_sha256": self.index.sha256(),
            "duplicate_pairs_across_parts": self.duplicate_pairs_across_parts,
            "synthetic": self.index.synthetic,
        }

    def write(self, path: Path) -> None:
        """Write the table to ``path`` and its description beside it, as ``.json``.

        Raises
        ------
        CannotWrite
            If ``path`` itself ends in ``.json``, or cannot be written.
        """
        if path.suffix == ".json":
            raise CannotWrite(f"{path}: is the name of the description; give the table one that ends in .csv")
        index = self.index
        rows: Iterator[Mapping[str, object]] = (
            {"path": p, "label": label, "group": group, "part": part, "fold": ""}
            for p, label, group, part in zip(index.paths, index.labels, index.groups, self.parts, strict=True)
        )
        write_table(path, SPLIT_COLUMNS, rows)
        write_json(path.with_suffix(".json"), self.describe())


def read_split(path: Path, index: TileIndex, audit: Audit | None = None) -> Split:
    """Read a split table for the tiles of an index.

    Tiles of the index that the table does not list are left out; the two must have tiles in common. With an audit of
    the same index, unreadable tiles are left out too, and identical tiles in different parts are counted.

    Raises
    ------
    CannotReadTable
        If a column is missing, a part has another name, a tile is listed twice, a label differs from the data's, or
        no tile is shared.
    """
    _, rows = read_table(path, required=("path", "label", "part"))
    usable = audit.readable() if audit else range(len(index))
    position = {index.paths[i]: i for i in usable}
    taken, parts, groups = [], [], []
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        if row["part"] not in PARTS:
            raise CannotReadTable(f"{path}, row {number}: part is {row['part']!r}; expected one of {', '.join(PARTS)}")
        if row["path"] in seen:
            raise CannotReadTable(f"{path}, row {number}: {row['path']} is listed twice; a tile has one part")
        seen.add(row["path"])
        if (i := position.get(row["path"])) is None:
            continue
        if index.labels[i] != row["label"]:
            raise CannotReadTable(
                f"{path}, row {number}: {row['path']} is {row['label']!r} here but {index.labels[i]!r} in the data"
            )
        taken.append(i)
        parts.append(row["part"])
        groups.append(row.get("group", "") or index.groups[i])
    if not taken:
        raise CannotReadTable(
            f"{path}: none of its {len(rows):,} tiles is among the data's {len(index):,}; "
            f"paths are taken from {index.root}"
        )
    chosen = index.take(taken)
    chosen = replace(chosen, groups=tuple(groups))
    if audit is None:
        return Split(chosen, tuple(parts), "file", 0)
    numbers = np.array([PARTS.index(part) for part in parts])
    leaks = _pairs_across([audit.records[i].pixel_sha256 for i in taken], numbers)
    return Split(chosen, tuple(parts), "file", 0, leaks)


def split_of_run(run: Path, index: TileIndex) -> Split | None:
    """Return the split a run was trained with, if ``index`` holds all its tiles; else ``None``.

    The fingerprint of paths, labels and groups decides, so other tiles that happen to have the same names as some of
    the run's are not taken for them.

    Raises
    ------
    CannotReadTable
        If ``split.json`` is damaged.
    """
    table, description = run / "split.csv", run / "split.json"
    if not (table.is_file() and description.is_file()):
        return None
    try:
        described = json.loads(description.read_text("utf-8"))
        fingerprint, method = str(described["index_sha256"]), str(described["method"])
        seed, pairs = int(described["seed"]), int(described["duplicate_pairs_across_parts"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CannotReadTable(f"{description}: is not the description of a split ({error!r}); train again") from None
    try:
        split = read_split(table, index)
    except CannotReadTable:
        return None
    if split.index.sha256() != fingerprint:
        return None
    return replace(split, method=method, seed=seed, duplicate_pairs_across_parts=pairs)


def check_trainable(split: Split) -> None:
    """Check that a model can be trained on a split that somebody else made.

    Raises
    ------
    TooFewTiles
        If a class has no tile in the training or the validation part, or there are fewer than two classes.
    """
    classes = split.index.classes
    if len(classes) < 2:
        raise TooFewTiles(f"the split holds only class {', '.join(classes)}; a classifier needs at least two classes")
    for part in PARTS:
        if missing := sorted(set(classes) - set(split.part(part).labels)):
            raise TooFewTiles(f"the split has no {part} tile of class {missing[0]!r}; add some, or leave the class out")


def make_split(audit: Audit, method: Method, *, seed: int = 0) -> Split:
    """Divide the readable tiles 70 / 15 / 15, each class in the same proportion.

    Parameters
    ----------
    audit
        The tiles and their pixel hashes.
    method
        ``"group"`` keeps tiles of one group, and tiles with identical pixels, on one side. ``"random"`` does not: its
        test figures are optimistic, and it is offered for comparison with published work.
    seed
        The same seed and tiles give the same split, byte for byte.

    Raises
    ------
    TooFewTiles
        If a class cannot be put into all three parts.
    """
    index = audit.index.take(audit.readable())
    hashes = [audit.records[i].pixel_sha256 for i in audit.readable()]
    joined = _joined_groups(index, hashes)
    units = joined if method == "group" else np.arange(len(index))
    _check_enough(index, units)
    parts = _assign(index, units, np.random.default_rng(seed))
    leaks = _pairs_across(hashes, parts)
    return Split(index, tuple(PARTS[p] for p in parts), method, seed, leaks)


def _joined_groups(index: TileIndex, hashes: Sequence[str]) -> np.ndarray:
    """Number the units that must stay together: same group, or same pixels, or linked through a chain of these."""
    parent = list(range(len(index)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, (group, pixels) in enumerate(zip(index.groups, hashes, strict=True)):
        for key in (("pixels", pixels), ("group", group)):
            if key[1]:
                parent[find(i)] = find(first.setdefault(key, i))
    return np.unique([find(i) for i in range(len(index))], return_inverse=True)[1]


def _check_enough(index: TileIndex, units: np.ndarray) -> None:
    if len(index.classes) < 2:
        only = f"only class {index.classes[0]!r}" if index.classes else "no readable tile"
        raise TooFewTiles(f"{index.root}: {only} found; a classifier needs at least two classes")
    labels = np.asarray(index.labels)
    for code in index.classes:
        tiles, groups = int((labels == code).sum()), len(np.unique(units[labels == code]))
        if groups < len(PARTS):
            what = f"{tiles} tiles in {groups} groups" if groups < tiles else f"{tiles} tile{'s' * (tiles != 1)}"
            raise TooFewTiles(
                f"{index.root}: class {code!r} has {what}; it needs at least 3 that may be parted, one for each of "
                f"train, val and test. Add tiles, or leave the class out with --classes"
            )


def _assign(index: TileIndex, units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give each unit, largest first, to the part that lacks most of the unit's classes.

    Where that leaves a part without a class, other orders are tried.
    """
    codes = {code: i for i, code in enumerate(index.classes)}
    labels = np.array([codes[label] for label in index.labels])
    content = np.zeros((units.max() + 1, len(codes)), np.int64)
    np.add.at(content, (units, labels), 1)
    empty = (0, 0)
    for attempt in range(_ATTEMPTS):
        order = rng.permutation(len(content))
        if attempt == 0:
            order = order[np.argsort(-content[order].sum(axis=1), kind="stable")]
        part_of, filled = _fill(content, order)
        empty = _fill_empty(content, part_of, filled)
        if empty is None:
            return part_of[units]
    part, code = empty
    raise TooFewTiles(
        f"{index.root}: class {index.classes[code]!r} cannot be put into the {PARTS[part]} part without emptying "
        "another: its tiles are in too few or too large groups. Add groups, or leave the class out with --classes"
    )


def _fill(content: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the units, in this order, to the parts: part of each unit, and tiles by part and class."""
    goal = np.outer(FRACTIONS, content.sum(axis=0))
    filled = np.zeros_like(goal)
    part_of = np.zeros(len(content), np.int64)
    for unit in order:
        lack = (goal - filled) / np.maximum(goal, 1e-9)
        gain = lack @ (content[unit] / content[unit].sum())
        part_of[unit] = int(np.argmax(gain))
        filled[part_of[unit]] += content[unit]
    return part_of, filled


def _fill_empty(content: np.ndarray, part_of: np.ndarray, filled: np.ndarray) -> tuple[int, int] | None:
    """Move the smallest unit that empties no other cell into each (part, class) cell that has no tile.

    Returns the first cell for which there is no such unit; ``None`` when all are filled.
    """
    for part, code in np.argwhere(filled == 0):
        if filled[part, code]:  # by a unit moved for another class
            continue
        movable = [
            unit
            for unit in np.flatnonzero(content[:, code])
            if part_of[unit] != part and (filled[part_of[unit]] - content[unit] > 0)[content[unit] > 0].all()
        ]
        if not movable:
            return int(part), int(code)
        unit = min(movable, key=lambda candidate: content[candidate].sum())
        filled[part_of[unit]] -= content[unit]
        filled[part] += content[unit]
        part_of[unit] = part
    return None


def _pairs_across(hashes: Sequence[str], parts: np.ndarray) -> int:
    """Count pairs of tiles with the same pixels in different parts."""
    by_hash: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(PARTS), np.int64))
    for pixels, part in zip(hashes, parts, strict=True):
        by_hash[pixels][part] += 1
    return int(sum(counts[a] * counts[b] for counts in by_hash.values() for a, b in combinations(range(3), 2)))
