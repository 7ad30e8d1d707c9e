"""The levels of a slide as OpenSlide reads them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion, in_words

_CHUNK_PX = 256
"""Side of a chunk where a format does not state it."""

_SAMPLE = 8
"""Chunks that are tried one by one where a read fails; if all of them are damaged, the others are not tried."""

_EXACT_PX = 0.001
"""A shift up to which pixels are not resampled."""


class OpenSlideLevels:
    """Reads a slide by OpenSlide; see :class:`gastropath.slides.source.stored_levels.StoredLevels`."""

    def __init__(self, path: Path, handle, levels: Sequence[int]) -> None:
        """Keep a handle, and the numbers that OpenSlide has for the levels that show the slide."""
        self._path, self._levels = path, levels
        self.properties: Mapping[str, str] = dict(handle.properties)
        self.kind = self.properties.get("openslide.vendor", "OpenSlide")
        self.sizes: tuple[tuple[int, int], ...] = tuple(handle.level_dimensions[level] for level in levels)
        self.chunks = tuple(_chunk(self.properties, level) for level in levels)
        self._downsamples: tuple[float, ...] = tuple(handle.level_downsamples[level] for level in levels)
        self._damaged: dict[tuple[int, int, int], str] = {}
        self._of_thread = threading.local()
        self._of_thread.handle = handle

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        """Read pixels of a level: ``uint8`` RGB, white where there is no slide.

        A chunk that is damaged is looked for once and never asked for again, because after damage the whole slide has
        to be opened anew.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        touched = self._touched(level, x_px, y_px, width, height)
        if known := next(filter(None, map(self._damaged.get, touched)), None):
            raise CannotReadRegion(known)
        try:
            return self._read(level, x_px, y_px, width, height)
        except CannotReadRegion as error:
            self._find_damage(touched, error.what)
            raise

    def _touched(self, level: int, x_px: int, y_px: int, width: int, height: int) -> list[tuple[int, int, int]]:
        """Return level, column and row of the chunks that a read touches."""
        (across, down), (right, bottom) = self.chunks[level], self.sizes[level]
        columns = range(max(0, x_px) // across, -(-min(right, x_px + width) // across))
        rows = range(max(0, y_px) // down, -(-min(bottom, y_px + height) // down))
        return [(level, column, row) for row in rows for column in columns]

    def _find_damage(self, touched: Sequence[tuple[int, int, int]], reason: str) -> None:
        """Find out which of some chunks are damaged; all of them, where it is every one of a sample."""
        step = max(1, len(touched) // _SAMPLE)
        for first in range(step):
            sample = touched[first::step]
            damaged = [chunk for chunk in sample if not self._is_sound(chunk)]
            self._damaged |= dict.fromkeys(damaged, reason)
            if first == 0 and len(damaged) == len(sample):
                self._damaged |= dict.fromkeys(touched, reason)
                return

    def _is_sound(self, chunk: tuple[int, int, int]) -> bool:
        level, column, row = chunk
        (across, down), (right, bottom) = self.chunks[level], self.sizes[level]
        x, y = column * across, row * down
        try:
            self._read(level, x, y, min(across, right - x), min(down, bottom - y))
        except CannotReadRegion:
            return False
        return True

    def _read(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        try:
            # OpenSlide takes a place at level 0, and divides it by its own number, one for both axes, to find it here.
            own = self._downsamples[level]
            place = (round(x_px * own), round(y_px * own))
            image = self._handle().read_region(place, self._levels[level], (width, height))
        except Exception as error:  # OpenSlide's own, or what its binding makes of an odd answer
            self._of_thread.handle = None
            raise CannotReadRegion(f"cannot be read: {in_words(error)}") from None
        return np.asarray(_on_white(image))

    def only(self, levels: Sequence[int]) -> OpenSlideLevels:
        """See :class:`gastropath.slides.source.stored_levels.StoredLevels`."""
        kept = copy(self)
        kept._damaged = {}
        kept._levels, kept._downsamples = [self._levels[i] for i in levels], tuple(self._downsamples[i] for i in levels)
        kept.sizes, kept.chunks = tuple(self.sizes[i] for i in levels), tuple(self.chunks[i] for i in levels)
        return kept

    def is_exact(self, level: int, x_px: int, y_px: int) -> bool:
        """Tell whether OpenSlide reads pixels from this place on as they are stored, without resampling them."""
        own = self._downsamples[level]
        return all(abs(round(px * own) / own - px) < _EXACT_PX for px in (x_px, y_px))

    def _handle(self):
        """Return the handle of this thread: after damage a handle reads nothing any more, for all who share it."""
        import openslide

        if getattr(self._of_thread, "handle", None) is None:
            self._of_thread.handle = openslide.OpenSlide(str(self._path))
        return self._of_thread.handle


def _chunk(properties: Mapping[str, str], level: int) -> tuple[int, int]:
    """Return width and height of the chunks that a level is compressed in."""
    width, height = (
        int(properties.get(f"openslide.level[{level}].tile-{side}", _CHUNK_PX)) for side in ("width", "height")
    )
    return width, height


def _on_white(image: Image.Image) -> Image.Image:
    """Lay an RGBA picture on white. Nearly all are opaque, and are not copied more often than necessary."""
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page
