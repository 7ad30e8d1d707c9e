"""Directories of a TIFF: where the chunks of each picture lie, and how they are coded.

Read with bounds, so that no file can keep the reader busy. What these few lines do not understand is a reason to leave
the file to OpenSlide.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

_MOST_DIRECTORIES, _MOST_TAGS = 64, 512
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value of each type that is read; fractions and the like are not."""

_OTHERS = {5: 8, 10: 8, 11: 4, 12: 8}
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_MOST_BYTES = 2**28
"""Of one value: the places of the chunks of a slide of a million pixels a side."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL, _ORIENTATION = 256, 257, 258, 259, 262, 266, 274
_SAMPLES, _PLANAR, _PREDICTOR, _CHUNK_WIDTH, _CHUNK_HEIGHT = 277, 284, 317, 322, 323
_OFFSETS, _COUNTS, _EXTRA, _FORMAT, _TABLES = 324, 325, 338, 339, 347
_READ = {
    _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL, _ORIENTATION, _SAMPLES, _PLANAR, _PREDICTOR,
    _CHUNK_WIDTH, _CHUNK_HEIGHT, _OFFSETS, _COUNTS, _EXTRA, _FORMAT, _TABLES,
}  # fmt: skip


@dataclass(frozen=True)
class TiffDirectory:
    """A picture of 8-bit colours in chunks, upright, its three channels side by side.

    Attributes
    ----------
    size, chunk
        Width and height in pixels of the picture, and of its chunks.
    compression, photometric, predictor
        Values of these tags.
    tables
        JPEG tables that all chunks share; empty where there are none.
    offsets, counts
        Where each chunk begins in the file, and how many bytes it has: ``int64``, row by row.
    """

    size: tuple[int, int]
    chunk: tuple[int, int]
    compression: int
    photometric: int
    predictor: int
    tables: bytes
    offsets: np.ndarray
    counts: np.ndarray

    @property
    def across(self) -> int:
        """Chunks in a row."""
        return -(-self.size[0] // self.chunk[0])


def read_directories(file: BinaryIO) -> list[TiffDirectory]:
    """Return the directories of a TIFF or BigTIFF that describe such a picture, in the order of the file.

    Raises
    ------
    ValueError, OSError
        If the file is not a TIFF, or is not as the standard says.
    """
    return list(_Reader(file).directories())


class _Reader:
    """Reads numbers of a TIFF of either byte order and either size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._bytes = file, os.fstat(file.fileno()).st_size
        head = self._at(0, 16)
        self._order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = int(np.frombuffer(head, f"{self._order}u2", 1, 2)[0]) if self._order else 0
        if version not in (42, 43):
            raise ValueError("not a TIFF")
        self._big = version == 43
        self._word = "u8" if self._big else "u4"
        self._first = self._number(head, 8 if self._big else 4, self._word)

    def directories(self):
        """Yield those that are chunked pictures of colours."""
        seen: set[int] = set()
        where = self._first
        while where:
            if where in seen or len(seen) == _MOST_DIRECTORIES:
                raise ValueError("its directories do not end")
            seen.add(where)
            tags, where = self._tags(where)
            if found := _directory(tags):
                yield found

    def _tags(self, where: int) -> tuple[dict[int, np.ndarray], int]:
        """Return the values of the tags of a directory that are read here, and where the next directory is."""
        counted, entry, inline = (8, 20, 8) if self._big else (2, 12, 4)
        n = self._number(self._at(where, counted), 0, "u8" if self._big else "u2")
        if n > _MOST_TAGS:
            raise ValueError(f"a directory of {n} tags")
        content = self._at(where + counted, n * entry + inline)
        tags: dict[int, np.ndarray] = {}
        for start in range(0, n * entry, entry):
            tag, kind = self._number(content, start, "u2"), self._number(content, start + 2, "u2")
            if tag not in _READ:
                continue
            count, place = self._number(content, start + 4, self._word), start + entry - inline
            length = count * _SIZES.get(kind, _OTHERS.get(kind, 0))
            if not length or kind in _OTHERS or length > _MOST_BYTES or tag in tags:
                raise ValueError(f"tag {tag} holds {count} values of type {kind}")
            value = content[place : place + length]
            if length > inline:
                value = self._at(self._number(content, place, self._word), length)
            kept = _NUMBERS.get(kind, "u1")
            tags[tag] = np.frombuffer(value, kept if kept[-1] == "1" else self._order + kept)
        return tags, self._number(content, n * entry, self._word)

    def _number(self, content: bytes, start: int, kind: str) -> int:
        return int(np.frombuffer(content, self._order + kind, 1, start)[0])

    def _at(self, start: int, length: int) -> bytes:
        if start + length > self._bytes:
            raise ValueError("ends early")
        self._file.seek(start)
        return self._file.read(length)


def _directory(tags: dict[int, np.ndarray]) -> TiffDirectory | None:
    """Return the picture that tags describe; ``None`` where it is of another kind."""

    def value(tag: int, default: int = 0) -> int:
        return int(tags[tag][0]) if tag in tags else default

    size, chunk = (value(_WIDTH), value(_HEIGHT)), (value(_CHUNK_WIDTH), value(_CHUNK_HEIGHT))
    is_plain = (
        min(*size, *chunk) > 0
        and tags.get(_BITS, np.zeros(1)).tolist() == [8, 8, 8]
        and value(_SAMPLES, 1) == 3
        and _EXTRA not in tags
        and value(_PLANAR, 1) == value(_ORIENTATION, 1) == value(_FILL, 1) == 1
        and set(tags.get(_FORMAT, np.ones(1)).tolist()) == {1}
        and {_OFFSETS, _COUNTS} <= set(tags)
    )
    if not is_plain:
        return None
    found = TiffDirectory(
        size=size,
        chunk=chunk,
        compression=value(_COMPRESSION, 1),
        photometric=value(_PHOTOMETRIC),
        predictor=value(_PREDICTOR, 1),
        tables=tags[_TABLES].tobytes() if _TABLES in tags else b"",
        offsets=tags[_OFFSETS].astype(np.int64),
        counts=tags[_COUNTS].astype(np.int64),
    )
    n = found.across * -(-size[1] // chunk[1])
    return found if len(found.offsets) == len(found.counts) == n else None
