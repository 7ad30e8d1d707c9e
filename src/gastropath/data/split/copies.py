"""The duplicates among the tiles to divide, as arrays, and which to leave out so that none is in different parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gastropath.data.duplicates.duplicates import Duplicates


@dataclass(frozen=True)
class Copies:
    """What each of ``n`` tiles is a copy of.

    Attributes
    ----------
    picture
        Number of the picture that a tile shows, ``int64``, shape (n,): the same for identical tiles.
    near
        Pairs of pictures that are near-duplicates, ``int64``, shape (m, 2).
    group
        Number of the set of identical and near-duplicate tiles that a tile is linked to, directly or through a chain,
        ``int64``, shape (n,); -1 for a tile without duplicates.
    """

    picture: np.ndarray
    near: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, duplicates: Duplicates) -> Copies:
        """Make it from the duplicates of an audit; rows are those of its index."""
        picture, group = np.arange(duplicates.n), np.full(duplicates.n, -1, np.int64)
        for rows in duplicates.identical:
            picture[list(rows)] = rows[0]
        for number, rows in enumerate(duplicates.groups):
            group[list(rows)] = number
        pairs = np.array([(pair.a, pair.b) for pair in duplicates.near], np.int64).reshape(-1, 2)
        return cls(picture, picture[pairs], group)

    def take(self, rows: np.ndarray) -> Copies:
        """Return some of the tiles in the order given; groups are numbered in the order of their first tile."""
        group = self.group[rows]
        inside = group >= 0
        _, first, number = np.unique(group[inside], return_index=True, return_inverse=True)
        group[inside] = np.argsort(np.argsort(first))[number]
        return Copies(self.picture[rows], self.near, group)

    def redundant(self, parts: np.ndarray, preference: np.ndarray) -> np.ndarray:
        """Return which tiles to leave out so that no two duplicates are in different parts.

        In each group the members in the part with most members stay. In the part with the next most, those members stay
        that are not a duplicate of one that stays elsewhere, and so on: the ends of a chain of near-duplicates may be
        in different parts if the link between them is left out. Where two parts have equally many members, the
        preferred one is first.

        Parameters
        ----------
        parts
            Part of each tile, integer, shape (n,); a negative number is a tile in no part.
        preference
            Of each part, shape (k,), or of each part in each group, shape (g, k); the highest is preferred.

        Returns
        -------
        numpy.ndarray
            ``bool``, shape (n,).
        """
        k, groups = preference.shape[-1], int(self.group.max(initial=-1)) + 1
        rows = np.flatnonzero((self.group >= 0) & (parts >= 0))
        group, part, picture = self.group[rows], parts[rows], self.picture[rows]
        count = np.zeros((groups, k), np.int64)
        np.add.at(count, (group, part), 1)
        best_first = np.lexsort((-np.broadcast_to(preference, count.shape), -count), axis=-1)
        rank = np.argsort(best_first, axis=-1)[group, part]
        stays = np.zeros((int(max(self.picture.max(initial=-1), self.near.max(initial=-1))) + 1, k), bool)
        one, other = self.near.T
        redundant = np.zeros(len(parts), bool)
        for turn in range(k):
            beside = stays.copy()
            np.logical_or.at(beside, one, stays[other])
            np.logical_or.at(beside, other, stays[one])
            now = rank == turn
            elsewhere = beside[picture[now]].sum(axis=1) > beside[picture[now], part[now]]
            redundant[rows[now]] = elsewhere
            stays[picture[now][~elsewhere], part[now][~elsewhere]] = True
        return redundant
