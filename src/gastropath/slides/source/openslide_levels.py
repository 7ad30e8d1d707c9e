"""The levels of a slide as OpenSlide reads them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion, in_words

_CHUNK_PX = 256
"""Side of a chunk where a format does not state it."""

_EXACT_PX = 0.001
"""A shift up to which pixels are not resampled."""


class OpenSlideLevels:
    """Reads a slide by OpenSlide; may be shared by threads.

    Attributes
    ----------
    sizes, chunks
        Width and height in pixels of each level, and of the chunks that it is compressed in.
    properties
        What OpenSlide says of the slide.
    """

    def __init__(self, path: Path, handle, levels: Sequence[int]) -> None:
        """Keep a handle, and the numbers that OpenSlide has for the levels that show the slide."""
        self._path, self._levels = path, levels
        self.properties: Mapping[str, str] = dict(handle.properties)
        self.sizes: tuple[tuple[int, int], ...] = tuple(handle.level_dimensions[level] for level in levels)
        self.chunks = tuple(_chunk(self.properties, level) for level in levels)
        self._downsamples: tuple[float, ...] = tuple(handle.level_downsamples[level] for level in levels)
        self._of_thread = threading.local()
        self._of_thread.handle = handle

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        """Read pixels of a level: ``uint8`` RGB, white where there is no slide.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        try:
            # OpenSlide takes a place at level 0, and divides it by its own number, one for both axes, to find it here.
            own = self._downsamples[level]
            place = (round(x_px * own), round(y_px * own))
            image = self._handle().read_region(place, self._levels[level], (width, height))
        except Exception as error:  # OpenSlide's own, or what its binding makes of an odd answer
            self._of_thread.handle = None
            raise CannotReadRegion(f"cannot be read: {in_words(error)}") from None
        return np.asarray(_on_white(image))

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
