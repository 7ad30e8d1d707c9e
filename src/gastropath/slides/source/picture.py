"""A picture without a pyramid, held in memory: from a file, or from bytes that never touch the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.decoding import decode_picture, header
from gastropath.errors import CannotReadImage, CannotReadSlide, in_words
from gastropath.slides.source.header import check_picture
from gastropath.slides.source.overview import Box, Overview
from gastropath.slides.source.spacing import Spacing, find_spacing

MAX_PICTURE_PIXELS = 200_000_000
"""Pixels of a picture, which is decoded whole and takes four bytes a pixel."""


class Picture:
    """A picture as a slide of one level; see :class:`gastropath.slides.source.slide.Slide`."""

    def __init__(self, path: Path, image: Image.Image, spacing: Spacing) -> None:
        self.path, self.spacing, self.kind = path, spacing, "plain image"
        self.size_px = image.size
        self.bounds_px: Box | None = None
        self.downsamples = ((1.0, 1.0),)
        self.smaller = ((1,),)
        self._image = image

    def __reduce__(self) -> tuple[Callable[..., Picture], tuple[Path, np.ndarray, Spacing]]:
        return _of_pixels, (self.path, np.asarray(self._image), self.spacing)  # decoded in another process

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int, smaller: int = 1) -> np.ndarray:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        found = Image.new("RGB", (width, height), "white")
        top, bottom = max(0, y_px), min(self.size_px[1], y_px + height)
        left, right = max(0, x_px), min(self.size_px[0], x_px + width)
        if top < bottom and left < right:
            found.paste(self._image.crop((left, top, right, bottom)), (left - x_px, top - y_px))
        return np.asarray(found)

    def shift(self, level: int, smaller: int) -> float:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        return 0.0

    def overview(self, most_px: int) -> Overview:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        return Overview.of(self._image, most_px)


def _of_pixels(path: Path, pixels: np.ndarray, spacing: Spacing) -> Picture:
    return Picture(path, Image.fromarray(pixels), spacing)


def open_picture(
    source: Path | bytes, name: str, mpp: float | None = None, *, max_pixels: int = MAX_PICTURE_PIXELS
) -> Picture:
    """Decode a picture.

    Parameters
    ----------
    source
        A file, or the content of one.
    name
        For the record.
    mpp
        Micrometres per pixel, where the file does not state them or is wrong.
    max_pixels
        With more it is refused before it is decoded.

    Raises
    ------
    CannotReadImage
        If it is not a picture, is damaged or too large. This and the other errors do not say where: call ``at``.
    CannotReadSlide
        If it is not a brightfield picture.
    CannotReadSpacing
        If its micrometres per pixel are not known.
    """
    if isinstance(source, bytes):  # a file has been looked at before
        check_picture(source)
    image = decode_picture(source, max_pixels=max_pixels)
    require_brightfield(np.asarray(image.resize((128, 128), Image.Resampling.BOX)))
    return Picture(Path(name), image, picture_spacing(source, mpp))


def picture_spacing(source: Path | bytes, mpp: float | None = None) -> Spacing:
    """Find the micrometres per pixel of a picture; no pixel is decoded.

    Raises
    ------
    CannotReadImage
        If it is not a picture.
    CannotReadSpacing
        If they are not known.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        with file, header(file, MAX_PICTURE_PIXELS) as image:
            if image.format == "TIFF":
                tags = image.getexif()
                unit = {2: "inch", 3: "centimeter"}.get(tags.get(296, 2), "")
                x, y = tags.get(282), tags.get(283)
            else:
                (x, y), unit = image.info.get("dpi", (None, None)), "inch"
    except Exception as error:  # Pillow reports damage as almost any type
        raise CannotReadImage(f"is not a picture, or damaged: {in_words(error)}") from None
    return find_spacing({"tiff.XResolution": str(x), "tiff.YResolution": str(y), "tiff.ResolutionUnit": unit}, mpp)


def require_brightfield(thumbnail: np.ndarray) -> None:
    """Refuse a picture with a dark background: the stains of a brightfield slide lie on white glass.

    Raises
    ------
    CannotReadSlide
        If nearly all of it is dark.
    """
    grey = thumbnail.mean(axis=2)
    if np.median(grey) < 40 and (grey > 200).mean() < 0.01 and grey.max() > 0:
        raise CannotReadSlide(
            f"has a dark background (median grey level {np.median(grey):.0f} of 255), as a fluorescence image "
            "has; expected a brightfield slide"
        )
