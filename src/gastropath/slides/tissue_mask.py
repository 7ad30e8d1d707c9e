"""Where a slide has tissue, and where glass, pen, dust or a dark border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from gastropath.errors import MissingExtra
from gastropath.slides.area import covered, draw, refine_shares, tiles_of_small_parts
from gastropath.slides.glass import brightest, scanned_glass
from gastropath.slides.grid import TileGrid
from gastropath.slides.ink import find_ink
from gastropath.slides.roi import Regions
from gastropath.slides.source.overview import Overview
from gastropath.slides.source.slide import Slide

UM_PER_PIXEL = 8.0
"""Resolution of the mask: fine enough for the wall of a fat cell, coarse enough for any slide."""

MIN_TISSUE = 0.25
"""Share of a tile that must be tissue."""

GLASS, SMALL, PEN, DARK, OUTSIDE = "glass", "too_small", "pen", "dark_border", "outside_roi"
"""Why a tile is left out, as tables say it."""

SENTENCES = {
    GLASS: "too little of the tile is tissue",
    SMALL: "the piece of tissue is too small: dust and specks look like it",
    PEN: "marker pen covers most of the tile",
    DARK: "a dark border covers most of the tile",
    OUTSIDE: "lies outside the regions of interest",
}
"""The same in words."""

_LEAST_STAINED = 0.08  # of a tile that is tissue with its holes: less lies beside a torn edge
_LARGE_SHARE = 0.25  # of a picture: a piece that covers so much of it is no dust, however small the picture is
_HALF = 0.5 - 1e-9  # of a tile in a region
_MOST_PX, _SHOWN_PX = 4096, 1200
_FAINT, _CLEAR, _OTHER_HUE = 5, 8, 20  # stain, or colour of any hue, beyond that of glass
_FILLED_PX = 41  # at least so wide and high is what a scanner fills
_WALL_UM, _DARKER = 1000.0, 7  # a wall is narrower than this, and darker than its surroundings by this
_CLOSED_UM, _HOLE_MM2, _CELL_MM2, _DUST_MM2, _CLEAR_SHARE = 48.0, 0.3, 0.01, 0.02, 0.02
_EDGE_PX = 2
_BAND = 256  # rows at a time, where all at once would take much memory
_AT_A_TIME = 2**18  # tiles: arrays on the way to their shares take ten times the memory of their numbers
_BLACK, _COLOURLESS = 70, 30


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
    stained
        Tissue without the holes and gaps in it.
    small
        Pieces that are too small to be taken for tissue.
    roi
        Regions of interest; everywhere where none are given: ``bool``, shape (h, w).
    area
        The same as a geometry of Shapely, in pixels of level 0; ``None`` where none are given.
    """

    overview: Overview
    scale: tuple[float, float]
    tissue: np.ndarray
    pen: np.ndarray
    dark: np.ndarray
    stained: np.ndarray
    small: np.ndarray
    roi: np.ndarray
    area: Any = None

    def select(self, grid: TileGrid, numbers: np.ndarray, *, mask: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Select the tiles to classify: those of which at least half lies in a region, and one for each smaller region.

        Where the overview could not be read there may be tissue: such tiles are tried, and refused then.

        Parameters
        ----------
        grid, numbers
            The tiles.
        mask
            Leave glass, pen and dark borders out; otherwise only what lies outside the regions of interest.

        Returns
        -------
        fractions
            Share of each tile that is tissue, shape (n,).
        reasons
            Why a tile is left out, as text; empty where it is not.
        """
        covers = (self.tissue, self.pen, self.dark, self.stained, self.small, self.roi, self.overview.lost)
        tissue, pen, dark, stained, small, roi, lost = (self._shares(cover, grid, numbers) for cover in covers)
        lacking = np.select([pen > 0.5, dark > 0.5, small >= _LEAST_STAINED], [PEN, DARK, SMALL], GLASS)
        bare = np.flatnonzero(stained + lost < _LEAST_STAINED)
        bare = bare[~self._are_among_walls(grid.rectangles(numbers[bare]), stained[bare])]
        left_out = tissue + lost < MIN_TISSUE
        left_out[bare] = True
        left_out &= mask
        outside = roi < 0.5
        if self.area is not None:
            outside = refine_shares(self.area, roi, grid.rectangles(numbers)) < _HALF
            outside &= ~np.isin(numbers, tiles_of_small_parts(self.area, grid, numbers[~outside]))
        reasons = np.where(outside, OUTSIDE, np.where(left_out, lacking, ""))
        return tissue, reasons

    def _shares(self, cover: np.ndarray, grid: TileGrid, numbers: np.ndarray) -> np.ndarray:
        """Return the covered share of each tile."""
        parts = range(0, len(numbers), _AT_A_TIME)
        return covered(cover, self.scale, (grid.rectangles(numbers[n : n + _AT_A_TIME]) for n in parts))

    def _are_among_walls(self, rectangles: np.ndarray, stained: np.ndarray) -> np.ndarray:
        """Tell which tiles with little stain lie in large cells of fat, and not in the gaps of a torn edge.

        They have some, and places of their size on all four sides have enough: walls of fat go on all around, while a
        shred goes one way, and has glass beside it.
        """
        among = stained >= _LEAST_STAINED / 2
        for way in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            beside = np.concatenate([rectangles[:, :2] + np.array(way) * rectangles[:, 2:], rectangles[:, 2:]], axis=1)
            among &= covered(self.stained, self.scale, [beside]) >= _LEAST_STAINED
        return among

    def picture(self, slide: Slide) -> np.ndarray:
        """Draw the mask over its slide: tissue outlined, the rest veiled, and pen, dark border and damage coloured."""
        overview = slide.overview(max(_SHOWN_PX, *self.tissue.shape))
        tissue, pen, dark, roi = (
            _resized(cover, overview.lost.shape) for cover in (self.tissue, self.pen, self.dark, self.roi)
        )
        edge, shown = tissue & ~_eroded(tissue), np.empty_like(overview.pixels)
        for top in range(0, len(shown), _BAND):  # numbers with fractions take four times the memory
            rows = slice(top, top + _BAND)
            part = overview.pixels[rows].astype(np.float32)
            part[~tissue[rows]] = part[~tissue[rows]] * 0.45 + 255 * 0.55
            part[edge[rows]] = (0, 114, 178)
            part[pen[rows]] = part[pen[rows]] * 0.4 + np.array((213, 94, 0)) * 0.6
            part[dark[rows]] = part[dark[rows]] * 0.4 + np.array((240, 228, 66)) * 0.6
            part[overview.lost[rows]] = (204, 121, 167)
            part[~roi[rows]] = part[~roi[rows]] * 0.5
            shown[rows] = part
        return shown


def find_tissue(slide: Slide, roi: Regions | None = None, origin_px: tuple[int, int] = (0, 0)) -> TissueMask:
    """Find tissue on a slide.

    Both stains of H&E absorb green most, so tissue is where green is weaker than red and blue, compared with the
    brightest part of the slide. Darkness alone says nothing: vignettes, coverslips and bubbles are dark too. Beside
    stain, narrow structures that are darker than their surroundings are tissue: the pale walls of fat cells. They are
    joined, and what they enclose is filled; a tile of which hardly anything is stained lies beside a torn edge.
    A border is dark and without colour, specks smaller than 0.02 mm² are dust,
    and marker pen is found by :func:`gastropath.slides.ink.find_ink`.

    Parameters
    ----------
    slide
        Of any size.
    roi
        Regions of interest; outside, nothing is classified.
    origin_px
        Where in level 0 their coordinates begin.

    Raises
    ------
    CannotReadTable
        If none of the regions lies on the slide.
    MissingExtra
        If SciPy is not installed.
    """
    try:
        from scipy import ndimage
    except ImportError:
        raise MissingExtra("finding tissue", "slides", "scipy") from None
    area = roi.on(slide.size_px, origin_px) if roi else None
    width, height = slide.size_px
    longer_px = max(width * slide.spacing.x, height * slide.spacing.y) / UM_PER_PIXEL
    overview = slide.overview(int(min(_MOST_PX, max(64, longer_px))))
    pixels, whole = overview.pixels, ~overview.lost
    scale = (width / pixels.shape[1], height / pixels.shape[0])
    um = (scale[0] * slide.spacing.x + scale[1] * slide.spacing.y) / 2
    # Whole numbers of 16 bits: the overview of a large slide has ten million pixels.
    red, green, blue = (_smoothed(pixels[..., i]) for i in range(3))
    colour = np.maximum(np.maximum(red, green), blue)
    dark = colour < 9 * _BLACK
    colour -= np.minimum(np.minimum(red, green), blue)  # in ninths of a grey value
    dark &= colour < 9 * _COLOURLESS
    mean = red + green
    mean += blue  # in 27ths
    stain = red - green
    stain += blue
    stain -= green  # in 18ths
    filler = (pixels.min(axis=2) == 255) & whole
    filler = ndimage.minimum_filter(filler, _FILLED_PX)  # no white within a fat cell
    filler = ndimage.maximum_filter(filler, _FILLED_PX)
    if scanned := scanned_glass(mean, stain, colour, filler, ndimage):
        of_glass, tint, grey = scanned
        beside = np.asarray(ndimage.binary_dilation(filler, iterations=2), bool)
        mean[beside] = round(27 * grey)  # beside it glass is no dark wall
    else:
        of_glass, tint = brightest(*(of.ravel() if whole.all() else of[whole] for of in (mean, stain, colour)))
    dark = np.asarray(ndimage.binary_opening(dark, iterations=2), bool)
    coloured = (stain > 18 * (of_glass + _FAINT)) | (colour > 9 * (tint + _OTHER_HUE))
    pen = find_ink(red, green, blue, ~coloured & ~dark, um, ndimage)
    del red, green, blue, colour
    faint = coloured | (ndimage.grey_closing(mean, 2 * [round(_WALL_UM / um)]) - mean > 27 * _DARKER)
    covered = np.asarray(ndimage.binary_dilation(dark, iterations=2), bool) | pen
    stained = faint & ~covered
    tissue, small = _joined(stained, (stain > 18 * (of_glass + _CLEAR)) & ~covered, um, ndimage)
    wanted = np.ones(tissue.shape, bool) if area is None else draw(area, scale, tissue.shape)
    tissue &= ~pen & ~dark & whole
    return TissueMask(overview, scale, tissue, pen, dark, stained & tissue, small & ~pen & ~dark, wanted, area)


def _smoothed(channel: np.ndarray) -> np.ndarray:
    """Add up each pixel and its eight neighbours: ``int16``, nine times the mean."""
    padded = np.pad(channel, 1, "edge")
    across = padded[:, :-2].astype(np.int16)
    across += padded[:, 1:-1]
    across += padded[:, 2:]
    found = across[:-2] + across[1:-1]
    found += across[2:]
    return found


def _counts(labels: np.ndarray, n: int, where: np.ndarray | None = None) -> np.ndarray:
    """Count the pixels of each label, in bands: counting makes the labels twice as large."""
    counts = np.zeros(n + 1, np.int64)
    for top in range(0, len(labels), _BAND):
        rows = slice(top, top + _BAND)
        counts += np.bincount((labels[rows] if where is None else labels[rows][where[rows]]).ravel(), minlength=n + 1)
    return counts


def _joined(faint: np.ndarray, clear: np.ndarray, um: float, ndimage) -> tuple[np.ndarray, np.ndarray]:
    """Close gaps, fill holes, and drop veils without any part that is clearly tissue, and specks; return these too."""
    steps = max(1, round(_CLOSED_UM / um / 2))
    padded = np.pad(faint, steps)
    closed = ndimage.binary_closing(padded, ndimage.generate_binary_structure(2, 2), iterations=steps)
    closed = closed[steps:-steps, steps:-steps]
    pixel_mm2 = um * um / 1e6
    holes, n = ndimage.label(~closed)
    if n:
        sizes = _counts(holes, n) * pixel_mm2
        edges = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
        small = sizes < _HOLE_MM2
        small[edges[sizes[edges] >= _CELL_MM2]] = False  # open to what lies beyond the picture, and no cut fat cell
        small[0] = False
        closed |= small[holes]
    parts, n = ndimage.label(closed, np.ones((3, 3)))
    small = np.zeros_like(closed)
    if n:
        sizes, clearly = _counts(parts, n), _counts(parts, n, clear)
        large = (sizes * pixel_mm2 >= _DUST_MM2) | (sizes >= _LARGE_SHARE * closed.size)
        clear_enough = clearly >= _CLEAR_SHARE * sizes
        large[0] = clear_enough[0] = False
        closed, small = (large & clear_enough)[parts], (clear_enough & ~large)[parts] & closed
    return closed, small


def _resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.NEAREST))


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Remove what lies within :data:`_EDGE_PX` pixels of the edge."""
    for _ in range(_EDGE_PX):
        padded = np.pad(mask, 1)
        mask = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask
