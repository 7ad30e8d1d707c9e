"""A slide: its size, its resolution, and its pixels at any level."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from gastropath.errors import CannotReadImage, CannotReadSlide, GastroPathError, in_words
from gastropath.slides.source.header import PICTURE, read_header
from gastropath.slides.source.overview import Box, Overview
from gastropath.slides.source.picture import open_picture, require_brightfield
from gastropath.slides.source.pyramid import Pyramid
from gastropath.slides.source.spacing import Spacing

_CHECKED_PX = 512
"""Longer side of what is looked at to tell a brightfield slide."""


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
    smaller
        How many times smaller than stored each level can be read, 1 first: JPEG and JPEG 2000 are decoded at a lower
        resolution in less time.
    kind
        Who wrote it, for the record.
    bounds_px
        Left, top, width and height of the scanned part in pixels of level 0, where the file states them: QuPath shows
        nothing else of the slide.
    """

    path: Path
    size_px: tuple[int, int]
    spacing: Spacing
    downsamples: tuple[tuple[float, float], ...]
    smaller: tuple[tuple[int, ...], ...]
    kind: str
    bounds_px: Box | None

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int, smaller: int = 1) -> np.ndarray:
        """Read pixels of a level.

        Parameters
        ----------
        level
            Of the pyramid.
        x_px, y_px
            Upper left corner in pixels of the level; may lie outside.
        width, height
            In pixels of the level too.
        smaller
            One of those that the level has in ``smaller``: then all these are pixels of the level made so many times
            smaller, and the last ones, which the level does not fill, may hold anything.

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

    def shift(self, level: int, smaller: int) -> float:
        """Return where a place lies on a level that is read smaller: so many pixels behind the place divided by that.

        It is 0 where each pixel is the mean of those that it stands for, as of JPEG, and 0.25 to 0.5 where it is that
        of the first of them and its surroundings, as of the wavelets of JPEG 2000.
        """
        ...

    def overview(self, most_px: int) -> Overview:
        """Return the whole slide, at most ``most_px`` pixels long."""
        ...


def open_slide(path: Path, mpp: float | None = None, *, check_brightfield: bool = True) -> Slide:
    """Open a slide that OpenSlide reads, or a plain image.

    Parameters
    ----------
    path
        A file; for formats of several files, the one that OpenSlide documents.
    mpp
        Micrometres per pixel of level 0, where the file does not state them or is wrong.
    check_brightfield
        Read the whole slide once, small, and refuse what is not a brightfield picture.

    Raises
    ------
    CannotReadSlide
        If it is not a slide or an image, is damaged, or is not a brightfield picture.
    CannotReadSpacing
        If its micrometres per pixel are not known.
    MissingExtra
        If OpenSlide is not installed.
    """
    if not path.is_file():
        raise CannotReadSlide("no such file", where=path)
    try:
        header = read_header(path)
        if header.reader == PICTURE:
            return open_picture(path, path.name, mpp)
        slide = Pyramid.open(path, header, mpp)
        if check_brightfield:
            require_brightfield(slide.overview(_CHECKED_PX).pixels)
        return slide
    except CannotReadImage as error:
        raise CannotReadSlide(
            f"{error.reason}; OpenSlide does not recognise it as a slide either", where=path
        ) from None
    except GastroPathError as error:
        raise error.at(path) from None
    except Exception as error:  # a parser that met the file a second time
        raise CannotReadSlide(f"is a damaged slide: {in_words(error)}", where=path) from None
