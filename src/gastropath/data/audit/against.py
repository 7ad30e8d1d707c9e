"""Tiles of one folder found in another: test tiles in the training folder, or in an external test set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product
from pathlib import Path

from gastropath.data.audit.audit import Audit, read_tiles, reasons
from gastropath.data.duplicates.duplicates import Duplicates, NearPair
from gastropath.data.duplicates.near import find_near_duplicates
from gastropath.data.duplicates.pairs import ALL_PAIRS_UP_TO, Row, write_rows
from gastropath.data.index import TileIndex
from gastropath.parallel import one_thread_each
from gastropath.progress import Progress, silent


@dataclass(frozen=True)
class Against:
    """The tiles that two folders share.

    Attributes
    ----------
    audit, other
        The two folders.
    near
        Near-duplicates between them; the rows ``b`` of ``other`` are numbered after those of ``audit``. Tiles of one
        folder with the same pixels are represented by the first of them.
    """

    audit: Audit
    other: Audit
    near: tuple[NearPair, ...]

    @cached_property
    def duplicates(self) -> Duplicates:
        """Duplicates among the rows of both; those of ``other`` are numbered after those of ``audit``."""
        return Duplicates.of(self._pixels, self.near)

    @property
    def _pixels(self) -> list[str]:
        return [record.pixel_sha256 for record in (*self.audit.records, *self.other.records)]

    @cached_property
    def _matches(self) -> tuple[tuple[Sequence[int], Sequence[int], NearPair | None], ...]:
        """Rows of equal tiles here, rows of equal tiles there, and how these match (``None``: identical)."""
        n, pixels = len(self.audit.index), self._pixels
        here: dict[str, list[int]] = defaultdict(list)
        there: dict[str, list[int]] = defaultdict(list)
        for row, digest in enumerate(pixels):
            if digest:
                (here if row < n else there)[digest].append(row)
        identical = ((rows, there[digest], None) for digest, rows in here.items() if digest in there)
        near = ((here[pixels[pair.a]], there[pixels[pair.b]], pair) for pair in self.near)
        return (*identical, *near)

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of both, each relative to its own folder."""
        return (*self.audit.index.paths, *self.other.index.paths)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of both."""
        return (*self.audit.index.labels, *self.other.index.labels)

    def file(self, row: int) -> Path:
        """Return the file of a row."""
        n = len(self.audit.index)
        index = self.audit.index if row < n else self.other.index
        return index.root / self.paths[row]

    def pairs(self) -> Iterator[Row]:
        """Yield the pairs of a tile here and a tile there.

        Where many tiles are equal, each is paired with the first of the other side only.
        """
        for here, there, near in self._matches:
            if len(here) * len(there) <= ALL_PAIRS_UP_TO**2:
                together = product(here, there)
            else:
                together = chain(((here[0], b) for b in there), ((a, there[0]) for a in here[1:]))
            yield from ((a, b, near) for a, b in together)

    def shared(self) -> tuple[set[int], set[int]]:
        """Return the rows here, and the rows there, that the other folder contains too (both numbered from 0)."""
        n = len(self.audit.index)
        return (
            {row for here, _, _ in self._matches for row in here},
            {row - n for _, there, _ in self._matches for row in there},
        )

    def summary(self) -> dict[str, object]:
        """Return what ``audit.json`` holds of it."""
        here, there = self.shared()
        refused = self.other.refused_by_code()
        return {
            "folder": str(self.other.index.root),
            "n_tiles": len(self.other.index),
            "pairs": sum(len(rows) * len(others) for rows, others, _ in self._matches),
            "tiles_here": len(here),
            "tiles_there": len(there),
            "refused": refused,
            "reasons": reasons(refused),
        }

    def write(self, path: Path) -> None:
        """Write ``against.csv``: the columns of ``duplicates.csv``, ``a`` here and ``b`` in the other folder."""
        write_rows(path, self.paths, self.labels, self.duplicates, self.pairs())


def compare(
    audit: Audit, index: TileIndex, *, near: bool = True, cache: Path | None = None, progress: Progress = silent
) -> Against:
    """Find the tiles that an audited folder shares with another one.

    Parameters
    ----------
    audit
        The audited folder; read with keypoints where near-duplicates are wanted.
    index
        Tiles of the other folder.
    near
        Search for near-duplicates too.
    cache
        See :func:`gastropath.data.audit.audit.read_tiles`.
    """
    with one_thread_each():
        other = read_tiles(index, with_points=near, cache=cache, progress=progress)
        pairs = tuple(_near(audit, other, progress)) if near else ()
    return Against(audit, other, pairs)


def _near(audit: Audit, other: Audit, progress: Progress) -> Iterator[NearPair]:
    """Search for near-duplicates between the two folders, without pairs that are identical."""
    here, there, n = list(audit.points), list(other.points), len(audit.index)
    files = [audit.index.root / audit.index.paths[row] for row in here]
    files += [other.index.root / other.index.paths[row] for row in there]
    points = [*(audit.points[row] for row in here), *(other.points[row] for row in there)]
    rows = [*here, *(n + row for row in there)]
    for pair in find_near_duplicates(files, points, across=len(here), progress=progress):
        a, b = rows[pair.a], rows[pair.b]
        if audit.records[a].pixel_sha256 != other.records[b - n].pixel_sha256:
            yield replace(pair, a=a, b=b)
