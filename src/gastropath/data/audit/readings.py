"""What was read of the tiles of a folder, kept so that the next command need not decode them again.

A file is known by its path, size, times and number in the file system; where any of them differs it is read anew. What
must be right whatever happens to a file (a tile that is learned from or judged) is compared once more with its decoded
pixels by whoever decodes it: see :class:`gastropath.data.index.TileIndex`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL

from gastropath import __version__, decoding
from gastropath.arrays import read_arrays
from gastropath.data.audit import record
from gastropath.data.audit.record import TileRecord
from gastropath.data.colour import histograms
from gastropath.data.duplicates import keypoints
from gastropath.data.duplicates.keypoints import DIMENSIONS, Keypoints
from gastropath.data.kept_rows import KeptRows
from gastropath.errors import CannotParse, CannotWrite
from gastropath.outputs import replacing

FOLDER = "readings"
"""Sub-folder of the user's cache."""

_MEASURES = ("white_share", "sharpness", "mean_red", "mean_green", "mean_blue", "saturation")
_NOT_SOUGHT, _NO_POINTS = -1, -2
_ROW = np.dtype(
    [
        ("stamp", "<i8", (4,)),
        ("pixels", "u1", (32,)),
        ("size", "<i4", (2,)),
        ("mode", "S16"),
        ("flags", "S80"),
        ("measures", "<f8", (len(_MEASURES),)),
        ("first", "<i8"),
        ("points", "<i4"),
    ]
)
_POINT = np.dtype([("position", "<f4", (2,)), ("orientation", "u1"), ("description", "i1", (DIMENSIONS,))])

_MOST_BYTES = 2**34  # of what is kept, unpacked
_UNSURE_NS, _UNSURE_WHOLE_SECONDS_NS = 20_000_000, 2_000_000_000
"""A file changed so shortly before it was read may change again and keep its time, as file systems round it."""

_SECOND_NS = 1_000_000_000

Stamp = tuple[int, int, int, int]
"""Size of a file in bytes, when it and its entry were changed (ns), and its number in the file system."""


@dataclass(frozen=True)
class Reading:
    """What one file holds, and when it was so; ``stamp`` is ``None`` where the file changed while it was read.

    ``points_sought`` is ``False`` where nobody looked for keypoints; ``colours`` is ``None`` where the file was not
    decoded for it: counts of colours are kept by what pictures show.
    """

    record: TileRecord
    points: Keypoints | None
    points_sought: bool
    stamp: Stamp | None
    colours: np.ndarray | None = None


def stamp_of(file: Path) -> Stamp | None:
    """Return what a file is known by; ``None`` where there is no ordinary file."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino & 0x7FFF_FFFF_FFFF_FFFF


def read(file: Path, *, with_points: bool) -> Reading:
    """Read a file as :func:`gastropath.data.audit.record.read_tile` does, and look whether it stayed the same."""
    before = stamp_of(file)
    found = record.read_tile(file, with_points=with_points)
    stamp = before if before == stamp_of(file) else None
    return Reading(found.record, found.points, with_points, stamp, found.colours)


@dataclass
class KeptReadings:
    """The readings of the tiles below one folder, from an earlier command.

    Damage, a full disk or a second process that writes at the same time cost a second reading, and nothing else.

    Attributes
    ----------
    file
        Where they are kept; ``None`` where they are not.
    """

    file: Path | None
    _rows: dict[bytes, int] = field(default_factory=dict)
    _table: np.ndarray = field(default_factory=lambda: np.zeros(0, _ROW))
    _points: np.ndarray = field(default_factory=lambda: np.zeros(0, _POINT))
    _cells: dict[str, list] = field(default_factory=dict)
    _began: int = 0

    @classmethod
    def of(cls, cache: Path | None, root: Path) -> KeptReadings:
        """Open those of the tiles below ``root``, kept in the folder ``cache``."""
        if cache is None:
            return cls(None)
        name = hashlib.sha256(os.fsencode(os.path.abspath(root))).hexdigest()[:32]
        kept = cls(cache / FOLDER / f"{name}.npz")
        kept._load()
        kept._began = _now(cache / FOLDER)
        return kept

    def get(self, path: str, file: Path, *, with_points: bool) -> Reading | None:
        """Return what is known of a file; ``None`` where it must be read."""
        place = self._rows.get(os.fsencode(path))
        if place is None:
            return None
        cells = self._cells
        stamp, n = stamp_of(file), cells["points"][place]
        if stamp is None or tuple(cells["stamp"][place]) != stamp or (with_points and n == _NOT_SOUGHT):
            return None
        width, height = cells["size"][place]
        flags = cells["flags"][place].decode()
        measures = dict(zip(_MEASURES, cells["measures"][place], strict=True))
        found = TileRecord(
            width,
            height,
            cells["mode"][place].decode(),
            stamp[0],
            bytes(cells["pixels"][place]).hex(),
            **measures,
            flags=tuple(flags.split(";")) if flags else (),
        )
        points = self._points_at(cells["first"][place], n) if with_points and n >= 0 else None
        return Reading(found, points, n != _NOT_SOUGHT, stamp)

    def keep(self, readings: Iterable[tuple[str, Reading]]) -> None:
        """Add new readings to those that are kept, also by other processes since; refusals are not kept."""
        new = [(path, reading) for path, reading in readings if self._is_sure(reading)]
        if self.file is None or not new:
            return
        paths, table, points = _arrays(new)
        self._load()
        others = [(path, row) for path, row in self._rows.items() if path not in paths]
        kept = self._table[[row for _, row in others]]
        gathered = [self._points[row["first"] : row["first"] + max(0, row["points"])] for row in kept]
        table["first"] += sum(map(len, gathered))
        kept["first"] = np.cumsum([0, *map(len, gathered)])[:-1]
        names = b"\0".join([*(path for path, _ in others), *paths])
        with suppress(CannotWrite, OSError), replacing(self.file) as partial, partial.open("wb") as file:
            np.savez(
                file,
                reader=np.frombuffer(reader().encode(), np.uint8),
                names=np.frombuffer(names, np.uint8),
                table=np.concatenate([kept, table]),
                points=np.concatenate([*gathered, points]),
            )

    def _is_sure(self, reading: Reading) -> bool:
        if reading.record.refusal or reading.stamp is None:
            return False
        changed = max(reading.stamp[1:3])
        whole = not any(time % _SECOND_NS for time in reading.stamp[1:3])
        return changed < self._began - (_UNSURE_WHOLE_SECONDS_NS if whole else _UNSURE_NS)

    def _load(self) -> None:
        if self.file is None:
            return
        try:
            arrays = read_arrays(self.file, _MOST_BYTES)
            if arrays["reader"].tobytes().decode() != reader():
                return
            names = arrays["names"].tobytes().split(b"\0")
            table, points = arrays["table"], arrays["points"]
        except (OSError, ValueError, KeyError, CannotParse):
            return  # none yet, or damaged: the tiles are read again
        if table.dtype == _ROW and points.dtype == _POINT and len(names) == len(table):
            self._rows = {name: row for row, name in enumerate(names)}
            self._table, self._points = table, points
            self._cells = {name: table[name].tolist() for name in _ROW.names or ()}

    def _points_at(self, first: int, n: int) -> Keypoints:
        own = self._points[first : first + n]
        return Keypoints(*(np.ascontiguousarray(own[name]) for name in ("position", "orientation", "description")))


class KeptColours:
    """Colour histograms of pictures, found by what these show; where nothing can be written there are none.

    Attributes
    ----------
    rows
        What is kept, by :func:`gastropath.images.pixel_sha256`; ``None`` where it is not.
    """

    def __init__(self, cache: Path | None) -> None:
        """Open those in the folder ``cache``, if there is one."""
        self.rows: KeptRows | None = None
        if cache is not None:
            folder = cache / "colours" / hashlib.sha256(reader().encode()).hexdigest()[:16]
            self.rows = KeptRows(folder, histograms.BINS, "<u2")

    def keep(self, reading: Reading) -> None:
        """Add the histogram of a file that was decoded."""
        key = bytes.fromhex(reading.record.pixel_sha256)
        if self.rows is not None and reading.colours is not None and key not in self.rows:
            with self._writing():
                self.rows.add(key, reading.colours)

    def write(self) -> None:
        """Write what is not yet on disk."""
        if self.rows is not None:
            with self._writing():
                self.rows.write()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (CannotWrite, OSError):
            self.rows = None


def forget(cache: Path, root: Path) -> None:
    """Drop what is kept of the tiles below ``root``."""
    if kept := KeptReadings.of(cache, root).file:
        with suppress(OSError):
            kept.unlink()


def _arrays(readings: Sequence[tuple[str, Reading]]) -> tuple[dict[bytes, None], np.ndarray, np.ndarray]:
    """Return paths, rows and keypoints of readings, as they are kept."""
    latest = {os.fsencode(path): reading for path, reading in readings}
    table = np.zeros(len(latest), _ROW)
    sets: list[np.ndarray] = [np.zeros(0, _POINT)]
    first = 0
    for row, reading in zip(table, latest.values(), strict=True):
        found, points = reading.record, reading.points
        assert reading.stamp is not None, "only files that did not change are kept"
        row["stamp"], row["pixels"] = reading.stamp, list(bytes.fromhex(found.pixel_sha256))
        row["size"], row["mode"] = (found.width, found.height), found.mode.encode()
        row["flags"] = ";".join(found.flags).encode()
        row["measures"] = [getattr(found, name) for name in _MEASURES]
        row["first"], row["points"] = first, _NO_POINTS if reading.points_sought else _NOT_SOUGHT
        if points is not None:
            own = np.zeros(len(points), _POINT)
            own["position"], own["orientation"] = points.position, points.orientation
            own["description"] = points.description
            sets.append(own)
            row["points"] = len(points)
            first += len(points)
    return dict.fromkeys(latest), table, np.concatenate(sets)


@lru_cache(maxsize=1)
def reader() -> str:
    """Return what the same bytes are read by: other software may decode or measure them differently."""
    digest = hashlib.sha256()
    for module in (decoding, record, keypoints, histograms):
        with suppress(OSError, TypeError):  # a package without files is told by its version
            digest.update(Path(module.__file__ or "").read_bytes())
    return f"{__version__} {PIL.__version__} {np.__version__} {digest.hexdigest()[:16]}"


def _now(folder: Path) -> int:
    """Return the time (ns) that a file system gives to what is written now; 0 where nothing can be written."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
            file.flush()
            return os.fstat(file.fileno()).st_mtime_ns
    return 0
