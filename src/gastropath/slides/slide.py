"""A slide: its size, its resolution, and its pixels at any level."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

from PIL import Image

from gastropath.errors import CannotReadImage, CannotReadRegion, CannotReadSlide, CannotReadSpacing, MissingExtra
from gastropath.slides.overview import Overview, read_overview
from gastropath.slides.picture import check_brightfield, open_picture
from gastropath.slides.spacing import Spacing, find_spacing
from gastropath.slides.tiled_jpeg import TiledJpeg

DRAWN, _DRAWN_MARK = "synthetic", "GastroPath synthetic slide"
"""Kind of a slide that `gastropath demo` has drawn, and what its image description says."""


class Slide(Protocol):
    """What every kind of slide offers; may be shared by threads.

    Attributes
    ----------
    path
        The file.
    size_px
        Width and height at level 0.
    spacing
        Micrometres per pixel at level 0.
    downsamples
        How many pixels of level 0 a pixel of each level is wide and high: the first is (1, 1).
    kind
        Who wrote it, for the record.
    """

    path: Path
    size_px: tuple[int, int]
    spacing: Spacing
    downsamples: tuple[tuple[float, float], ...]
    kind: str

    def region(self, level: int, x_px: int, y_px: int, width: int, height: int) -> Image.Image:
        """Read pixels of a level.

        Parameters
        ----------
        level
            Of the pyramid.
        x_px, y_px
            Upper left corner in pixels of the level; may lie outside.
        width, height
            In pixels of the level too.

        Returns
        -------
        PIL.Image.Image
            RGB, of this width and height; white where there is no slide.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        ...

    def overview(self, most_px: int) -> Overview:
        """Return the whole slide, at most ``most_px`` pixels long."""
        ...


def open_slide(path: Path, mpp: float | None = None, *, look: bool = True) -> Slide:
    """Open a slide that OpenSlide knows, or a plain image.

    Parameters
    ----------
    path
        A file; for formats of several files the one that OpenSlide documents.
    mpp
        Micrometres per pixel of level 0, where the file does not tell or is wrong.
    look
        Read the whole slide once, small, and refuse what is no brightfield picture.

    Raises
    ------
    CannotReadSlide
        If it is no slide or image, is damaged, or is no brightfield picture.
    CannotReadSpacing
        If its micrometres per pixel are not known.
    MissingExtra
        If OpenSlide is not installed.
    """
    try:
        import openslide
    except ImportError:
        raise MissingExtra("reading slides", "slides", "openslide") from None
    if not path.is_file():
        raise CannotReadSlide(f"{path}: there is no such file")
    try:
        handle = openslide.OpenSlide(str(path))
    except openslide.OpenSlideUnsupportedFormatError:
        handle = None
    except (openslide.OpenSlideError, OSError) as error:
        raise CannotReadSlide(f"{path}: is a slide, but damaged: {error}") from None
    try:
        if handle is None:
            return open_picture(path, path.name, mpp)
        slide = _Pyramid(path, handle, mpp)
        if look:
            check_brightfield(slide.overview(512).pixels)
        return slide
    except CannotReadImage as error:
        raise CannotReadSlide(f"{path}: {error}; it is no slide that OpenSlide knows either") from None
    except (CannotReadSlide, CannotReadSpacing) as error:
        raise type(error)(f"{path}: {error}") from None


class _Pyramid:
    """A slide that OpenSlide reads."""

    def __init__(self, path: Path, handle, mpp: float | None) -> None:
        self.path = path
        self.size_px: tuple[int, int] = handle.dimensions
        drawn = _DRAWN_MARK in handle.properties.get("tiff.ImageDescription", "")
        self.kind = DRAWN if drawn else handle.properties.get("openslide.vendor", "OpenSlide")
        self.spacing = find_spacing(handle.properties, mpp)
        self._sizes = handle.level_dimensions
        self.downsamples = tuple(_downsample(self.size_px, size) for size in self._sizes)
        self._downsamples = handle.level_downsamples
        self._chunks = tuple(_chunk(handle.properties, level) for level in range(len(self._sizes)))
        self._plain = handle.properties.get("openslide.vendor") in _ONE_PICTURE_A_LEVEL
        self._of_thread = threading.local()
        self._of_thread.handle = handle
        self._overview: Overview | None = None

    def region(self, level: int, x_px: int, y_px: int, width: int, height: int) -> Image.Image:
        """See :class:`Slide`."""
        import openslide

        try:
            # OpenSlide takes a place at level 0, and divides it by its own number, one for both axes, to find it here.
            own = self._downsamples[level]
            image = self._handle().read_region((round(x_px * own), round(y_px * own)), level, (width, height))
        except (openslide.OpenSlideError, OSError, ValueError) as error:
            self._of_thread.handle = None
            raise CannotReadRegion(f"cannot be read: {' '.join(str(error).split())}") from None
        return _on_white(image)

    def overview(self, most_px: int) -> Overview:
        """See :class:`Slide`. A slide without a pyramid is only read once."""
        if self._overview is None or max(self._overview.lost.shape) < min(most_px, max(self.size_px)):
            large = max(most_px, _OVERVIEW_PX)
            level = next((i for i in range(len(self._sizes) - 1, -1, -1) if max(self._sizes[i]) >= large), 0)
            small = TiledJpeg.open(self.path, self.size_px, large) if level == 0 and self._plain else None
            if small:
                with closing(small):
                    self._overview = read_overview(small.region, small.size, small.chunk, large)
            else:
                of_level = partial(self.region, level)
                self._overview = read_overview(of_level, self._sizes[level], self._chunks[level], large)
        return self._overview.fitted(most_px)

    def _handle(self):
        """Return this thread's handle: one that has met damage answers nothing any more, to nobody who shares it."""
        import openslide

        if getattr(self._of_thread, "handle", None) is None:
            self._of_thread.handle = openslide.OpenSlide(str(self.path))
        return self._of_thread.handle


_OVERVIEW_PX = 2048
"""Longer side of the overview that smaller ones are made of."""

_ONE_PICTURE_A_LEVEL = ("generic-tiff", "aperio")
"""Formats whose first picture is all of level 0."""

_CHUNK_PX = 256
"""Side of a chunk where a format does not tell."""


def _chunk(properties: Mapping[str, str], level: int) -> tuple[int, int]:
    """Return width and height of what a level is compressed in."""
    width, height = (
        int(properties.get(f"openslide.level[{level}].tile-{side}", _CHUNK_PX)) for side in ("width", "height")
    )
    return width, height


def _downsample(full: tuple[int, int], level: tuple[int, int]) -> tuple[float, float]:
    """Return how much smaller a level is: the whole number where its size is that of one, cut off or rounded up."""
    ratios = [whole / part for whole, part in zip(full, level, strict=True)]
    step = round(ratios[0])
    if all(abs(whole / step - part) < 1 for whole, part in zip(full, level, strict=True)):
        return (float(step), float(step))
    return (ratios[0], ratios[1])


def _on_white(image: Image.Image) -> Image.Image:
    """Lay an RGBA picture on white. Nearly all are opaque, and none is copied more often than it must be."""
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page
