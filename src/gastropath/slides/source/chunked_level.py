"""A level of a slide, decoded straight from the chunks of a TIFF wherever that was shown to be right.

A way of coding is trusted once a chunk of it, with some contrast, had the pixels that another reader reads: OpenSlide,
or tifffile where OpenSlide does not read the level. Chunks of every other coding are read by that one, one by one.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.slides.source.chunk_decoder import ChunkDecoder, DamagedChunk, OddChunk, decoder_of
from gastropath.slides.source.stored_levels import StoredLevels
from gastropath.slides.source.tiff_directory import TiffDirectory

_CONTRAST = 16
"""Grey values between the lowest and the highest of each colour from which two equal chunks prove something."""

_ALIKE = 16
"""Mean difference in grey values of the same place, between two ways of resampling it, at most."""

_PROOFS, _CANDIDATES = 3, 64
_MOST_CHUNK_PX, _SAMPLE_BYTES = 4096**2, 2**16
_WHITE = 255


class ChunkedLevel:
    """A level of a TIFF; may be shared by threads.

    Attributes
    ----------
    smaller
        How many times smaller than stored it can be read; 1 is the first.
    """

    def __init__(
        self,
        file: ChunkFile,
        directory: TiffDirectory,
        decoder: ChunkDecoder,
        stored: StoredLevels,
        level: int,
        trusted: dict[Hashable, bool],
    ) -> None:
        self._file, self._directory, self._decoder = file, directory, decoder
        self._stored, self._level, self._size, self._trusted = stored, level, stored.sizes[level], trusted
        self._damaged: dict[int, str] = {}
        self._most_bytes = 4 * directory.chunk[0] * directory.chunk[1] * 3 + 2**20
        self.smaller = decoder.smaller

    def is_proven(self) -> bool:
        """Tell whether its richest chunks have the pixels that the other reader reads there."""
        shown = 0
        for number in _richest(self._directory):
            try:
                data = self._data(number)
                coding = self._coding(data)
                if self._stored.is_exact(self._level, *self._corner(number)):
                    is_right = self._prove(number, data, coding)
                else:
                    is_right = bool(self._trusted.get(coding)) and self._difference(number, data)[1] < _ALIKE
            except (CannotReadRegion, DamagedChunk, OddChunk):
                continue
            if not is_right:
                return False
            shown += 1
            if shown == _PROOFS:
                break
        return shown > 0 and any(self._trusted.values())

    def shift(self, smaller: int) -> float:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        return self._decoder.shift(smaller)

    def read(self, x_px: int, y_px: int, width: int, height: int, smaller: int = 1) -> np.ndarray:
        """Read pixels of the level, or of the level made so many times smaller; white where there is none.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        directory = self._directory
        across, down = (side // smaller for side in directory.chunk)
        size = tuple(-(-side // smaller) for side in self._size)
        pixels = np.full((height, width, 3), _WHITE, np.uint8)
        first = (max(0, x_px) // across, max(0, y_px) // down)
        last = (-(-min(x_px + width, size[0]) // across), -(-min(y_px + height, size[1]) // down))
        rows, columns = range(first[1], last[1]), range(first[0], last[0])
        numbers = [row * directory.across + column for row in rows for column in columns]
        for number in numbers:
            if number in self._damaged:
                raise CannotReadRegion(self._damaged[number])
        for number in numbers:
            left, top = number % directory.across * across - x_px, number // directory.across * down - y_px
            right, bottom = min(left + across, size[0] - x_px, width), min(top + down, size[1] - y_px, height)
            chunk = self._chunk(number, smaller)
            inside = slice(max(0, top), bottom), slice(max(0, left), right)
            pixels[inside] = chunk[inside[0].start - top : bottom - top, inside[1].start - left : right - left]
        return pixels

    def _chunk(self, number: int, smaller: int) -> np.ndarray:
        """Return a chunk: decoded here where its coding is trusted, and otherwise as the other reader reads it."""
        try:
            with suppress(OddChunk):
                data = self._data(number)
                coding = self._coding(data)
                trusted = self._trusted.get(coding)
                if trusted is None:
                    trusted = self._prove(number, data, coding)
                if trusted:
                    return self._decoder.decode(data, smaller)
            return self._reference(number, smaller)
        except DamagedChunk as error:
            reason = f"cannot be read: {error}"
        except CannotReadRegion as error:
            reason = error.reason
        self._damaged[number] = reason
        raise CannotReadRegion(reason)

    def _prove(self, number: int, data: bytes, coding: Hashable) -> bool:
        """Compare a chunk with what the other reader reads, and keep the verdict where that says something."""
        if not self._stored.is_exact(self._level, *self._corner(number)):
            return False
        most, _, contrast = self._difference(number, data)
        is_equal = most <= self._decoder.tolerance
        if not is_equal or contrast >= _CONTRAST:
            self._trusted[coding] = is_equal
        return is_equal

    def _difference(self, number: int, data: bytes) -> tuple[float, float, int]:
        """Return the largest and the mean difference of a chunk to what the other reader has, and its contrast."""
        here, there = self._decoder.decode(data, 1), self._reference(number)
        left, top = self._corner(number)
        width, height = self._size[0] - left, self._size[1] - top
        here, there = here[:height, :width], there[:height, :width]
        gaps = np.abs(here.astype(np.int16) - there)
        return float(gaps.max()), float(gaps.mean()), int(np.ptp(there, axis=(0, 1)).min())

    def _coding(self, data: bytes) -> Hashable:
        of = self._directory
        return of.compression, of.photometric, of.predictor, of.chunk, self._decoder.coding(data)

    def _data(self, number: int) -> bytes:
        count, offset = int(self._directory.counts[number]), int(self._directory.offsets[number])
        if not 0 < count <= self._most_bytes or offset <= 0:
            raise OddChunk(f"{count} bytes at {offset}")
        data = self._file.read(offset, count)
        if len(data) < count:
            raise DamagedChunk("the file ends early")
        return data

    def _reference(self, number: int, smaller: int = 1) -> np.ndarray:
        """Return a chunk as the other reader reads it, with the means of its pixels where it is to be smaller."""
        (x, y), (width, height) = self._corner(number), self._directory.chunk
        if smaller == 1:
            return self._stored.read(self._level, x, y, width, height)
        margin = smaller
        region = self._stored.read(self._level, x - margin, y - margin, width + 2 * margin, height + 2 * margin)
        first = margin - smaller * self.shift(smaller)
        box = (first, first, first + width, first + height)
        small = (width // smaller, height // smaller)
        return np.asarray(Image.fromarray(region).resize(small, Image.Resampling.BOX, box))

    def _corner(self, number: int) -> tuple[int, int]:
        width, height = self._directory.chunk
        return number % self._directory.across * width, number // self._directory.across * height


class ChunkFile:
    """A file that several threads read pieces of."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, offset: int, length: int) -> bytes:
        """Return so many bytes from there, fewer at the end of the file."""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, offset)
        with self._lock:  # Windows
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)


def open_levels(path: Path, stored: StoredLevels, directories: Sequence[TiffDirectory]) -> dict[int, ChunkedLevel]:
    """Return the levels of a TIFF that can be decoded straight from its chunks, by their number.

    Parameters
    ----------
    path
        The file.
    stored
        All its levels, as another reader reads them.
    directories
        Where the chunks of its pictures lie.
    """
    try:
        source = ChunkFile(path)
    except OSError:
        return {}
    trusted: dict[Hashable, bool] = {}
    found: dict[int, ChunkedLevel] = {}
    for number, (size, chunk) in enumerate(zip(stored.sizes, stored.chunks, strict=True)):
        fitting = [directory for directory in directories if _fits(directory, size, chunk)]
        if len(fitting) != 1:
            continue
        if decoder := _decoder(source, fitting[0]):
            level = ChunkedLevel(source, fitting[0], decoder, stored, number, trusted)
            if level.is_proven():
                found[number] = level
    return found


def _decoder(source: ChunkFile, directory: TiffDirectory) -> ChunkDecoder | None:
    """Return a decoder for a picture, judged by one of its richest chunks that is not damaged."""
    for number in _richest(directory):
        sample = source.read(int(directory.offsets[number]), min(int(directory.counts[number]), _SAMPLE_BYTES))
        with suppress(DamagedChunk):
            return decoder_of(directory, sample)
    return None


def _richest(directory: TiffDirectory) -> list[int]:
    """Return the numbers of the chunks with the most bytes."""
    return np.argsort(directory.counts)[: -_CANDIDATES - 1 : -1].tolist()


def _fits(directory: TiffDirectory, size: tuple[int, int], chunk: tuple[int, int]) -> bool:
    """Tell whether a directory may hold a level: of its size, or filled up to whole chunks, as Philips does."""
    filled = tuple(-(-side // step) * step for side, step in zip(size, chunk, strict=True))
    return directory.chunk == chunk and directory.size in (size, filled) and chunk[0] * chunk[1] <= _MOST_CHUNK_PX
