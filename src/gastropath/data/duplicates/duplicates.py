"""Which tiles show the same picture: groups, label conflicts, and how many pairs a division puts on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class NearPair:
    """Two tiles that show the same tissue without being equal pixel by pixel, and how one maps onto the other.

    Attributes
    ----------
    a, b
        Rows of the two tiles, ``a < b``.
    distance
        1 minus the correlation of the two registered pictures: 0 is equal up to brightness and contrast.
    orientation
        Which of the eight flips and quarter turns brings ``b`` onto ``a``; 0 is none.
    zoom
        How many times larger the tissue appears in ``b``.
    shift
        Right and down: where the centre of ``a`` lies in ``b``, from its centre, as shares of the side.
    overlap
        Share of the tile that both show.
    """

    a: int
    b: int
    distance: float
    orientation: int = 0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    overlap: float = 1.0


@dataclass(frozen=True)
class Duplicates:
    """The duplicates among ``n`` tiles.

    Attributes
    ----------
    n
        Number of tiles.
    identical
        Rows of each group of two or more tiles with the same pixels, ascending.
    near
        Near-duplicates. Of an identical group only the first tile stands here, for all of it.
    """

    n: int
    identical: tuple[tuple[int, ...], ...] = ()
    near: tuple[NearPair, ...] = ()

    @classmethod
    def of(cls, pixel_hashes: Sequence[str], near: Iterable[NearPair] = ()) -> Duplicates:
        """Group rows by their pixel hash; an empty hash (a refused tile) is in no group."""
        rows: dict[str, list[int]] = defaultdict(list)
        for row, pixels in enumerate(pixel_hashes):
            if pixels:
                rows[pixels].append(row)
        return cls(len(pixel_hashes), tuple(tuple(g) for g in rows.values() if len(g) > 1), tuple(near))

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Rows that are linked, directly or through a chain, by being identical or near: ascending, two or more."""
        links = [(group[0], row) for group in self.identical for row in group[1:]]
        links += [(pair.a, pair.b) for pair in self.near]
        return linked(self.n, links)

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
        """Yield all pairs in blocks: every row of the first array with every other of the second, and if identical.

        The two arrays are the same for an identical group, which then pairs with itself.
        """
        members = {group[0]: np.array(group) for group in self.identical}
        for group in members.values():
            yield group, group, True
        for pair in self.near:
            yield members.get(pair.a, np.array([pair.a])), members.get(pair.b, np.array([pair.b])), False

    def pairs_across(self, parts: np.ndarray) -> int:
        """Count pairs of duplicates in different parts.

        Parameters
        ----------
        parts
            Part of each tile, integer, shape (n,); a negative number is a tile in no part.
        """
        found = 0
        for one, other, same in self.pairs():
            first, second = _count(parts[one]), _count(parts[other])
            if same:
                found += sum(first[p] * first[q] for p, q in combinations(first, 2))
            else:
                found += sum(first[p] * second[q] for p in first for q in second if p != q)
        return found


def linked(n: int, links: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Return the sets of two or more of ``n`` rows that links join, directly or through a chain.

    Both the sets and the rows in them ascend.
    """
    parent = list(range(n))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    touched: set[int] = set()
    for a, b in links:
        touched.update((a, b))
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    found: dict[int, list[int]] = defaultdict(list)
    for row in sorted(touched):
        found[root(row)].append(row)
    return tuple(tuple(group) for _, group in sorted(found.items()) if len(group) > 1)


def _count(parts: np.ndarray) -> dict[Hashable, int]:
    values, counts = np.unique(parts[parts >= 0], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
