"""Which of the tiles to divide must stay together, and which must not come close to another part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gastropath.data.duplicates.duplicates import linked
from gastropath.data.index import TileIndex
from gastropath.data.split.blocks import Neighbours, default_block, default_gap
from gastropath.data.split.copies import Copies
from gastropath.errors import UnknownSetting, did_you_mean

Method = Literal["block", "group", "random", "folders"]
METHODS: tuple[Method, ...] = ("block", "group", "random", "folders")

KEPT_BY = ("groups", "neighbours", "nothing")
"""What keeps a tile with others of its slide: its group, tiles with neighbouring numbers in its block, or nothing."""

_GROUP, _NEIGHBOURS, _NOTHING = range(3)


def method_named(name: str) -> Method:
    """Return the method of that name.

    Raises
    ------
    UnknownSetting
        If there is none of that name.
    """
    for method in METHODS:
        if method == name:
            return method
    raise UnknownSetting(f"there is no method {name!r}{did_you_mean(name, METHODS)}", parameter="by")


@dataclass(frozen=True)
class Units:
    """Tiles, and the ways in which they can be grouped into units.

    Attributes
    ----------
    index
        The tiles.
    labels
        Number of each tile's class, ``int64``, shape (n,).
    ways
        For each way the number of each tile's unit, ``int64``, shape (n,): the tiles of a unit stay together. A way is
        tried where those before it fail.
    neighbours, copies
        By which tiles are left out that are too close to another part; ``None`` where none are.
    kept_by
        What keeps each tile with others of its slide, one of :data:`KEPT_BY`; none where nothing is meant to.
    """

    index: TileIndex
    labels: np.ndarray
    ways: tuple[np.ndarray, ...]
    neighbours: Neighbours | None = None
    copies: Copies | None = None
    kept_by: np.ndarray | None = None

    @classmethod
    def of(
        cls, index: TileIndex, copies: Copies, method: Method, blocks: Mapping[str, int], gaps: Mapping[str, int]
    ) -> Units:
        """Group tiles into units by a method.

        Parameters
        ----------
        index
            The tiles.
        copies
            Their duplicates.
        method
            See :func:`gastropath.data.split.division.make_split`.
        blocks, gaps
            Tiles in a block, and file numbers between parts, of each class.
        """
        labels = np.unique(index.labels, return_inverse=True)[1]
        if method == "random":
            return cls(index, labels, (np.arange(len(index)),))
        grouped, copied = _first(index.groups, ""), _first(copies.group.tolist(), -1)
        has_group = np.array([bool(group) for group in index.groups], bool)
        if method == "group":
            return cls(index, labels, (_joined(grouped, copied),), kept_by=np.where(has_group, _GROUP, _NOTHING))
        neighbours = Neighbours.of(index, gaps)
        block = neighbours.blocks(np.array([blocks[label] for label in index.labels], np.int64))
        near = np.where(block >= 0, _first(block.tolist(), -1), grouped)
        # A class too small to lose copies may still be divisible if copies stay together, as with the method "group".
        kept_by = np.where(has_group, _GROUP, np.where(neighbours.share_a_block(block), _NEIGHBOURS, _NOTHING))
        return cls(index, labels, (_joined(near), _joined(near, copied)), neighbours, copies, kept_by)

    def take(self, rows: np.ndarray) -> Units:
        """Return some of the tiles."""
        return Units(
            self.index.take(rows),
            self.labels[rows],
            tuple(np.unique(way[rows], return_inverse=True)[1] for way in self.ways),
            self.neighbours.take(rows) if self.neighbours else None,
            self.copies.take(rows) if self.copies else None,
            self.kept_by[rows] if self.kept_by is not None else None,
        )


def kept_together(index: TileIndex) -> np.ndarray:
    """Number the groups of an index, and where none is known the blocks of neighbouring file numbers.

    Returns
    -------
    numpy.ndarray
        Unit of each tile, ``int64``, shape (n,).
    """
    blocks = {code: default_block(n) for code, n in index.counts().items()}
    neighbours = Neighbours.of(index, {code: default_gap(n) for code, n in blocks.items()})
    block = neighbours.blocks(np.array([blocks[label] for label in index.labels], np.int64))
    return _joined(np.where(block >= 0, _first(block.tolist(), -1), _first(index.groups, "")))


def _first(names: Sequence[object], nothing: object) -> np.ndarray:
    """Return the first row that has the same name as each row: the row itself where it has none."""
    first: dict[object, int] = {}
    return np.array([i if name == nothing else first.setdefault(name, i) for i, name in enumerate(names)], np.int64)


def _joined(*ties: np.ndarray) -> np.ndarray:
    """Number the units of rows that are tied to each other, directly or through a chain."""
    unit = np.arange(len(ties[0]))
    links = ((row, tied) for tie in ties for row, tied in enumerate(tie.tolist()) if row != tied)
    for rows in linked(len(unit), links):
        unit[list(rows)] = rows[0]
    return np.unique(unit, return_inverse=True)[1]
