"""What is to be done with a slide: which slide, what was asked for, and the tiles that follow from both."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gastropath.errors import CannotReadSlide, CannotReadSpacing, UnknownSetting
from gastropath.results.card import Card
from gastropath.results.summary import SettingsRecord, SlideRecord
from gastropath.slides.block_reader import WAY_OF_READING
from gastropath.slides.blocks import Selection, grid_blocks
from gastropath.slides.grid import TileGrid
from gastropath.slides.roi import read_regions
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.slides.tissue_mask import TissueMask, find_tissue

_SAMPLES, _SAMPLE_BYTES = 64, 2**16
"""Pieces of a file, evenly spaced, that stand for all of it: a slide of gigabytes is not read an extra time."""

BOUNDS: Literal["bounds"] = "bounds"
LEVEL0: Literal["level0"] = "level0"
"""Where QuPath's coordinates begin: at the bounds that a slide states, or at the corner of level 0.

QuPath crops slides that it opens by OpenSlide to their bounds, unless it is told `--no-crop` (its
`OpenslideImageServer.java`, read at commits 0e0ee19 and ddd87c1, after version 0.1.2).
"""

READING = "reading"
"""Key in a fingerprint of how tiles are read, where that was otherwise in another version."""

_MPP, _LEAST_STRIDE_UM = (0.01, 100.0), 1.0


@dataclass(frozen=True)
class SlideSettings:
    """What the user asked for.

    Attributes
    ----------
    mpp
        Micrometres per pixel of level 0; ``None`` where the file states them.
    stride_um
        From one tile to the next; ``None`` for tiles that touch.
    mask
        Leave glass, pen and dark borders out.
    roi
        GeoJSON with regions of interest; ``None`` for the whole slide.
    features, stamp, anndata
        Whether ``features.h5``, ``stamp.h5`` and ``tiles.h5ad`` are written.
    qupath_origin
        Where coordinates in QuPath begin: :data:`BOUNDS`, or :data:`LEVEL0`. Regions are read, and ``tiles.geojson`` is
        written, in these.
    qupath_names
        What classes are called in QuPath, by code, where they have another name there.

    Raises
    ------
    UnknownSetting
        If a number is out of range.
    """

    mpp: float | None = None
    stride_um: float | None = None
    mask: bool = True
    roi: Path | None = None
    features: bool = False
    qupath_origin: Literal["bounds", "level0"] = BOUNDS
    qupath_names: Mapping[str, str] = field(default_factory=dict)
    stamp: bool = False
    anndata: bool = False

    @property
    def needs_features(self) -> bool:
        """Whether anything that is written holds features."""
        return self.features or self.stamp or self.anndata

    def __post_init__(self) -> None:
        if self.qupath_origin not in (BOUNDS, LEVEL0):
            what = f"is {self.qupath_origin!r}; expected {BOUNDS!r} or {LEVEL0!r}"
            raise UnknownSetting(what, parameter="qupath_origin")
        low, high = _MPP
        if self.mpp is not None and not low <= self.mpp <= high:
            raise UnknownSetting(f"is {self.mpp:g}; expected {low:g} to {high:g} µm per pixel", parameter="mpp")
        if self.stride_um is not None and not _LEAST_STRIDE_UM <= self.stride_um < math.inf:
            what = f"is {self.stride_um:g}; expected at least {_LEAST_STRIDE_UM:g} µm"
            raise UnknownSetting(what, parameter="stride_um")


DEFAULTS = SlideSettings()


def qupath_origin_px(slide: Slide, origin: Literal["bounds", "level0"]) -> tuple[int, int]:
    """Return where QuPath's coordinates begin, in pixels of level 0."""
    return slide.bounds_px[:2] if slide.bounds_px is not None and origin == BOUNDS else (0, 0)


@dataclass(frozen=True)
class TiledSlide:
    """A slide with its tissue mask and the grid of its tiles; nothing is classified yet.

    Attributes
    ----------
    slide, grid, mask
        The slide, its tiles, and what covers it.
    use_mask
        Whether the mask leaves tiles out.
    origin_px
        Where QuPath's coordinates begin, in pixels of level 0.
    warnings
        What the user should know of the regions, in sentences.
    qupath_names
        What classes are called in QuPath, by code, where they have another name there.
    """

    slide: Slide
    grid: TileGrid
    mask: TissueMask
    use_mask: bool
    origin_px: tuple[int, int] = (0, 0)
    warnings: tuple[str, ...] = ()
    qupath_names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, slide: Slide, card: Card, settings: SlideSettings = DEFAULTS) -> TiledSlide:
        """Find the tissue of a slide, and lay the grid of a model over it.

        Raises
        ------
        CannotReadSpacing, CannotReadTable, MissingExtra
            See :meth:`gastropath.slides.grid.TileGrid.over` and :func:`gastropath.slides.tissue_mask.find_tissue`.
        """
        grid = TileGrid.over(slide, card.input.tile_px, card.input.mpp, settings.stride_um)
        if settings.needs_features:  # others learn from them, and have them as they are computed anywhere else
            grid = grid.unreduced(slide)
        origin = qupath_origin_px(slide, settings.qupath_origin)
        regions = read_regions(settings.roi) if settings.roi else None
        mask = find_tissue(slide, regions, origin)
        warnings = tuple(regions.warnings(slide.size_px, origin)) if regions else ()
        return cls(slide, grid, mask, settings.mask, origin, warnings, settings.qupath_names)

    def blocks(self) -> Iterator[Selection]:
        """Yield the tiles block by block, in the order of the grid."""
        fractions, reasons = self.mask.select(self.grid, np.arange(len(self.grid)), mask=self.use_mask)
        for place, numbers in enumerate(grid_blocks(self.grid)):
            why = reasons[numbers]
            names, counts = np.unique(why[why != ""], return_counts=True)
            wanted = numbers[why == ""]
            left_out = dict(zip(names.tolist(), counts.tolist(), strict=True))
            yield Selection(place, wanted, fractions[wanted], left_out)


@dataclass(frozen=True)
class SlideTask:
    """A slide to map: its file, what was asked for, and the model.

    Attributes
    ----------
    path
        The slide.
    settings
        What was asked for.
    card
        Of the model.
    """

    path: Path
    settings: SlideSettings
    card: Card

    def open(self) -> TiledSlide:
        """Open the slide, find its tissue and lay the grid.

        Raises
        ------
        CannotReadSlide, CannotReadSpacing, CannotReadTable, MissingExtra
            If the slide or the file of regions cannot be read.
        """
        slide = open_slide(self.path, self.settings.mpp)
        try:
            return TiledSlide.of(slide, self.card, self.settings)
        except CannotReadSpacing as error:
            raise error.at(self.path) from None

    @cached_property
    def record(self) -> SlideRecord:
        """What identifies this slide.

        Raises
        ------
        CannotReadSlide
            If there is no such file.
        """
        return record_of(self.path)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What the map depends on, as JSON: the content of the slide, the model, how tiles are read, the settings.

        Raises
        ------
        CannotReadSlide, CannotReadTable
            If the slide, or the file of regions, is not there.
        """
        settings = self.settings
        asked = SettingsRecord(
            mpp=settings.mpp,
            stride_um=settings.stride_um,
            mask=settings.mask,
            roi=read_regions(settings.roi).sha256 if settings.roi else None,
            features=settings.features,
            stamp=settings.stamp,
            anndata=settings.anndata,
            qupath_origin=settings.qupath_origin,
            qupath_classes=dict(settings.qupath_names),
        )
        return {
            "slide": self.record.model_dump(),
            "model": self.card.files.get("model.tflite", ""),
            READING: WAY_OF_READING,
            "settings": asked.model_dump(),
        }

    @property
    def found_in(self) -> str:
        """See :func:`found_in_of`."""
        return found_in_of(self.path)


def found_in_of(path: Path) -> str:
    """Return the name of the folder that a slide lies in, and a mark of its whole path, which is nobody's business."""
    folder = Path(os.path.realpath(path)).parent  # which a link that leads to itself has, too
    return f"{folder.name} {hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def record_of(path: Path) -> SlideRecord:
    """Return what identifies a slide.

    Raises
    ------
    CannotReadSlide
        If there is no such file.
    """
    if path.is_dir():
        raise CannotReadSlide("is a folder", where=path, remedy=f"name the slides in it, e.g. {path / '*.svs'}")
    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            for number in range(_SAMPLES):
                file.seek(number * max(0, size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise CannotReadSlide(str(error.strerror or error), where=path) from None
    return SlideRecord(name=path.name, bytes=size, samples=digest.hexdigest())
