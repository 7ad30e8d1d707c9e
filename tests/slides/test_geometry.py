"""Tiles lie where they are said to lie: at odd resolutions, on odd pyramids, and far from the origin."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawing import CODES, PALETTE, ByColour, Squares
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gastropath.errors import CannotReadSpacing
from gastropath.slides.blocks import grid_blocks
from gastropath.slides.grid import TileGrid
from gastropath.slides.mapping import MappedSlide, map_slide
from gastropath.slides.source.slide import open_slide
from gastropath.slides.task import SlideSettings, SlideTask
from gastropath.slides.tiles import read_tiles

MPP = 0.2738
SIDE = 64 * 0.5 / MPP  # pixels of level 0 in a tile: 116.87…

EVERYTHING = SlideSettings(mask=False)

CASES = {
    "one level": (Squares(2400, 1700, SIDE), (1.0,)),
    "powers of two": (Squares(2400, 1700, SIDE, 1), (1.0, 2.0, 4.0)),
    "no powers of two": (Squares(2400, 1700, SIDE, 2), (1.0, 1.7, 3.1)),
    "far from the origin": (Squares(101_500, 700, SIDE, 3), (1.0, 1.7)),
}


@pytest.fixture(scope="module", params=CASES)
def mapped(request, tmp_path_factory):
    """A slide of squares whose sides are those of the tiles, and everything the command makes of it."""
    squares, downsamples = CASES[request.param]
    folder = tmp_path_factory.mktemp("mapped")
    path = squares.write(folder / "squares.tiff", MPP, downsamples)
    classifier = ByColour()
    found = map_slide(path, folder / "out", classifier, EVERYTHING)  # pyright: ignore[reportArgumentType]
    return squares, path, found, classifier


def test_what_a_tile_has_beyond_the_slide_is_the_mirror_image_of_the_rest(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 3), np.uint8).repeat(16, 0).repeat(16, 1)  # 48 x 32 px
    path = tmp_path / "small.tiff"
    tifffile.imwrite(path, pixels, tile=(64, 64), photometric="rgb",
                     resolution=(20_000, 20_000), resolutionunit="CENTIMETER")  # fmt: skip
    slide = open_slide(path)
    grid = TileGrid.over(slide, 64, 0.5)
    (tile,) = read_tiles(slide, grid, np.array([0])).pixels
    np.testing.assert_array_equal(tile[:32, :48], pixels)
    np.testing.assert_array_equal(tile[32:, :48], pixels[::-1])
    np.testing.assert_array_equal(tile[:, 48:], tile[:, 47:31:-1])


def test_blocks_stay_small_where_tiles_overlap_much_or_are_few_pixels(tmp_path):
    path = tmp_path / "coarse.png"
    Image.new("RGB", (3000, 2000), (200, 120, 180)).save(path)
    slide = open_slide(path, 4.0)
    for grid in (TileGrid.over(slide, 224, 0.5), TileGrid.over(slide, 224, 0.5, stride_um=4)):
        sizes = [len(block) for block in grid_blocks(grid)]
        assert max(sizes) <= 256
        assert sum(sizes) == len(grid)
    with pytest.raises(CannotReadSpacing, match=r"2\.2 pixels wide"):
        TileGrid.over(open_slide(path, 50.0), 224, 0.5)


def rows_of(mapped: MappedSlide) -> list[dict[str, str]]:
    with (mapped.folder / "tiles.csv").open() as file:
        return list(csv.DictReader(file))


def features_of(mapped: MappedSlide) -> list[dict]:
    return json.loads((mapped.folder / "tiles.geojson").read_text("utf-8"))["features"]


def test_every_tile_of_the_table_lies_on_its_square_to_within_a_pixel(mapped):
    squares, path, found, classifier = mapped
    rows = rows_of(found)
    assert len(rows) == len(SlideTask(path, EVERYTHING, classifier.card).open().grid)
    for row in rows:
        x, y, width, height = (int(row[f"{name}_px"]) for name in ("x", "y", "width", "height"))
        column, line = round(x / SIDE), round(y / SIDE)
        assert abs(x - column * SIDE) <= 0.5
        assert abs(y - line * SIDE) <= 0.5
        assert abs(x + width - min((column + 1) * SIDE, squares.width)) <= 0.5
        assert abs(y + height - min((line + 1) * SIDE, squares.height)) <= 0.5
        if min(width, height) > SIDE / 2:
            assert row["predicted_label"] == CODES[squares.colours[line, column]]


def test_what_the_model_sees_is_one_square_to_within_a_pixel(mapped):
    """Away from the three outermost pixels of its 64, which two filters mix with the neighbours, it has one colour."""
    _, _, found, classifier = mapped
    seen = np.concatenate(classifier.seen)
    rows = [row for row in rows_of(found) if int(row["width_px"]) > SIDE - 1 and int(row["height_px"]) > SIDE - 1]
    assert rows
    inner = seen[:, 3:-3, 3:-3].reshape(len(seen), -1, 3)
    gaps = np.abs(inner[:, :, None].astype(int) - PALETTE).max(axis=(1, 3))  # to each colour; seams cost a grey level
    pure = gaps.min(axis=1) <= 2
    assert pure.sum() >= len(rows)


def test_polygons_drawn_over_the_slide_by_other_software_have_its_colours(mapped):
    _, path, found, _ = mapped
    with tifffile.TiffFile(path) as tiff:
        level = tiff.pages[0].asarray(out="memmap")
    for feature in features_of(found):
        ring = np.array(feature["geometry"]["coordinates"][0])
        (x0, y0), (x1, y1) = ring.min(axis=0), ring.max(axis=0)
        under = level[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].reshape(-1, 3)
        if min(x1 - x0, y1 - y0) <= SIDE / 2:
            continue
        assert (under == feature["properties"]["classification"]["color"]).all()


def test_the_overlay_is_neither_shifted_nor_mirrored(mapped):
    squares, path, found, classifier = mapped
    overlay = np.asarray(Image.open(found.folder / "overlay.png")).astype(int)
    thumbnail = SlideTask(path, EVERYTHING, classifier.card).open().slide.overview(2000).pixels
    scale = squares.width / thumbnail.shape[1]
    checked = 0
    for feature in features_of(found):
        ring = np.array(feature["geometry"]["coordinates"][0])
        along = 0.2 if np.ptp(ring[:, 0]) / scale > 40 else 0.5  # the code of a large tile stands in its middle
        x, y = (int(place) for place in ((1 - along) * ring[0] + along * ring[2]) / scale)
        if min(np.ptp(ring, axis=0)) <= SIDE / 2 or y >= thumbnail.shape[0]:
            continue
        colour = np.array(feature["properties"]["classification"]["color"])
        expected = thumbnail[y, x] * 0.55 + colour * 0.45
        checked += bool(np.abs(overlay[y, x] - expected).max() <= 4)
    assert checked == sum(min(np.ptp(f["geometry"]["coordinates"][0], axis=0)) > SIDE / 2 for f in features_of(found))


def test_areas_add_up_to_the_slide(mapped):
    squares, _, found, _ = mapped
    areas, spacing = found.summary.area_mm2, found.summary.mpp
    total = sum(areas.classes.values()) + areas.abstained
    assert total == pytest.approx(squares.width * squares.height * MPP**2 / 1e6, rel=1e-4)
    assert spacing.source == "resolution tag"
    assert spacing.x == pytest.approx(MPP, rel=1e-4)


class Sized:
    """A slide that has only a size and a resolution."""

    def __init__(self, size, mpp, downsamples):
        from gastropath.slides.source.spacing import Spacing

        self.size_px, self.spacing = size, Spacing(mpp[0], mpp[1], "given")
        self.downsamples = tuple((downsample, downsample) for downsample in downsamples)
        self.smaller = tuple((1,) for _ in downsamples)

    def shift(self, level, smaller):
        return 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(40, 60_000), st.integers(40, 60_000)),
    st.tuples(st.floats(0.1, 1.5), st.floats(0.1, 1.5)),
    st.sampled_from([(1.0,), (1.0, 2.0, 4.0), (1.0, 3.7)]),
)
def test_tiles_cover_a_slide_without_gap_or_overlap(size, mpp, downsamples):
    grid = TileGrid.over(Sized(size, mpp, downsamples), 224, 0.5)  # pyright: ignore[reportArgumentType]
    columns, rows = grid.shape
    top, left = np.arange(columns), np.arange(rows) * columns
    for numbers, axis in ((top, 0), (left, 1)):
        edges = grid.rectangles(numbers)
        first, length = edges[:, axis], edges[:, axis + 2]
        assert first[0] == 0
        assert (first[1:] == first[:-1] + length[:-1]).all()
        assert first[-1] + length[-1] == size[axis]
        assert (length > 0).all()
    assert grid.level == 0 or grid.downsample[0] * max(mpp) <= 0.5 * 1.01


@settings(max_examples=30, deadline=None)
@given(st.integers(300, 30_000), st.integers(300, 30_000), st.floats(20, 200))
def test_blocks_hold_every_tile_once_and_areas_share_the_slide(width, height, stride_um):
    grid = TileGrid.over(Sized((width, height), (0.5, 0.5), (1.0,)), 224, 0.5, stride_um)  # pyright: ignore[reportArgumentType]
    numbers = np.concatenate(list(grid_blocks(grid)))
    np.testing.assert_array_equal(np.sort(numbers), np.arange(len(grid)))
    if stride_um <= 112:
        assert grid.areas_px(numbers).sum() == width * height


def test_overlapping_tiles_are_counted_once(by_colour, tmp_path: Path):
    squares = Squares(1200, 800, SIDE)
    path = squares.write(tmp_path / "squares.tiff", MPP)
    summary = map_slide(path, tmp_path / "out", by_colour, SlideSettings(mask=False, stride_um=16.0)).summary
    assert summary.tiles.classified > 3 * (1200 / SIDE) * (800 / SIDE)
    total = sum(summary.area_mm2.classes.values()) + summary.area_mm2.abstained
    assert total == pytest.approx(1200 * 800 * MPP**2 / 1e6, rel=1e-3)


def test_other_spacing_across_than_down_is_kept_apart(tmp_path: Path):
    squares = Squares(600, 600, 50)
    path = tmp_path / "a.tiff"
    tifffile.imwrite(
        path, squares.render(0, 0, 600, 600), tile=(256, 256), photometric="rgb", compression="zlib",
        resolution=(10_000 / 0.25, 10_000 / 0.5), resolutionunit="CENTIMETER", metadata=None,
    )  # fmt: skip
    slide = open_slide(path)
    assert (slide.spacing.x, slide.spacing.y) == (pytest.approx(0.25, rel=1e-4), pytest.approx(0.5, rel=1e-4))
    assert TileGrid.over(slide, 64, 0.5).tile == (pytest.approx(128, rel=1e-4), pytest.approx(64, rel=1e-4))
