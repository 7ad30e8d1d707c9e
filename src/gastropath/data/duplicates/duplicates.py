"""Which tiles show the same picture: groups of duplicates, and how many pairs a split puts into different parts."""

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
        1 minus the likeness of the two registered pictures: 0 is equal up to brightness and contrast.
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
        Near-duplicates. A group of identical tiles is represented by its first tile.
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
        """Rows of each set of two or more tiles that are linked by identical or near pairs, ascending."""
        links = [(group[0], row) for group in self.identical for row in group[1:]]
        links += [(pair.a, pair.b) for pair in self.near]
        return linked(self.n, links)

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
        """Yield all pairs in blocks: two arrays, each row of one paired with each of the other, and if identical.

        For a group of identical tiles the two arrays are the same.
        """
        members = {group[0]: np.array(group) for group in self.identical}
        for group in members.values():
            yield group, group, True
        for pair in self.near:
            yield members.get(pair.a, np.array([pair.a])), members.get(pair.b, np.array([pair.b])), False

    def pairs_across(self, parts: np.ndarray) -> int:
        """Count the pairs of duplicates in different parts.

        Parameters
        ----------
        parts
            Part of each tile, integer, shape (n,); negative for a tile in no part.
        """
        total = 0
        for one, other, same in self.pairs():
            first, second = _count(parts[one]), _count(parts[other])
            if same:
                total += sum(first[p] * first[q] for p, q in combinations(first, 2))
            else:
                total += sum(first[p] * second[q] for p in first for q in second if p != q)
        return total


def linked(n: int, links: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Return the sets of two or more of ``n`` rows that links join, directly or through a chain.

    Both the sets and the rows in them ascend.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.array([*links], np.int64).reshape(-1, 2)
    if not len(pairs):
        return ()
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    order = np.argsort(component, kind="stable")
    sets = np.split(order, np.flatnonzero(np.diff(component[order])) + 1)
    return tuple(sorted(tuple(rows.tolist()) for rows in sets if len(rows) > 1))


def _count(parts: np.ndarray) -> dict[Hashable, int]:
    values, counts = np.unique(parts[parts >= 0], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
