"""A slide: its size, its resolution, and its pixels at any level."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from gastropath.cluster import cores, each
from gastropath.errors import CannotReadImage, CannotReadRegion, CannotReadSlide, CannotReadSpacing, MissingExtra
from gastropath.images import decode

MAX_PLAIN_PIXELS = 178_000_000
"""Pixels of an image without a pyramid, which is decoded whole: as many as Pillow opens."""

_CREDIBLE_MPP = (0.05, 20.0)
"""Micrometres per pixel that a resolution tag is believed: 72 or 300 dots an inch are an editor's habit, no scale."""

_UM_PER_UNIT = {"centimeter": 10_000.0, "centimetre": 10_000.0, "cm": 10_000.0, "inch": 25_400.0}


@dataclass(frozen=True)
class Spacing:
    """Micrometres per pixel of level 0, across and down, and where the values come from."""

    x: float
    y: float
    source: str


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

    def region(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
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
        numpy.ndarray
            ``uint8`` RGB, shape (height, width, 3); white where there is no slide.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        ...

    def thumbnail(self, most_px: int) -> np.ndarray:
        """Return the whole slide as ``uint8`` RGB, at most ``most_px`` pixels long; white where it is damaged."""
        ...


def open_slide(path: Path, mpp: float | None = None) -> Slide:
    """Open a slide that OpenSlide knows, or a plain image.

    Parameters
    ----------
    path
        A file; for formats of several files the one that OpenSlide documents.
    mpp
        Micrometres per pixel of level 0, where the file does not tell or is wrong.

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
        return _plain(path, mpp)
    except (openslide.OpenSlideError, OSError) as error:
        raise CannotReadSlide(f"{path}: is a slide, but damaged: {error}") from None
    return _Pyramid(path, handle, mpp)


class _Pyramid:
    """A slide that OpenSlide reads."""

    def __init__(self, path: Path, handle, mpp: float | None) -> None:
        self.path = path
        self.size_px: tuple[int, int] = handle.dimensions
        self.kind = handle.properties.get("openslide.vendor", "OpenSlide")
        self.spacing = _spacing(path, handle.properties, mpp)
        self._sizes = handle.level_dimensions
        self.downsamples = tuple(_downsample(self.size_px, size) for size in self._sizes)
        self._downsamples = handle.level_downsamples
        self._of_thread = threading.local()
        self._of_thread.handle = handle
        self._overview: np.ndarray | None = None
        _check_brightfield(path, self.thumbnail(512))

    def region(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        """See :class:`Slide`."""
        import openslide

        try:
            # OpenSlide takes a place at level 0, and divides it by its own number, one for both axes, to find it here.
            own = self._downsamples[level]
            image = self._handle().read_region((round(x_px * own), round(y_px * own)), level, (width, height))
        except (openslide.OpenSlideError, OSError, ValueError) as error:
            self._of_thread.handle = None
            raise CannotReadRegion(f"cannot be read: {' '.join(str(error).split())}") from None
        return _on_white(np.asarray(image))

    def thumbnail(self, most_px: int) -> np.ndarray:
        """See :class:`Slide`. A slide without a pyramid is only read once."""
        if self._overview is None or max(self._overview.shape) < min(most_px, max(self.size_px)):
            self._overview = self._shrunken(max(most_px, _OVERVIEW_PX))
        return _fitted(self._overview, most_px)

    def _shrunken(self, most_px: int) -> np.ndarray:
        level = next((i for i in range(len(self._sizes) - 1, -1, -1) if max(self._sizes[i]) >= most_px), 0)
        width, height = self._sizes[level]
        scale = min(1.0, most_px / max(width, height))
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = Image.new("RGB", small, "white")
        band = max(1, round(_BAND_PIXELS / width))

        def shrunken(top: int) -> tuple[int, Image.Image] | None:
            low, high = round(top * scale), round(min(top + band, height) * scale)
            if high == low:
                return None
            try:
                pixels = self.region(level, 0, top, width, min(band, height - top))
            except CannotReadRegion:
                return None
            return low, Image.fromarray(pixels).resize((small[0], high - low), Image.Resampling.BOX)

        for strip in each(shrunken, range(0, height, band), workers=min(cores(), _MOST_BANDS)):
            if strip:
                picture.paste(strip[1], (0, strip[0]))
        return np.asarray(picture)

    def _handle(self):
        """Return this thread's handle: one that has met damage answers nothing any more, to nobody who shares it."""
        import openslide

        if getattr(self._of_thread, "handle", None) is None:
            self._of_thread.handle = openslide.OpenSlide(str(self.path))
        return self._of_thread.handle


_BAND_PIXELS, _MOST_BANDS = 16_000_000, 2
"""Pixels of a band read for a thumbnail, and bands read at a time, so that memory does not grow with the slide."""

_OVERVIEW_PX = 2048
"""Longer side of the thumbnail that smaller ones are made of."""


class _Plain:
    """An image without a pyramid, held in memory."""

    def __init__(self, path: Path, pixels: np.ndarray, spacing: Spacing) -> None:
        self.path, self.spacing, self.kind = path, spacing, "plain image"
        self.size_px = (pixels.shape[1], pixels.shape[0])
        self.downsamples = ((1.0, 1.0),)
        self._pixels = pixels

    def region(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        """See :class:`Slide`."""
        found = np.full((height, width, 3), 255, np.uint8)
        rows = slice(max(0, y_px), min(self.size_px[1], y_px + height))
        columns = slice(max(0, x_px), min(self.size_px[0], x_px + width))
        if rows.start < rows.stop and columns.start < columns.stop:
            part = self._pixels[rows, columns]
            found[rows.start - y_px : rows.stop - y_px, columns.start - x_px : columns.stop - x_px] = part
        return found

    def thumbnail(self, most_px: int) -> np.ndarray:
        """See :class:`Slide`."""
        return _fitted(self._pixels, most_px)


def _fitted(pixels: np.ndarray, most_px: int) -> np.ndarray:
    """Shrink a picture until its longer side is at most ``most_px``."""
    image = Image.fromarray(pixels)
    scale = min(1.0, most_px / max(image.size))
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(small, Image.Resampling.BOX))


def _plain(path: Path, mpp: float | None) -> Slide:
    _check_channels(path)
    try:
        pixels = decode(path, max_pixels=MAX_PLAIN_PIXELS)
    except CannotReadImage as error:
        raise CannotReadSlide(f"{path}: {error}; it is no slide that OpenSlide knows either") from None
    _check_brightfield(path, np.asarray(Image.fromarray(pixels).resize((128, 128), Image.Resampling.BOX)))
    return _Plain(path, pixels, _spacing(path, _resolution_tags(path), mpp))


def _spacing(path: Path, properties: Mapping[str, str], mpp: float | None) -> Spacing:
    """Find micrometres per pixel: as given, as the scanner wrote it, or from a resolution tag that can be believed."""
    if mpp is not None:
        return Spacing(mpp, mpp, "given")
    low, high = _CREDIBLE_MPP
    x, y = _number(properties.get("openslide.mpp-x")), _number(properties.get("openslide.mpp-y"))
    if x and y and low <= x <= high and low <= y <= high:
        generic = properties.get("openslide.vendor") == "generic-tiff"
        return Spacing(x, y, "resolution tag" if generic else "slide header")
    unit = _UM_PER_UNIT.get(str(properties.get("tiff.ResolutionUnit", "")).lower())
    x, y = _number(properties.get("tiff.XResolution")), _number(properties.get("tiff.YResolution"))
    if unit and x and y and low <= unit / x <= high and low <= unit / y <= high:
        return Spacing(unit / x, unit / y, "resolution tag")
    raise CannotReadSpacing(
        f"{path}: does not tell its micrometres per pixel; give them, e.g. --mpp 0.5 (about 0.25 at 40x, 0.5 at 20x, "
        "1 at 10x)"
    )


def _downsample(full: tuple[int, int], level: tuple[int, int]) -> tuple[float, float]:
    """Return how much smaller a level is: the whole number where its size is that of one, cut off or rounded up."""
    ratios = [whole / part for whole, part in zip(full, level, strict=True)]
    step = round(ratios[0])
    if all(abs(whole / step - part) < 1 for whole, part in zip(full, level, strict=True)):
        return (float(step), float(step))
    return (ratios[0], ratios[1])


def _number(text: object) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _resolution_tags(path: Path) -> dict[str, str]:
    """Return the resolution that a plain image carries, named as in a TIFF."""
    with Image.open(path) as image:
        if image.format == "TIFF":
            tags = image.getexif()
            unit = {2: "inch", 3: "centimeter"}.get(tags.get(296, 2), "")
            return {"tiff.XResolution": str(tags.get(282)), "tiff.YResolution": str(tags.get(283)),
                    "tiff.ResolutionUnit": unit}  # fmt: skip
        x, y = image.info.get("dpi", (None, None))
        return {"tiff.XResolution": str(x), "tiff.YResolution": str(y), "tiff.ResolutionUnit": "inch"}


def _check_channels(path: Path) -> None:
    """Refuse what has channels instead of colours, in words."""
    try:
        import tifffile
    except ImportError:
        return
    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            shape = dict(zip(series.axes, series.shape, strict=False))
    except (tifffile.TiffFileError, OSError, ValueError, IndexError, KeyError):
        return
    channels = shape.get("C", 1)
    if channels > 1 and shape.get("S", 1) == 1:
        raise CannotReadSlide(
            f"{path}: has {channels} channels of {series.dtype}, as a fluorescence image has; expected a brightfield "
            "slide in RGB"
        )


def _check_brightfield(path: Path, thumbnail: np.ndarray) -> None:
    """Refuse a picture on a dark ground: every stain of a brightfield slide lies on white glass."""
    grey = thumbnail.mean(axis=2)
    if np.median(grey) < 40 and (grey > 200).mean() < 0.01 and grey.max() > 0:
        raise CannotReadSlide(
            f"{path}: lies on a dark ground (median grey level {np.median(grey):.0f} of 255), as a fluorescence image "
            "does; expected a brightfield slide"
        )


def _on_white(pixels: np.ndarray) -> np.ndarray:
    """Lay RGBA pixels on white."""
    alpha = pixels[..., 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(pixels[..., :3])
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
