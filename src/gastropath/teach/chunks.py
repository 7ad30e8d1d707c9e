"""Square pictures of a slide at every zoom, as a browser asks for them while it is panned."""

from __future__ import annotations

import io
import math
from collections import OrderedDict
from threading import Lock

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.images import encode_png
from gastropath.slides.source.slide import Slide

CHUNK_PX = 512
"""Side of a picture. Pages show it at half the size and less, so that it is sharp on every screen."""

_QUALITY = 85
_COARSER = 1.001
_MOST_TIMES = 4
"""How many times finer than asked for the level may be that a picture is made from; else the overview is taken."""

_OVERVIEW_PX = 4096
_MOST_BYTES = 64 * 2**20
_DAMAGED = (150, 130, 170)

JPEG, WEBP, PNG = "image/jpeg", "image/webp", "image/png"
_NOTHING = encode_png(Image.new("RGBA", (1, 1)))


def zooms(size_px: tuple[int, int]) -> int:
    """Return the zoom at which a pixel of a picture is one of level 0; at zoom 0 the slide fits into one picture.

    Examples
    --------
    >>> zooms((4096, 3000)), zooms((300, 200))
    (3, 0)
    """
    return max(0, math.ceil(math.log2(max(size_px) / CHUNK_PX)))


class Chunks:
    """The pictures of a slide, the last ones of which are kept; may be shared by threads.

    At zoom z a picture shows ``CHUNK_PX * 2 ** (zooms - z)`` pixels of level 0; columns and rows count from the upper
    left corner.
    """

    def __init__(self, slide: Slide, most_bytes: int = _MOST_BYTES) -> None:
        """Serve a slide; ``most_bytes`` is the room that finished pictures may take."""
        self._slide, self._most_bytes = slide, most_bytes
        self._kept: OrderedDict[tuple[int, int, int], tuple[bytes, str]] = OrderedDict()
        self._bytes = 0
        self._lock, self._overview_lock = Lock(), Lock()
        self.zooms = zooms(slide.size_px)

    def encoded(self, zoom: int, column: int, row: int) -> tuple[bytes, str]:
        """Return a picture as a file, and its media type; nothing is seen in one where there is no slide.

        Bokeh asks for those too, also at a zoom that there is not, and asks again where there is no answer.
        """
        where = (zoom, column, row)
        with self._lock:
            if where in self._kept:
                self._kept.move_to_end(where)
                return self._kept[where]
        pixels = self.pixels(zoom, column, row)
        if pixels is None:
            return _NOTHING, PNG
        done = _encoded(pixels)
        with self._lock:
            if where not in self._kept:
                self._kept[where] = done
                self._bytes += len(done[0])
            while self._bytes > self._most_bytes:
                _, (dropped, _) = self._kept.popitem(last=False)
                self._bytes -= len(dropped)
        return done

    def pixels(self, zoom: int, column: int, row: int) -> np.ndarray | None:
        """Return a picture as ``uint8`` RGB, ``CHUNK_PX`` square or less where the slide ends; ``None`` beyond it."""
        if not 0 <= zoom <= self.zooms or column < 0 or row < 0:
            return None
        down = 2 ** (self.zooms - zoom)
        left, top = column * CHUNK_PX * down, row * CHUNK_PX * down
        across, below = (size - first for size, first in zip(self._slide.size_px, (left, top), strict=True))
        if across <= 0 or below <= 0:
            return None
        size = tuple(min(CHUNK_PX, max(1, math.ceil(rest / down))) for rest in (across, below))
        box = (left, top, left + size[0] * down, top + size[1] * down)
        try:
            return self._read(box, (size[0], size[1]), down)
        except CannotReadRegion:
            return np.full((size[1], size[0], 3), _DAMAGED, np.uint8)

    def _read(self, box: tuple[int, int, int, int], size: tuple[int, int], down: int) -> np.ndarray:
        """Return a box of level 0, ``down`` times smaller, from the coarsest level that is at least as fine."""
        slide = self._slide
        choices = [(level, times) for level, all_times in enumerate(slide.smaller) for times in all_times]
        steps = {(level, times): max(slide.downsamples[level]) * times for level, times in choices}
        fits = [of for of in choices if steps[of] <= down * _COARSER]
        level, times = max(fits, key=lambda of: (steps[of], of[0]))  # of equals the one that is stored smallest
        if down / steps[level, times] > _MOST_TIMES:
            with self._overview_lock:  # read once, whoever asks
                overview = slide.overview(_OVERVIEW_PX).pixels
            scale = [whole / part for whole, part in zip(slide.size_px, overview.shape[1::-1], strict=True)]
            if max(scale) <= down * _MOST_TIMES:
                return _resized(overview, [edge / scale[i % 2] for i, edge in enumerate(box)], size)
        scale = [step * times for step in slide.downsamples[level]]
        shift = slide.shift(level, times)
        inside = [edge / scale[i % 2] + shift for i, edge in enumerate(box)]
        left, top = max(0, math.floor(inside[0])), max(0, math.floor(inside[1]))
        right, bottom = math.ceil(inside[2]), math.ceil(inside[3])
        block = slide.read(level, left, top, right - left, bottom - top, times)
        return _resized(block, [inside[0] - left, inside[1] - top, inside[2] - left, inside[3] - top], size)


def _resized(pixels: np.ndarray, box: list[float], size: tuple[int, int]) -> np.ndarray:
    """Return a box of a picture at a size; the part of the box that lies beyond the picture repeats its edge."""
    height, width = pixels.shape[:2]
    low = (min(max(0.0, box[0]), width - 1e-3), min(max(0.0, box[1]), height - 1e-3))
    high = (min(float(width), max(box[2], low[0] + 1e-3)), min(float(height), max(box[3], low[1] + 1e-3)))
    if (*low, *high) == (0, 0, *size) and size == (width, height):
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=(*low, *high), reducing_gap=2.0))


def _encoded(pixels: np.ndarray) -> tuple[bytes, str]:
    """Encode a picture; one at the edge is filled up with nothing, which JPEG does not know."""
    file, image = io.BytesIO(), Image.fromarray(pixels)
    if image.size == (CHUNK_PX, CHUNK_PX):
        image.save(file, "JPEG", quality=_QUALITY)
        return file.getvalue(), JPEG
    whole = Image.new("RGBA", (CHUNK_PX, CHUNK_PX))
    whole.paste(image.convert("RGBA"), (0, 0))
    whole.save(file, "WEBP", quality=_QUALITY, method=2)
    return file.getvalue(), WEBP
