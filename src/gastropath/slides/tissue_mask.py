"""Where there is tissue on a slide, and where glass, pen, dust or a dark border."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gastropath.errors import CannotReadTable, MissingExtra
from gastropath.slides.grid import TileGrid
from gastropath.slides.ink import find_ink
from gastropath.slides.overview import Overview
from gastropath.slides.slide import Slide

UM_PER_PIXEL = 8.0
"""Resolution of the mask: fine enough for the wall of a fat cell, coarse enough for any slide."""

MIN_TISSUE = 0.25
"""Share of a tile that must be tissue."""

GLASS, PEN, DARK, OUTSIDE = "glass", "pen", "dark_border", "outside_region"
"""Why a tile is left out, as tables say it."""

SENTENCES = {
    GLASS: "too little of the tile is tissue",
    PEN: "marker pen covers most of the tile",
    DARK: "a dark border covers most of the tile",
    OUTSIDE: "lies outside the regions asked for",
}
"""The same in words."""

_MOST_PX, _SHOWN_PX = 4096, 1200
_FAINT, _CLEAR, _OTHER_HUE = 5, 8, 20  # of stain, or of any colour, more than glass has
_GLASS_STAIN, _GLASS_TINT = 8, 20  # most that glass has
_WALL_UM, _DARKER = 1000.0, 7  # what is narrower than this, and so much darker than what lies beside it
_CLOSED_UM, _HOLE_MM2, _CELL_MM2, _DUST_MM2, _CLEAR_SHARE = 48.0, 0.3, 0.01, 0.02, 0.02
_EDGE_PX = 2
_BLACK, _COLOURLESS, _BRIGHT = 70, 30, 190


@dataclass(frozen=True)
class TissueMask:
    """What covers a slide, on its overview.

    Attributes
    ----------
    overview
        The slide, shape (h, w).
    scale
        Pixels of level 0 to one of the overview, across and down.
    tissue, pen, dark
        ``bool``, shape (h, w).
    region
        Where tiles are wanted: ``bool``, shape (h, w).
    """

    overview: Overview
    scale: tuple[float, float]
    tissue: np.ndarray
    pen: np.ndarray
    dark: np.ndarray
    region: np.ndarray

    def judge(self, grid: TileGrid, numbers: np.ndarray, *, everything: bool) -> tuple[np.ndarray, np.ndarray]:
        """Tell which tiles to classify. What the overview lost may be tissue: its tiles are tried, and then refused.

        Parameters
        ----------
        grid, numbers
            The tiles.
        everything
            Take glass, pen and border too, within the region.

        Returns
        -------
        fractions
            Share of each tile that is tissue, shape (n,).
        reasons
            Why a tile is left out, as text; empty where it is not.
        """
        rectangles = grid.rectangles(numbers)
        covers = (self.tissue, self.pen, self.dark, self.region, self.overview.lost)
        tissue, pen, dark, region, lost = (self._shares(cover, rectangles) for cover in covers)
        lacking = np.select([pen > 0.5, dark > 0.5], [PEN, DARK], GLASS)
        left_out = (tissue + lost < MIN_TISSUE) & (not everything)
        reasons = np.where(region < 0.5, OUTSIDE, np.where(left_out, lacking, ""))
        return tissue, reasons

    def _shares(self, cover: np.ndarray, rectangles: np.ndarray) -> np.ndarray:
        """Return the covered share of each rectangle, from sums over the mask."""
        sums = np.pad(cover.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        height, width = cover.shape
        x0 = np.clip(np.floor(rectangles[:, 0] / self.scale[0]).astype(int), 0, width - 1)
        y0 = np.clip(np.floor(rectangles[:, 1] / self.scale[1]).astype(int), 0, height - 1)
        x1 = np.clip(np.ceil((rectangles[:, 0] + rectangles[:, 2]) / self.scale[0]).astype(int), x0 + 1, width)
        y1 = np.clip(np.ceil((rectangles[:, 1] + rectangles[:, 3]) / self.scale[1]).astype(int), y0 + 1, height)
        covered = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
        return covered / ((x1 - x0) * (y1 - y0))

    def picture(self, slide: Slide) -> np.ndarray:
        """Lay the mask over its slide: tissue outlined, what is none veiled, and pen, border and damage coloured."""
        overview = slide.overview(max(_SHOWN_PX, *self.tissue.shape))
        tissue, pen, dark, region = (
            _resized(cover, overview.lost.shape) for cover in (self.tissue, self.pen, self.dark, self.region)
        )
        shown = overview.pixels.astype(np.float32)
        shown[~tissue] = shown[~tissue] * 0.45 + 255 * 0.55
        edge = tissue & ~_eroded(tissue)
        shown[edge] = (0, 114, 178)
        shown[pen] = shown[pen] * 0.4 + np.array((213, 94, 0)) * 0.6
        shown[dark] = shown[dark] * 0.4 + np.array((240, 228, 66)) * 0.6
        shown[overview.lost] = (204, 121, 167)
        shown[~region] = shown[~region] * 0.5
        return shown.astype(np.uint8)


def find_tissue(slide: Slide, roi: Path | None = None) -> TissueMask:
    """Find tissue on a slide.

    Both stains of H&E absorb green most, so tissue is where green lacks beside red and blue, compared with the
    brightest part of the slide; darkness alone says nothing, for vignettes, coverslips and bubbles are dark too. Where
    there is stain, narrow things darker than what lies beside them belong to it: pale walls of fat cells. They are
    joined, and what they enclose is filled. A border is dark and without colour, specks smaller than 0.02 mm² are dust,
    and marker pen is found by :func:`gastropath.slides.ink.find_ink`.

    Parameters
    ----------
    slide
        Of any size.
    roi
        GeoJSON with polygons in pixels of level 0, as QuPath writes it; outside, nothing is classified.

    Raises
    ------
    CannotReadTable
        If the GeoJSON holds no polygon.
    MissingExtra
        If SciPy is not installed.
    """
    try:
        from scipy import ndimage
    except ImportError:
        raise MissingExtra("finding tissue", "slides", "scipy") from None
    width, height = slide.size_px
    wanted = max(width * slide.spacing.x, height * slide.spacing.y) / UM_PER_PIXEL
    overview = slide.overview(int(min(_MOST_PX, max(64, wanted))))
    pixels, whole = overview.pixels, ~overview.lost
    scale = (width / pixels.shape[1], height / pixels.shape[0])
    um = (scale[0] * slide.spacing.x + scale[1] * slide.spacing.y) / 2
    colours = np.stack(
        [ndimage.uniform_filter(pixels[..., i].astype(np.float32), 3, mode="nearest") for i in range(3)], axis=-1
    )
    highest, mean = colours.max(axis=2), colours.mean(axis=2)
    colour = highest - colours.min(axis=2)
    stain = (colours[..., 0] + colours[..., 2]) / 2 - colours[..., 1]
    of_glass, tint = _of_glass(mean[whole], stain[whole], colour[whole])
    dark = (highest < _BLACK) & (colour < _COLOURLESS)
    dark = np.asarray(ndimage.binary_opening(dark, iterations=2), bool)
    coloured = (stain > of_glass + _FAINT) | (colour > tint + _OTHER_HUE)
    pen = find_ink(colours, ~coloured & ~dark, um, ndimage)
    faint = coloured | (ndimage.grey_closing(mean, 2 * [round(_WALL_UM / um)]) - mean > _DARKER)
    covered = np.asarray(ndimage.binary_dilation(dark, iterations=2), bool) | pen
    tissue = _joined(faint & ~covered, (stain > of_glass + _CLEAR) & ~covered, um, ndimage)
    region = _region(roi, scale, tissue.shape) if roi else np.ones(tissue.shape, bool)
    return TissueMask(overview, scale, tissue & ~pen & ~dark & whole, pen, dark, region)


def _of_glass(mean: np.ndarray, stain: np.ndarray, colour: np.ndarray) -> tuple[float, float]:
    """Return stain and colour of the brightest of a slide's pixels, shape (n,), as far as glass can have them."""
    bright = mean > _BRIGHT
    if bright.sum() <= 0.01 * bright.size:
        return 0.0, 3.0
    brightest = bright & (mean >= np.percentile(mean[bright], 60))
    return (
        float(np.clip(np.median(stain[brightest]), -_GLASS_STAIN, _GLASS_STAIN)),
        float(min(np.median(colour[brightest]), _GLASS_TINT)),
    )


def _joined(faint: np.ndarray, clear: np.ndarray, um: float, ndimage) -> np.ndarray:
    """Close gaps, fill holes, and drop specks and veils that are nowhere clearly tissue."""
    steps = max(1, round(_CLOSED_UM / um / 2))
    padded = np.pad(faint, steps)
    closed = ndimage.binary_closing(padded, ndimage.generate_binary_structure(2, 2), iterations=steps)
    closed = closed[steps:-steps, steps:-steps]
    pixel_mm2 = um * um / 1e6
    holes, n = ndimage.label(~closed)
    if n:
        sizes = np.bincount(holes.ravel()) * pixel_mm2
        edges = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
        small = sizes < _HOLE_MM2
        small[edges[sizes[edges] >= _CELL_MM2]] = False  # open to what lies beyond the picture, and no cut fat cell
        small[0] = False
        closed |= small[holes]
    parts, n = ndimage.label(closed, np.ones((3, 3)))
    if n:
        sizes = np.bincount(parts.ravel(), minlength=n + 1)
        clearly = np.bincount(parts.ravel(), weights=clear.ravel(), minlength=n + 1)
        keep = (sizes * pixel_mm2 >= _DUST_MM2) & (clearly >= _CLEAR_SHARE * sizes)
        keep[0] = False
        closed = keep[parts]
    return closed


def _region(roi: Path, scale: tuple[float, float], shape: tuple[int, int]) -> np.ndarray:
    canvas = Image.new("1", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    polygons = _polygons(roi)
    for polygon in polygons:
        for place, ring in enumerate(polygon):  # the first ring is the outline, the others are holes
            points = [(x / scale[0], y / scale[1]) for x, y, *_ in ring]
            pen.polygon(points, fill=1 if place == 0 else 0)
    return np.asarray(canvas)


def read_roi(roi: Path) -> str:
    """Return the text of a file with regions.

    Raises
    ------
    CannotReadTable
        If it is not there, or no text.
    """
    try:
        return roi.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise CannotReadTable(f"{roi}: cannot be read as GeoJSON: {error}") from None


def _polygons(roi: Path) -> list[list[list[list[float]]]]:
    try:
        document = json.loads(read_roi(roi))
    except ValueError as error:
        raise CannotReadTable(f"{roi}: cannot be read as GeoJSON: {error}") from None
    features = document.get("features", [document]) if isinstance(document, Mapping) else document
    found = []
    for feature in features if isinstance(features, list) else []:
        geometry = feature.get("geometry", feature) if isinstance(feature, Mapping) else {}
        coordinates = geometry.get("coordinates", []) if isinstance(geometry, Mapping) else []
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        found += [coordinates] if kind == "Polygon" else coordinates if kind == "MultiPolygon" else []
    if not found:
        raise CannotReadTable(f"{roi}: holds no Polygon or MultiPolygon; export regions from QuPath as GeoJSON")
    return found


def _resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.NEAREST))


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Take away what is within :data:`_EDGE_PX` of what is none."""
    for _ in range(_EDGE_PX):
        padded = np.pad(mask, 1)
        mask = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask
