"""The levels of a TIFF that OpenSlide does not read, or not all of: tiles or strips are decoded one by one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion, CannotReadSlide
from gastropath.slides.source.tiff_pages import TiffPage

MOST_CHUNK_PIXELS = 200_000_000
"""Pixels of a tile or strip, which is decoded whole."""

_KEPT_BYTES = 96 * 2**20
"""Decoded tiles and strips that are kept for the next read; the last one is kept whatever its size."""

_YCBCR_JPEG_2000 = 33003


class TiffLevels:
    """Reads a slide by tifffile; see :class:`gastropath.slides.source.stored_levels.StoredLevels`."""

    def __init__(self, path: Path, pages: Sequence[TiffPage]) -> None:
        """Open it.

        Parameters
        ----------
        path
            The file.
        pages
            The slide and its smaller copies.

        Raises
        ------
        CannotReadSlide
            If its tiles or strips are too large to be decoded.
        """
        if pages[0].chunk[0] * pages[0].chunk[1] > MOST_CHUNK_PIXELS:
            width, height = pages[0].chunk
            what = f"is one piece of {width:,} x {height:,} pixels, more than the {MOST_CHUNK_PIXELS:,} allowed"
            raise CannotReadSlide(what, remedy="save it as a tiled TIFF")
        self.kind = "TIFF"
        self.properties: Mapping[str, str] = {}
        self._keep([_Level(path, page) for page in pages if page.chunk[0] * page.chunk[1] <= MOST_CHUNK_PIXELS])

    def _keep(self, levels: Sequence[_Level]) -> None:
        self._levels = levels
        self.sizes = tuple(level.page.size for level in levels)
        self.chunks = tuple(level.page.chunk for level in levels)

    def only(self, levels: Sequence[int]) -> TiffLevels:
        """See :class:`gastropath.slides.source.stored_levels.StoredLevels`."""
        kept = copy(self)
        kept._keep([self._levels[number] for number in levels])
        return kept

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        """See :class:`gastropath.slides.source.stored_levels.StoredLevels`."""
        return self._levels[level].read(x_px, y_px, width, height)

    def is_exact(self, level: int, x_px: int, y_px: int) -> bool:
        """See :class:`gastropath.slides.source.stored_levels.StoredLevels`."""
        return True


class _Level:
    """A page of a TIFF, decoded piece by piece; may be shared by threads."""

    def __init__(self, path: Path, page: TiffPage) -> None:
        import tifffile

        self.page = page
        self._tiff = tifffile.TiffFile(path)
        found: Any = self._tiff.pages[page.place[0]]
        for number in page.place[1:]:
            found = found.pages[number]
        self._page = found
        self._across, self._down = (-(-side // piece) for side, piece in zip(page.size, page.chunk, strict=True))
        self._planes = page.samples if page.is_planar else 1
        self._offsets, self._counts = found.dataoffsets, found.databytecounts
        self._lock = threading.Lock()
        self._decoded: OrderedDict[int, np.ndarray | None] = OrderedDict()
        self._bytes = 0

    def read(self, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        canvas = np.full((height, width, 3), 255, np.uint8)
        across, down = self.page.chunk
        right, bottom = min(x_px + width, self.page.size[0]), min(y_px + height, self.page.size[1])
        left, top = max(0, x_px), max(0, y_px)
        for row in range(top // down, -(-bottom // down) if bottom > top else 0):
            for column in range(left // across, -(-right // across) if right > left else 0):
                pixels = self._piece(row * self._across + column)
                if pixels is None:
                    continue
                x, y = column * across, row * down
                x0, y0 = max(x, left), max(y, top)
                x1, y1 = min(x + pixels.shape[1], right), min(y + pixels.shape[0], bottom)
                if x1 > x0 and y1 > y0:
                    canvas[y0 - y_px : y1 - y_px, x0 - x_px : x1 - x_px] = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
        return canvas

    def _piece(self, number: int) -> np.ndarray | None:
        """Return a decoded tile or strip as RGB, shape (h, w, 3); ``None`` where the file has none."""
        with self._lock:
            if number in self._decoded:
                self._decoded.move_to_end(number)
                return self._decoded[number]
        try:
            pixels = self._decode(number)
        except Exception as error:  # tifffile and its codecs report damage as almost any type
            raise CannotReadRegion(f"cannot be read: {' '.join(str(error).split())[:200]}") from None
        with self._lock:
            self._decoded[number] = pixels
            self._bytes = sum(kept.nbytes for kept in self._decoded.values() if kept is not None)
            while self._bytes > _KEPT_BYTES and len(self._decoded) > 1:
                _, gone = self._decoded.popitem(last=False)
                self._bytes -= gone.nbytes if gone is not None else 0
        return pixels

    def _decode(self, number: int) -> np.ndarray | None:
        planes = []
        for plane in range(self._planes):
            index = plane * self._across * self._down + number
            if index >= len(self._counts) or not self._counts[index]:
                return None
            with self._lock:
                self._tiff.filehandle.seek(self._offsets[index])
                data = self._tiff.filehandle.read(self._counts[index])
            if len(data) < self._counts[index]:
                raise ValueError("the file ends before the picture does")
            pixels = self._page.decode(data, index, jpegtables=self._page.jpegtables)[0]
            if pixels is None:
                return None
            planes.append(pixels.reshape(*pixels.shape[-3:]))
        pixels = np.concatenate(planes, axis=-1)
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        if pixels.dtype != np.uint8 or pixels.shape[-1] not in (3, 4):
            raise ValueError(f"holds {pixels.dtype} of {pixels.shape[-1]} values a pixel")
        if self.page.compression == _YCBCR_JPEG_2000:
            size = (pixels.shape[1], pixels.shape[0])
            return np.asarray(Image.frombytes("YCbCr", size, pixels[..., :3].tobytes()).convert("RGB"))
        return pixels[..., :3]
