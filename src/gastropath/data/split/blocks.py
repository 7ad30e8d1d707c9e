"""Neighbouring file numbers, the only trace of the slide a tile came from: series, blocks of them, and gaps between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gastropath.data.index import TileIndex

_BLOCKS_PER_CLASS = 20
_GAP = 16
_GAPS_PER_BLOCK = 4

_FARTHEST = 1000
"""Median step of the numbers in a series up to which they are those of neighbours: else they are drawn at random."""

_LAST_NUMBER = re.compile(r"([0-9]{1,18})([^0-9]*)\Z")
_DIGITS = frozenset("0123456789")


def default_block(n: int) -> int:
    """Return how many tiles a block has in a class of ``n``: twenty blocks a class, and at least one tile."""
    return max(1, round(n / _BLOCKS_PER_CLASS))


def default_gap(block: int) -> int:
    """Return how many file numbers lie between parts: 16, or a quarter of a block where that is less."""
    return min(_GAP, block // _GAPS_PER_BLOCK)


@dataclass(frozen=True)
class Neighbours:
    """Where each tile stands among the numbered files of its class.

    Attributes
    ----------
    series
        Number of the series a tile belongs to, ``int64``, shape (n,): tiles of one class and folder whose names differ
        only in their last number. -1 for a tile without a number, or with a known group, which is better evidence.
    number
        Last number in the file name, ``int64``, shape (n,); 0 where there is none.
    gap
        Tiles of a series in different parts must differ in number by more than this, ``int64``, shape (n,).
    """

    series: np.ndarray
    number: np.ndarray
    gap: np.ndarray

    @classmethod
    def of(cls, index: TileIndex, gaps: Mapping[str, int]) -> Neighbours:
        """Read the numbers in the names of an index; ``gaps`` holds the gap of each class."""
        series, number = np.full(len(index), -1, np.int64), np.zeros(len(index), np.int64)
        first: dict[tuple[str, ...], int] = {}
        for i, (path, label, group) in enumerate(zip(index.paths, index.labels, index.groups, strict=True)):
            if not group and (parts := _numbered(path)):
                *names, number[i] = parts
                series[i] = first.setdefault((label, *names), len(first))
        return cls(series, number, np.array([gaps[label] for label in index.labels], np.int64))

    def take(self, rows: np.ndarray) -> Neighbours:
        """Return some of the tiles."""
        return Neighbours(self.series[rows], self.number[rows], self.gap[rows])

    def blocks(self, length: np.ndarray) -> np.ndarray:
        """Cut each series, in the order of its numbers, into blocks of about ``length`` tiles.

        Parameters
        ----------
        length
            Wanted length for each tile, ``int64``, shape (n,); the same throughout a series.

        Returns
        -------
        numpy.ndarray
            Number of each tile's block, ``int64``, shape (n,), -1 where a tile is in no series. The blocks of a series
            differ in size by one tile at most, unless files share a number: these stay together.
        """
        order, begins = self._sorted()
        series, number = self.series[order], self.number[order]
        size = np.bincount(series, minlength=1)[series]
        count = np.maximum(1, np.rint(size / length[order])).astype(np.int64)
        positions = np.arange(len(order))
        same = np.zeros(len(order), bool)
        same[1:] = (series[1:] == series[:-1]) & (number[1:] == number[:-1])
        first = np.maximum.accumulate(np.where(same, 0, positions))  # of the files that share a number
        cut = ((positions - begins) * count // size)[first]
        new = np.zeros(len(order), bool)
        new[1:] = (series[1:] != series[:-1]) | (cut[1:] != cut[:-1])
        block = np.full(len(self.series), -1, np.int64)
        block[order] = np.cumsum(new)
        return block

    def share_a_block(self, block: np.ndarray) -> np.ndarray:
        """Return which tiles have a neighbour in their block: another tile of a series whose numbers lie close.

        Parameters
        ----------
        block
            From :meth:`blocks`.

        Returns
        -------
        numpy.ndarray
            ``bool``, shape (n,).
        """
        order, begins = self._sorted()
        series, number = self.series[order], self.number[order]
        close = np.zeros(int(series.max(initial=-1)) + 1, bool)
        starts = np.unique(begins)
        for first, own in zip(starts, np.split(number, starts[1:]), strict=False):
            close[series[first]] = len(own) > 1 and np.median(np.diff(own)) <= _FARTHEST
        size = np.bincount(block[block >= 0], minlength=1)
        inside = block >= 0
        shared = np.zeros(len(block), bool)
        shared[inside] = (size[block[inside]] > 1) & close[self.series[inside]]
        return shared

    def near_to(self, chosen: np.ndarray) -> np.ndarray:
        """Return which tiles have a chosen tile of their series within the gap; a chosen tile is near itself.

        Parameters
        ----------
        chosen
            ``bool``, shape (n,).

        Returns
        -------
        numpy.ndarray
            ``bool``, shape (n,).
        """
        near = np.zeros(len(self.series), bool)
        for step in (1, -1):
            order = self._sorted()[0][::step]
            series, number = self.series[order], self.number[order]
            last = np.maximum.accumulate(np.where(chosen[order], np.arange(len(order)), -1))
            within = np.abs(number - number[last]) <= self.gap[order]
            near[order] |= (last >= 0) & (series == series[last]) & within
        return near

    def after_another(self, parts: np.ndarray) -> np.ndarray:
        """Return which tiles come, in the order of numbers, within the gap after a tile of another part.

        Without them, tiles of a series in different parts are further apart than the gap.

        Parameters
        ----------
        parts
            Part of each tile, integer, shape (n,).

        Returns
        -------
        numpy.ndarray
            ``bool``, shape (n,).
        """
        order, begins = self._sorted()
        positions = np.arange(len(order))
        changes = np.ones(len(order), bool)
        changes[1:] = (parts[order][1:] != parts[order][:-1]) | (begins[1:] == positions[1:])
        run = np.maximum.accumulate(np.where(changes, positions, 0))
        before = np.maximum(run - 1, 0)  # the last tile of another part, if the run does not begin its series
        number = self.number[order]
        after = np.zeros(len(self.series), bool)
        after[order] = (run > begins) & (number - number[before] <= self.gap[order])
        return after

    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of all series, by series and number, and the position at which each one's series begins."""
        order = np.lexsort((self.number, self.series))
        order = order[self.series[order] >= 0]
        series, positions = self.series[order], np.arange(len(order))
        begins = np.ones(len(order), bool)
        begins[1:] = series[1:] != series[:-1]
        return order, np.maximum.accumulate(np.where(begins, positions, 0))


def unnumbered(index: TileIndex) -> list[str]:
    """Return the paths of the tiles that have neither a group nor a file number."""
    rows = zip(index.paths, index.groups, strict=True)
    return [path for path, group in rows if not group and _numbered(path) is None]


def _numbered(path: str) -> tuple[str, str, str, int] | None:
    """Return folder, text before and after the last number of a file's name, and that number.

    A number of more than eighteen digits is a hash or a time stamp, and is ignored.
    """
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    match = _LAST_NUMBER.search(stem)
    if match is None or stem[: match.start()][-1:] in _DIGITS:
        return None
    return folder, stem[: match.start()], match[2], int(match[1])
