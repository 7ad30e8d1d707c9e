"""A slide of several levels, whose chunks are decoded straight from the file where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from gastropath.slides.source.chunked_level import open_levels
from gastropath.slides.source.header import TIFF, Header
from gastropath.slides.source.likeness import shows
from gastropath.slides.source.openslide_levels import OpenSlideLevels
from gastropath.slides.source.overview import Box, Overview, read_overview
from gastropath.slides.source.spacing import find_spacing
from gastropath.slides.source.stored_levels import StoredLevels
from gastropath.slides.source.tiff_layout import check_no_scene
from gastropath.slides.source.tiff_levels import TiffLevels

DRAWN, _DRAWN_MARK = "synthetic", "GastroPath synthetic slide"
"""Kind of a slide that `gastropath demo` has drawn, and what its image description says."""


class Pyramid:
    """A slide of several levels; see :class:`gastropath.slides.source.slide.Slide`."""

    def __init__(self, path: Path, stored: StoredLevels, header: Header, mpp: float | None) -> None:
        self.path = path
        self._stored = _only_slide(stored, header)
        properties, sizes = stored.properties, self._stored.sizes
        self.size_px = sizes[0]
        self.bounds_px = _bounds(properties)
        drawn = _DRAWN_MARK in properties.get("tiff.ImageDescription", "")
        self.kind = DRAWN if drawn else stored.kind
        self.spacing = find_spacing({**properties, **header.properties}, mpp)
        self.downsamples = tuple(_downsample(self.size_px, size) for size in sizes)
        self._direct = open_levels(path, self._stored, header.directories) if stored.kind in _IN_CHUNKS else {}
        self.smaller = tuple(
            self._direct[level].smaller if level in self._direct else (1,) for level in range(len(sizes))
        )
        self._overview: Overview | None = None

    @classmethod
    def open(cls, path: Path, header: Header, mpp: float | None) -> Pyramid:
        """Open a slide whose header was read before.

        Raises
        ------
        CannotReadSlide
            If its tiles or strips are too large, or it holds another scene.
        CannotReadSpacing
            If its micrometres per pixel are not known.
        Exception
            Of the parser, if it has changed since.
        """
        if header.reader == TIFF:
            assert header.layout is not None
            return cls(path, TiffLevels(path, header.layout.levels), header, mpp)
        import openslide

        return cls(path, OpenSlideLevels(path, openslide.OpenSlide(str(path)), header.levels), header, mpp)

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int, smaller: int = 1) -> np.ndarray:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        if level in self._direct:
            return self._direct[level].read(x_px, y_px, width, height, smaller)
        return self._stored.read(level, x_px, y_px, width, height)

    def shift(self, level: int, smaller: int) -> float:
        """See :class:`gastropath.slides.source.slide.Slide`."""
        return self._direct[level].shift(smaller) if level in self._direct else 0.0

    def overview(self, most_px: int) -> Overview:
        """See :class:`gastropath.slides.source.slide.Slide`. A slide without a pyramid is only read once."""
        if self._overview is None or max(self._overview.lost.shape) < min(most_px, max(self.size_px)):
            large = max(most_px, _OVERVIEW_PX)
            choices = ((level, times) for level, all_times in enumerate(self.smaller) for times in all_times)
            sides = {(level, times): max(self._stored.sizes[level]) / times for level, times in choices}
            level, times = min((of for of in sides if sides[of] >= large), key=sides.__getitem__, default=(0, 1))
            (width, height), chunk = self._stored.sizes[level], self._stored.chunks[level]
            self._overview = read_overview(
                partial(self.read, level, smaller=times),
                (max(1, width // times), max(1, height // times)),
                (chunk[0] // times, chunk[1] // times),
                large,
            )
        return self._overview.shrunk(most_px)


_OVERVIEW_PX = 2048
"""Longer side of the overview that smaller ones are made from."""

_IN_CHUNKS = ("generic-tiff", "aperio", "philips", "TIFF")
"""Formats in which each level is a picture of a TIFF, its chunks side by side."""


def _only_slide(stored: StoredLevels, header: Header) -> StoredLevels:
    """Leave out levels that do not show the slide, though they have its shape.

    Levels that are a slide's own pages (SubIFDs), and those of scanners' formats, are what they are said to be; any
    other picture of a TIFF may be a macro photograph, a label or another scene.
    """
    if header.layout is None:
        return stored
    doubtful = {page.size: page for page in header.layout.levels[1:] if len(page.place) == 1}
    kept = [0]
    for level, size in enumerate(stored.sizes[1:], start=1):
        if size not in doubtful or shows(stored, kept[-1], level):
            kept.append(level)
        else:
            check_no_scene(header.layout.main, doubtful[size])
    return stored if len(kept) == len(stored.sizes) else stored.only(kept)


def _bounds(properties: Mapping[str, str]) -> Box | None:
    """Return the bounds that a slide states: all four of them, as QuPath takes them."""
    try:
        x, y, width, height = (int(properties[f"openslide.bounds-{side}"]) for side in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return None
    return x, y, width, height


def _downsample(full: tuple[int, int], level: tuple[int, int]) -> tuple[float, float]:
    """Return the downsample of a level: a whole number where its size fits one, cut off or rounded up."""
    ratios = [whole / part for whole, part in zip(full, level, strict=True)]
    step = round(ratios[0])
    if all(abs(whole / step - part) < 1 for whole, part in zip(full, level, strict=True)):
        return (float(step), float(step))
    return (ratios[0], ratios[1])
