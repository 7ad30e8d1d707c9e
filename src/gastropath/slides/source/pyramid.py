"""A slide that OpenSlide reads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from PIL import Image

from gastropath.errors import CannotReadRegion, in_words
from gastropath.slides.source.header import Header
from gastropath.slides.source.overview import Overview, read_overview
from gastropath.slides.source.spacing import find_spacing
from gastropath.slides.source.tiled_jpeg import TiledJpeg

DRAWN, _DRAWN_MARK = "synthetic", "GastroPath synthetic slide"
"""Kind of a slide that `gastropath demo` has drawn, and what its image description says."""


class Pyramid:
    """A slide of several levels; see :class:`gastropath.slides.source.slide.Slide`."""

    def __init__(self, path: Path, handle, header: Header, mpp: float | None) -> None:
        self.path = path
        self.size_px: tuple[int, int] = handle.dimensions
        drawn = _DRAWN_MARK in handle.properties.get("tiff.ImageDescription", "")
        self.kind = DRAWN if drawn else handle.properties.get("openslide.vendor", "OpenSlide")
        self.spacing = find_spacing({**handle.properties, **header.properties}, mpp)
        self._levels = header.levels
        self._sizes = tuple(handle.level_dimensions[level] for level in self._levels)
        self.downsamples = tuple(_downsample(self.size_px, size) for size in self._sizes)
        self._downsamples = tuple(handle.level_downsamples[level] for level in self._levels)
        self._chunks = tuple(_chunk(handle.properties, level) for level in self._levels)
        vendor = handle.properties.get("openslide.vendor")
        self._plain = vendor in _ONE_PICTURE_A_LEVEL and header.is_known_to_tifffile
        self._of_thread = threading.local()
        self._of_thread.handle = handle
        self._overview: Overview | None = None

    @classmethod
    def open(cls, path: Path, header: Header, mpp: float | None) -> Pyramid:
        """Open a slide whose header was read before.

        Raises
        ------
        CannotReadSpacing
            If its micrometres per pixel are not known.
        openslide.OpenSlideError
            If it has changed since.
        """
        import openslide

        return cls(path, openslide.OpenSlide(str(path)), header, mpp)

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int) -> Image.Image:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        try:
            # OpenSlide takes a place at level 0, and divides it by its own number, one for both axes, to find it here.
            own = self._downsamples[level]
            place = (round(x_px * own), round(y_px * own))
            image = self._handle().read_region(place, self._levels[level], (width, height))
        except Exception as error:  # OpenSlide's own, or what its binding makes of an odd answer
            self._of_thread.handle = None
            raise CannotReadRegion(f"cannot be read: {in_words(error)}") from None
        return _on_white(image)

    def overview(self, most_px: int) -> Overview:
        """See :class:`gastropath.slides.source.slide.Slide`. A slide without a pyramid is only read once."""
        if self._overview is None or max(self._overview.lost.shape) < min(most_px, max(self.size_px)):
            large = max(most_px, _OVERVIEW_PX)
            level = next((i for i in range(len(self._sizes) - 1, -1, -1) if max(self._sizes[i]) >= large), 0)
            small = TiledJpeg.open(self.path, self.size_px, large) if level == 0 and self._plain else None
            if small:
                with closing(small):
                    self._overview = read_overview(small.read, small.size, small.chunk, large)
            else:
                of_level = partial(self.read, level)
                self._overview = read_overview(of_level, self._sizes[level], self._chunks[level], large)
        return self._overview.shrunk(most_px)

    def _handle(self):
        """Return the handle of this thread: after damage a handle reads nothing any more, for all who share it."""
        import openslide

        if getattr(self._of_thread, "handle", None) is None:
            self._of_thread.handle = openslide.OpenSlide(str(self.path))
        return self._of_thread.handle


_OVERVIEW_PX = 2048
"""Longer side of the overview that smaller ones are made from."""

_ONE_PICTURE_A_LEVEL = ("generic-tiff", "aperio")
"""Formats whose first picture is all of level 0."""

_CHUNK_PX = 256
"""Side of a chunk where a format does not state it."""


def _chunk(properties: Mapping[str, str], level: int) -> tuple[int, int]:
    """Return width and height of the chunks that a level is compressed in."""
    width, height = (
        int(properties.get(f"openslide.level[{level}].tile-{side}", _CHUNK_PX)) for side in ("width", "height")
    )
    return width, height


def _downsample(full: tuple[int, int], level: tuple[int, int]) -> tuple[float, float]:
    """Return the downsample of a level: a whole number where its size fits one, cut off or rounded up."""
    ratios = [whole / part for whole, part in zip(full, level, strict=True)]
    step = round(ratios[0])
    if all(abs(whole / step - part) < 1 for whole, part in zip(full, level, strict=True)):
        return (float(step), float(step))
    return (ratios[0], ratios[1])


def _on_white(image: Image.Image) -> Image.Image:
    """Lay an RGBA picture on white. Nearly all are opaque, and are not copied more often than necessary."""
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page
