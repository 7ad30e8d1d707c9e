"""The list of tiles: where each lies, what it shows, and which tiles belong together."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gastropath.data.synthetic.tiles import synthetic_marker
from gastropath.errors import CannotReadTable, NoTilesFound, UnknownSetting, did_you_mean
from gastropath.images import SUFFIXES, is_debris
from gastropath.tables import read_table

_SEARCH_DEPTH = 5

_TABLE_COLUMNS = ("path", "label", "group")


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
    left_out
        What was found and not taken, with its number.
    synthetic
        Whether any folder is marked as drawn by :mod:`gastropath.data.synthetic.tiles`.
    extra
        What the table held beside the known columns: a cell of each tile, by column, in the order of the table.
    """

    root: Path
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    synthetic: bool = False
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.paths) == len(self.labels) == len(self.groups):
            raise ValueError("paths, labels and groups differ in length")
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
                raise UnknownSetting(f"--classes: there is no class {code!r} in the data{did_you_mean(code, known)}")
        wanted = set(classes)
        others = Counter(f"tiles of class {label}" for label in self.labels if label not in wanted)
        chosen = self.take(i for i, label in enumerate(self.labels) if label in wanted)
        return replace(chosen, left_out={**self.left_out, **others})

    def numbers(self, codes: Sequence[str]) -> np.ndarray:
        """Return the number of each tile's label in ``codes``: ``int64``, shape (n,)."""
        number = {code: i for i, code in enumerate(codes)}
        return np.array([number[label] for label in self.labels], np.int64)

    def mpp(self) -> tuple[float | None, ...]:
        """Return the micrometres per pixel of each tile, from the column ``mpp``; ``None`` where it says nothing.

        Raises
        ------
        CannotReadTable
            If a cell is no such number.
        """
        return tuple(map(_mpp, self.paths, self.extra.get("mpp", ("",) * len(self))))

    def with_mpp(self, mpp: float) -> TileIndex:
        """Return the index with these micrometres per pixel where a tile has none of its own."""
        known = self.extra.get("mpp", ("",) * len(self))
        return replace(self, extra={**self.extra, "mpp": tuple(cell or f"{mpp:g}" for cell in known)})

    def sha256(self) -> str:
        """Return a fingerprint of paths, labels, groups and file sizes, in hexadecimal.

        It tells other tiles of the same names from these without decoding any, and stays the same when the folder
        moves, or when a table gets further columns.
        """
        digest = hashlib.sha256()
        for file, *row in zip(self.files(), self.paths, self.labels, self.groups, strict=True):
            size = os.path.getsize(file) if os.path.isfile(file) else -1
            digest.update("\0".join((*row, f"{size}\n")).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def find_tiles(sources: Sequence[Path], classes: Sequence[str] | None = None) -> TileIndex:
    """List the tiles of one or more folders, or of one CSV table.

    Parameters
    ----------
    sources
        Folders with a sub-folder for each class (or a folder above such a one), or one CSV file with the columns
        ``path,label`` and optionally ``group``, its paths relative to the folder it lies in. Further columns are kept.
    classes
        Classes to take; tiles of others are counted in ``left_out``. By default all.

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
            raise NoTilesFound(f"{source}: there is no such file or folder")
    is_table = len(sources) == 1 and sources[0].is_file()
    index = _from_table(sources[0]) if is_table else _from_folders(sources)
    return index.of_classes(classes) if classes else index


def extra_columns(table: Path, columns: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the columns of a table that are not among the known ones, in the order of the table.

    Raises
    ------
    CannotReadTable
        If one stands there twice: a row is read by name, so one of the two would be lost.
    """
    for name, n in Counter(columns).items():
        if n > 1:
            raise CannotReadTable(f"{table}: has column {name!r} twice; rename or remove one of them")
    return [name for name in columns if name not in set(known)]


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which ``ADI_2`` comes before ``ADI_10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _mpp(path: str, cell: str) -> float | None:
    if not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 100:
        raise CannotReadTable(
            f"{path}: mpp is {cell!r}; expected micrometres per pixel between 0.01 and 100, or nothing"
        )
    return value


def _from_table(table: Path) -> TileIndex:
    if table.suffix.lower() != ".csv":
        raise NoTilesFound(f"{table}: expected a folder, or a CSV file with the columns path,label")
    columns, rows = read_table(table, required=("path", "label"))
    extra = extra_columns(table, columns, _TABLE_COLUMNS)
    if not rows:
        raise NoTilesFound(f"{table}: the table has no rows")
    first: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=1):
        path, label, group = row["path"], row["label"], row.get("group", "")
        if not path or not label:
            raise CannotReadTable(f"{table}, row {number}: path and label must not be empty")
        before = first.setdefault(path, row)
        if (before["label"], before.get("group", "")) != (label, group):
            raise CannotReadTable(f"{table}, row {number}: {path} stands there before with another label or group")
    repeated = len(rows) - len(first)
    root = table.parent
    folders = {(root / path).parent for path in first}
    return TileIndex(
        root=root,
        paths=tuple(first),
        labels=tuple(row["label"] for row in first.values()),
        groups=tuple(row.get("group", "") for row in first.values()),
        left_out={"rows that repeat a path": repeated} if repeated else {},
        synthetic=any(synthetic_marker(folder) is not None for folder in folders),
        extra={name: tuple(row[name] for row in first.values()) for name in extra},
    )


def _from_folders(sources: Sequence[Path]) -> TileIndex:
    roots = list({root.resolve(): root for root in map(_class_root, sources)}.values())
    common = _common(roots)
    found: list[tuple[str, str]] = []
    left_out: Counter[str] = Counter()
    for root in roots:
        for folder in _folders(root):
            before = len(found)
            for parent, names in _walk(folder, left_out):
                for name in names:
                    file = parent / name
                    if file.suffix.lower() in SUFFIXES:
                        path = file if len(roots) == 1 else file.absolute()
                        found.append((folder.name, path.relative_to(common).as_posix()))
                    else:
                        left_out[f"files that are no images ({file.suffix or 'no suffix'})"] += 1
            if len(found) == before:
                left_out["empty class folders"] += 1
    found.sort(key=lambda item: (item[0], natural(item[1]), item[1]))  # the last tells 1.png from 01.png
    return TileIndex(
        root=common,
        paths=tuple(path for _, path in found),
        labels=tuple(label for label, _ in found),
        groups=("",) * len(found),
        left_out=dict(left_out),
        synthetic=any(synthetic_marker(root) is not None for root in roots),
    )


def _common(roots: Sequence[Path]) -> Path:
    if len(roots) == 1:
        return roots[0]
    try:
        return Path(os.path.commonpath([root.absolute() for root in roots]))
    except ValueError:  # drives of Windows
        raise NoTilesFound(f"{' '.join(map(str, roots))}: lie on different drives; put them on one") from None


def _class_root(source: Path) -> Path:
    """Find the one folder at or below ``source`` whose sub-folders hold images."""
    if source.is_file():
        raise NoTilesFound(f"{source}: expected folders, or a single CSV file, but not several with a file among them")
    level = [source]
    for _ in range(_SEARCH_DEPTH):
        roots = [folder for folder in level if any(_holds_images(child) for child in _folders(folder))]
        if len(roots) == 1:
            return roots[0]
        if roots:
            names = " ".join(str(root) for root in roots[:6])
            raise NoTilesFound(f"{source}: holds several folders of classes; name those you mean: {names}")
        level = [child for folder in level for child in _folders(folder)]
    if _holds_images(source):
        raise NoTilesFound(
            f"{source}: holds images but no sub-folder for each class; expected e.g. {source.name}/TUM/tile.png. "
            "If this folder is one class, give the folder above it"
        )
    raise NoTilesFound(
        f"{source}: no tiles found; expected a sub-folder for each class with {', '.join(sorted(SUFFIXES))} files in it"
    )


def _folders(folder: Path) -> list[Path]:
    try:
        entries = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        raise NoTilesFound(f"{folder}: cannot be opened: {error.strerror}") from None
    return [folder / name for name in sorted(sorted(entries), key=natural) if not is_debris(name)]


def _holds_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(
                Path(entry.name).suffix.lower() in SUFFIXES and not is_debris(entry.name) and entry.is_file()
                for entry in entries
            )
    except OSError:
        return False


def _walk(folder: Path, left_out: Counter[str]) -> Iterator[tuple[Path, list[str]]]:
    def cannot_open(error: OSError) -> None:
        left_out[f"folders that cannot be opened ({error.strerror})"] += 1

    for parent, folders, names in os.walk(folder, onerror=cannot_open):
        folders[:] = [name for name in folders if not is_debris(name)]
        yield Path(parent), [name for name in names if not is_debris(name)]
