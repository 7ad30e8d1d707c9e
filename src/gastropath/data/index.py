"""The list of tiles: where each lies, what it shows, and which tiles belong together."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gastropath.data.gathered import gathered_tiles
from gastropath.data.left_out import LeftOut, counted
from gastropath.data.listing import listed_tiles
from gastropath.data.seen import Seen
from gastropath.data.spelling import spelled
from gastropath.errors import CannotReadTable, NoTilesFound, UnknownSetting, did_you_mean
from gastropath.tables import fingerprint


@dataclass(frozen=True)
class TileIndex:
    """Tiles with their labels, in a fixed order.

    Attributes
    ----------
    root
        Folder that ``paths`` are relative to.
    paths
        File of each tile, with ``/`` between folders.
    labels
        Class code of each tile.
    groups
        Patient, slide or other unit that must stay on one side of a split; empty where unknown.
    grouped_by
        Where the groups come from, in words; empty where there are none, or nobody knows.
    left_out
        What was found and not taken.
    notes
        What is worth knowing of how the tiles were found, in sentences.
    synthetic
        Whether any folder is marked as computer-drawn, see :mod:`gastropath.data.marker`.
    extra
        Further columns of the table, in its order: by name a cell for each tile.
    pixels
        What each tile is, whatever its name: :func:`gastropath.images.pixel_sha256`, empty for a file that cannot be
        read. No tuple at all where nobody has read them yet, see :func:`gastropath.data.audit.audit.read_tiles`.
    seen
        What else that reading showed, of these tiles and perhaps of others; ``None`` before.
    """

    root: Path
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    synthetic: bool = False
    grouped_by: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pixels: tuple[str, ...] = ()
    seen: Seen | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not len(self.paths) == len(self.labels) == len(self.groups):
            raise ValueError("paths, labels and groups differ in length")
        if len(self.pixels) not in (0, len(self)):
            raise ValueError("pixels differ in length from the paths")
        if wrong := [name for name, cells in self.extra.items() if len(cells) != len(self)]:
            raise ValueError(f"extra column {wrong[0]!r} differs in length from the paths")

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class codes that occur, sorted."""
        return tuple(sorted(set(self.labels)))

    def counts(self) -> dict[str, int]:
        """Return the number of tiles of each class, in the order of :attr:`classes`."""
        counted = Counter(self.labels)
        return {code: counted[code] for code in self.classes}

    def files(self) -> Iterator[Path]:
        """Yield the file of each tile."""
        return (self.root / path for path in self.paths)

    def take(self, rows: Iterable[int]) -> TileIndex:
        """Return the index of some rows, in the order given."""
        rows = list(rows)
        return replace(
            self,
            paths=tuple(self.paths[i] for i in rows),
            labels=tuple(self.labels[i] for i in rows),
            groups=tuple(self.groups[i] for i in rows),
            extra={name: tuple(cells[i] for i in rows) for name, cells in self.extra.items()},
            pixels=tuple(self.pixels[i] for i in rows) if self.pixels else (),
        )

    def of_classes(self, classes: Sequence[str]) -> TileIndex:
        """Return the index of the tiles of some classes; the others are counted in ``left_out``.

        Raises
        ------
        UnknownSetting
            If a class does not occur.
        """
        known = self.classes
        for code in classes:
            if code not in known:
                what = f"there is no class {code!r} in the data{did_you_mean(code, known)}"
                raise UnknownSetting(what, parameter="classes")
        wanted = set(classes)
        others = Counter(("other_class", label) for label in self.labels if label not in wanted)
        chosen = self.take(i for i, label in enumerate(self.labels) if label in wanted)
        return replace(chosen, left_out=(*self.left_out, *counted(others)))

    def numbers(self, codes: Sequence[str]) -> np.ndarray:
        """Return the number of each tile's label in ``codes``: ``int64``, shape (n,)."""
        number = {code: i for i, code in enumerate(codes)}
        return np.array([number[label] for label in self.labels], np.int64)

    def mpp(self) -> tuple[float | None, ...]:
        """Return the micrometres per pixel of each tile, from the column ``mpp``; ``None`` where the cell is empty.

        Raises
        ------
        CannotReadTable
            If a cell is not a number from 0.01 to 100.
        """
        return tuple(map(_mpp, self.paths, self.extra.get("mpp", ("",) * len(self))))

    def with_mpp(self, mpp: float) -> TileIndex:
        """Return the index with these micrometres per pixel where a tile has none of its own."""
        known = self.extra.get("mpp", ("",) * len(self))
        return replace(self, extra={**self.extra, "mpp": tuple(cell or repr(float(mpp)) for cell in known)})

    def sha256(self) -> str:
        """Return a fingerprint of pixels, labels and groups, in hexadecimal.

        It is the same under other names, in other folders and another order, and in a table with further columns. While
        nobody has read the tiles, their paths stand for their pixels.
        """
        return self._sha256

    @cached_property
    def _sha256(self) -> str:
        return fingerprint(sorted(zip(self.identities, self.labels, self.groups, strict=True)))

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """What tells each tile from the others: its pixels, or its path while nobody has read it."""
        return self.pixels or tuple(f"path {path}" for path in self.paths)

    def in_fixed_order(self) -> np.ndarray:
        """Return all rows in an order that depends on pixels, labels and groups alone: ``int64``, shape (n,).

        Whatever chance or rounding decides in this order does not change when files are renamed or moved.
        """
        keys = list(zip(self.identities, self.labels, self.groups, self.paths, strict=True))
        return np.array(sorted(range(len(self)), key=keys.__getitem__), np.int64)


def file_bytes(file: Path) -> int | None:
    """Return the size of a file; ``None`` where there is no file, or no file can have that path."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def find_tiles(
    sources: Sequence[Path], classes: Sequence[str] | None = None, *, expected: Sequence[str] | None = None
) -> TileIndex:
    """List the tiles of one or more folders, or of one CSV table.

    Parameters
    ----------
    sources
        Folders with a sub-folder for each class (or a folder above such a one), in one of the forms that
        :mod:`gastropath.data.layout` tells apart; or one CSV file with the columns ``path,label`` and optionally
        ``group``, its paths relative to the folder it lies in. Further columns are kept.
    classes
        Classes to take; tiles of others are counted as left out. By default all.
    expected
        Classes by whose names it is told which folders are classes; by default those of ``classes``.

    Raises
    ------
    NoTilesFound
        If nothing there has the expected form.
    UnknownSetting
        If ``classes`` names a class that does not occur.
    CannotReadTable
        If the CSV lacks a column or a cell, has a column twice, or lists a file twice with different labels or groups.
    """
    for source in sources:
        if not source.exists():
            raise NoTilesFound("there is no such file or folder", where=source)
    is_table = len(sources) == 1 and sources[0].is_file()
    found = listed_tiles(sources[0]) if is_table else gathered_tiles(sources, expected or classes or ())
    index = TileIndex(**vars(spelled(found)))
    return index.of_classes(classes) if classes else index


def _mpp(path: str, cell: str) -> float | None:
    if not cell.strip():
        return None
    try:
        value = float(cell.replace(",", ".", 1))  # as spreadsheets write it in much of Europe
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 100:
        what = f"mpp is {cell!r}; expected micrometres per pixel between 0.01 and 100, or nothing"
        raise CannotReadTable(what, where=path)
    return value
