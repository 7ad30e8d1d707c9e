"""Tissue is found, and glass, pen, dust and borders are not taken for it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gastropath.errors import CannotReadTable
from gastropath.slides.grid import TileGrid
from gastropath.slides.ink import find_ink
from gastropath.slides.roi import read_regions
from gastropath.slides.source.slide import open_slide
from gastropath.slides.tissue_mask import DARK, GLASS, OUTSIDE, PEN, SMALL, find_tissue

SIDE, MPP = 1200, 4.0  # 4.8 mm
BOX = Image.Resampling.BOX


def drawn(tmp_path: Path, draw, glass: int = 243) -> Path:
    """Draw on glass with a little noise."""
    rng = np.random.default_rng(0)
    image = Image.new("RGB", (SIDE, SIDE), (glass, glass, glass + 2))
    draw(ImageDraw.Draw(image), image)
    pixels = np.asarray(image).astype(float) + rng.normal(0, 1.5, (SIDE, SIDE, 1))
    path = tmp_path / "slide.png"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return path


def masked(path: Path, roi: Path | None = None):
    return find_tissue(open_slide(path, MPP), read_regions(roi) if roi else None)


def share(mask: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """Return the covered share of a box in pixels of the slide."""
    scale = mask.shape[0] / SIDE
    x0, y0, x1, y1 = (round(edge * scale) for edge in box)
    return float(mask[y0:y1, x0:x1].mean())


@pytest.mark.parametrize("glass", [215, 243, 252])
def test_stained_tissue_is_found_whatever_the_glass(tmp_path, glass):
    mask = masked(drawn(tmp_path, lambda pen, _: pen.ellipse([300, 300, 800, 800], fill=(210, 150, 190)), glass))
    assert share(mask.tissue, (420, 420, 680, 680)) == 1
    assert share(mask.tissue, (0, 0, 250, 1200)) == 0


def test_pale_fat_is_tissue_throughout(tmp_path):
    def fat(pen, image):
        for x in range(300, 900, 30):  # cells of 120 µm with thin pale walls
            for y in range(300, 900, 30):
                pen.ellipse([x, y, x + 30, y + 30], outline=(218, 196, 214), width=2)

    mask = masked(drawn(tmp_path, fat))
    assert share(mask.tissue, (340, 340, 860, 860)) > 0.95
    assert share(mask.tissue, (0, 0, 200, 1200)) == 0


def test_glass_at_the_edge_of_a_picture_of_tissue_is_no_hole_in_it(tmp_path):
    def crop(pen, image):
        pen.rectangle((0, 120, SIDE, SIDE), fill=(210, 150, 190))
        pen.ellipse([500, 500, 560, 560], fill=(243, 243, 245))  # a gap inside, 240 µm wide
        pen.rectangle([500, 0, 700, 120], fill=(210, 150, 190))  # leaves two strips of glass, each 0.24 mm²

    mask = masked(drawn(tmp_path, crop))
    assert share(mask.tissue, (40, 20, 440, 90)) == 0
    assert share(mask.tissue, (760, 20, 1160, 90)) == 0
    assert share(mask.tissue, (500, 500, 560, 560)) == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("glass", "falls_off"), [((254, 254, 254), 0), ((226, 226, 228), 20), ((245, 240, 225), 25), ((240, 232, 238), 20)]
)
def test_a_blank_slide_has_no_tissue_whatever_its_light(tmp_path, rng, glass, falls_off, suffix):
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    light = np.array(glass) - falls_off * 2 * (x**2 + y**2)[..., None] + rng.normal(0, 2, (SIDE, SIDE, 1))
    path = tmp_path / f"blank{suffix}"
    Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).save(path, quality=60)
    assert masked(path).tissue.mean() == 0


def test_a_slide_without_glass_is_tissue_throughout(tmp_path):
    for colour in ((205, 140, 185), (232, 205, 222)):
        mask = masked(drawn(tmp_path, lambda pen, _, fill=colour: pen.rectangle([0, 0, SIDE, SIDE], fill=fill)))
        assert mask.tissue.mean() == 1


def test_edges_of_coverslips_bubbles_and_fibres_are_no_tissue(tmp_path):
    def draw(pen, image):
        pen.line([(200, 0), (215, SIDE)], fill=(190, 192, 195), width=6)
        pen.line([(0, 1100), (SIDE, 1080)], fill=(150, 152, 154), width=8)
        for x, y, radius in ((400, 300, 80), (900, 800, 200)):
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], outline=(130, 132, 134), width=8)
        pen.line([(500, 600), (560, 640), (640, 610), (700, 700)], fill=(110, 105, 100), width=6)

    assert masked(drawn(tmp_path, draw)).tissue.mean() == 0


def test_pen_dust_and_border_are_no_tissue(tmp_path):
    def draw(pen, image):
        pen.rectangle([0, 0, 120, SIDE], fill=(12, 12, 14))
        pen.line([(300, 200), (900, 260)], fill=(40, 120, 60), width=40)
        pen.line([(300, 400), (900, 420)], fill=(40, 80, 190), width=40)
        for x, y in ((1000, 1000), (1050, 900), (700, 1100)):
            pen.ellipse([x, y, x + 10, y + 10], fill=(120, 110, 110))
        pen.rectangle([300, 600, 700, 900], fill=(205, 140, 185))

    path = drawn(tmp_path, draw)
    mask = masked(path)
    assert share(mask.tissue, (320, 620, 680, 880)) == 1
    assert mask.tissue.mean() == pytest.approx(400 * 300 / SIDE**2, rel=0.15)
    assert share(mask.dark, (10, 10, 110, 1190)) == 1
    assert share(mask.pen, (400, 220, 800, 240)) > 0.9
    slide = open_slide(path, MPP)
    grid = TileGrid.over(slide, 224, 0.5)
    fractions, reasons = mask.select(grid, np.arange(len(grid)), mask=True)
    assert {GLASS, PEN, DARK, ""} == set(reasons.tolist())
    assert (fractions[reasons == ""] >= 0.25).all()
    _, everything = mask.select(grid, np.arange(len(grid)), mask=False)
    assert set(everything.tolist()) == {""}


def test_blue_pen_is_found_on_glass_and_across_tissue(tmp_path):
    def draw(pen, image):
        pen.rectangle([400, 300, 800, 900], fill=(205, 140, 185))
        inked(image, [(100, 500), (1100, 560)], (40, 60, 170))

    mask = masked(drawn(tmp_path, draw))
    assert share(mask.pen, (110, 515, 1090, 545)) > 0.95
    assert share(mask.tissue, (420, 320, 780, 470)) == 1


def inked(image: Image.Image, points: list[tuple[int, int]], colour: tuple[int, int, int]) -> None:
    """Draw a stroke of ink, which lets through of the light beneath what it lets through of white."""
    stroke = Image.new("L", image.size, 0)
    ImageDraw.Draw(stroke).line(points, fill=255, width=60, joint="curve")
    through = ImageChops.multiply(image, Image.new("RGB", image.size, colour))
    image.paste(through, mask=stroke.filter(ImageFilter.GaussianBlur(2)))


@pytest.mark.parametrize("colour", [(205, 30, 45), (245, 120, 30)])
def test_red_and_orange_strokes_on_glass_are_pen_and_tissue_beneath_is_kept(tmp_path, colour):
    def draw(pen, image):
        pen.rectangle([400, 400, 800, 1000], fill=(205, 140, 185))
        inked(image, [(100, 200), (1100, 240)], colour)
        inked(image, [(100, 700), (1100, 700)], colour)

    mask = masked(drawn(tmp_path, draw))
    assert share(mask.pen, (110, 205, 1090, 235)) > 0.8
    assert share(mask.pen, (110, 690, 300, 710)) > 0.95
    assert share(mask.pen, (900, 690, 1090, 710)) > 0.95
    assert share(mask.tissue, (420, 420, 780, 980)) == 1
    assert share(mask.tissue, (0, 0, 1200, 380)) == 0


@pytest.mark.parametrize("blood", [(200, 60, 70), (155, 39, 39)])
def test_blood_is_kept_in_tissue_along_its_edge_and_by_itself(tmp_path, blood):
    def draw(pen, image):
        pen.rectangle([100, 100, 600, 600], fill=(205, 140, 185))
        pen.ellipse([200, 200, 450, 420], fill=blood)  # a haemorrhage
        pen.line([(250, 480), (590, 500)], fill=blood, width=24)  # a full vessel
        pen.rectangle([600, 100, 630, 600], fill=blood)  # a film along the edge
        pen.ellipse([800, 200, 1100, 480], fill=blood)  # a clot
        pen.line([(200, 900), (700, 930), (1100, 860)], fill=blood, width=30)  # a strand of clot

    mask = masked(drawn(tmp_path, draw))
    assert mask.pen.mean() == 0
    for box in ((110, 110, 620, 590), (850, 250, 1050, 430), (300, 910, 600, 920)):
        assert share(mask.tissue, box) == 1


@pytest.mark.real
def test_no_real_tissue_is_taken_for_ink_even_as_a_strand_on_glass(real_tiles):
    from scipy import ndimage

    um, length, width = 8.0, 130, 24
    with real_tiles.open() as table:
        rows = [row for row in csv.DictReader(table) if row["label"] != "BACK"]  # their colours are no slide's
    canvas = np.full((-(-len(rows) // 16) * 70, 16 * 200, 3), 244, np.float32)
    strands = np.zeros(canvas.shape[:2], bool)
    for i, row in enumerate(rows):
        field_um = {"kather2016": 74}.get(row["set"], 112)
        side = round(field_um / um)
        tile = np.asarray(Image.open(real_tiles.parent / row["path"]).convert("RGB").resize((side, side), BOX))
        both = np.concatenate([tile, tile[:, ::-1]], axis=1)
        repeated = np.tile(np.concatenate([both, both[::-1]]), (2, 10, 1))[:width, :length]
        y, x = i // 16 * 70 + 20, i % 16 * 200 + 30
        canvas[y : y + width, x : x + length] = repeated
        strands[y : y + width, x : x + length] = True
    red, green, blue = (np.rint(9 * canvas[..., i]).astype(np.int16) for i in range(3))
    assert not find_ink(red, green, blue, ~strands, um, ndimage).any()


@pytest.mark.real
def test_green_ink_at_the_margin_of_a_real_specimen_is_found_and_nothing_else(real_slide):
    mask = find_tissue(open_slide(real_slide))
    rows, columns = np.nonzero(mask.pen)
    assert 0 < len(rows) < 0.003 * mask.pen.size
    assert max(np.ptp(rows) * mask.scale[1], np.ptp(columns) * mask.scale[0]) < 200
    assert 0.4 < mask.tissue.mean() < 0.5


def test_soft_veils_of_uneven_light_are_no_tissue(tmp_path):
    def veil(pen, image):
        shade = Image.new("L", image.size, 0)
        ImageDraw.Draw(shade).ellipse([200, 200, 1000, 1000], fill=5)
        image.paste((0, 0, 0), mask=shade.filter(ImageFilter.GaussianBlur(150)))

    assert masked(drawn(tmp_path, veil)).tissue.mean() == 0


def roi_of(tmp_path: Path, geometry: dict) -> Path:
    path = tmp_path / "roi.geojson"
    feature = {"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_only_drawn_regions_are_taken_and_holes_are_left_out(tmp_path):
    path = drawn(tmp_path, lambda pen, _: pen.rectangle([0, 0, SIDE, SIDE], fill=(210, 150, 190)))
    ring = [[100, 100], [900, 100], [900, 900], [100, 900], [100, 100]]
    hole = [[400, 400], [600, 400], [600, 600], [400, 600], [400, 400]]
    roi = roi_of(tmp_path, {"type": "Polygon", "coordinates": [ring, hole]})
    mask = masked(path, roi)
    grid = TileGrid.over(open_slide(path, MPP), 224, 0.5)
    numbers = np.arange(len(grid))
    _, reasons = mask.select(grid, numbers, mask=False)
    centres = grid.corners(numbers) + np.array(grid.tile) / 2
    inside = ((centres > 120) & (centres < 880)).all(axis=1) & ~((centres > 380) & (centres < 620)).all(axis=1)
    outside = ((centres < 80) | (centres > 920)).any(axis=1) | ((centres > 420) & (centres < 580)).all(axis=1)
    assert set(reasons[inside].tolist()) == {""}
    assert set(reasons[outside].tolist()) == {OUTSIDE}


@pytest.mark.parametrize("content", ["no json", "{}", '{"type": "Point", "coordinates": [1, 2]}', "[1, 2]"])
def test_a_region_file_without_polygons_is_an_error(tmp_path, content):
    path = drawn(tmp_path, lambda pen, _: None)
    roi = tmp_path / "roi.geojson"
    roi.write_text(content)
    with pytest.raises(CannotReadTable, match=r"roi\.geojson"):
        masked(path, roi)


def reasons_of(path: Path, mpp: float = MPP) -> tuple[np.ndarray, np.ndarray]:
    """Return corners of the tiles of a slide in pixels of level 0, and why each is left out."""
    slide = open_slide(path, mpp)
    grid = TileGrid.over(slide, 224, 0.5)
    numbers = np.arange(len(grid))
    return grid.corners(numbers), find_tissue(slide).select(grid, numbers)[1]


@pytest.mark.parametrize("share_filled", [0.1, 0.3, 0.6])
def test_glass_is_measured_on_what_was_scanned_and_not_on_the_filler_beside_it(tmp_path, share_filled):
    """Glass that is a little pink beside pure white is glass; pale tissue on it is tissue."""
    rng = np.random.default_rng(1)
    pixels = np.empty((SIDE, SIDE, 3))
    pixels[:] = (238, 229, 240)  # stain 10: more than glass has beside white, of which it is measured otherwise
    pixels[500:900, 700:1100] = (228, 190, 222)
    pixels += rng.normal(0, 1.2, (SIDE, SIDE, 1))
    pixels[:, : round(share_filled * SIDE / 2)] = 255
    pixels[: round(share_filled * SIDE / 2)] = 255
    path = tmp_path / "slide.png"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    corners, reasons = reasons_of(path)
    inside = ((corners > (720, 520)) & (corners < (1100 - 48, 900 - 48))).all(axis=1)
    far = (corners[:, 0] < 700 - 80) | (corners[:, 1] < 500 - 80)
    assert set(reasons[inside].tolist()) == {""}
    assert set(reasons[far].tolist()) == {GLASS}


@pytest.mark.parametrize("grain", [8, 5])
def test_white_glass_that_the_scanner_saturated_is_glass_and_pale_tissue_on_it_is_tissue(tmp_path, grain):
    rng = np.random.default_rng(1)
    pixels = np.full((SIDE, SIDE, 3), 255.0)
    pixels[300:900, 300:900] = np.array((238, 226, 236)) + rng.normal(0, grain, (600, 600, 1))
    path = tmp_path / "slide.png"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    corners, reasons = reasons_of(path)
    inside = ((corners > 320) & (corners < 900 - 48)).all(axis=1)
    assert set(reasons[inside].tolist()) == {""}
    assert set(reasons[(corners < 250).any(axis=1)].tolist()) == {GLASS}


@pytest.mark.parametrize("colour", [(210, 150, 190), (236, 214, 230), (150, 110, 170)])
def test_a_picture_of_one_field_of_view_that_is_all_tissue_is_no_glass(tmp_path, colour):
    rng = np.random.default_rng(2)
    pixels = np.clip(np.array(colour) + rng.normal(0, 6, (224, 224, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "tile.png")
    _, reasons = reasons_of(tmp_path / "tile.png", 0.5)
    assert reasons.tolist() == [""]


def test_glass_in_the_gaps_of_a_torn_edge_is_not_tissue(tmp_path):
    def torn(pen, image):
        pen.rectangle([0, 0, 400, SIDE], fill=(210, 150, 190))
        for y in range(0, SIDE, 110):  # shreds that enclose glass
            pen.line([400, y, 760, y], fill=(210, 150, 190), width=3)
        pen.line([760, 0, 760, SIDE], fill=(210, 150, 190), width=3)

    corners, reasons = reasons_of(drawn(tmp_path, torn))
    beside = (corners[:, 0] > 430) & (corners[:, 0] < 700)
    assert (reasons[beside] == GLASS).mean() > 0.5
    assert set(reasons[corners[:, 0] < 340].tolist()) == {""}


def test_a_piece_that_is_too_small_is_called_so_and_not_glass(tmp_path):
    path = drawn(tmp_path, lambda pen, _: pen.ellipse([604, 604, 630, 630], fill=(180, 90, 160)))  # 0.0085 mm²
    corners, reasons = reasons_of(path)
    at = np.abs(corners + 14 - 617).max(axis=1) < 16
    assert at.any()
    assert set(reasons[at].tolist()) == {SMALL}
    assert set(reasons[(corners < 500).any(axis=1)].tolist()) == {GLASS}


@pytest.mark.real
def test_large_cells_of_real_fat_are_no_gaps_of_a_torn_edge(real_tiles, tmp_path):
    """A tile within fat, enclosed by walls on all sides, is tissue though hardly any of it is stained."""
    side, margin, n = 28, 60, 15  # a tile of 112 µm at 4 µm a pixel
    tables = [real_tiles, real_tiles.with_name("more.csv")]
    paths = [
        table.parent / row["path"]
        for table in tables
        for row in csv.DictReader(table.open())
        if row["label"] == "ADI" and row["set"].startswith("hmu")
    ]
    tiles = [np.asarray(Image.open(path).convert("RGB").resize((side, side), BOX)) for path in paths]
    rng = np.random.default_rng(0)
    slide = np.full((n * side + 2 * margin, n * side + 2 * margin, 3), 244, np.uint8)
    corners = margin + side * np.stack(np.divmod(np.arange(n * n), n), axis=1)
    for y, x in corners:
        slide[y : y + side, x : x + side] = tiles[rng.integers(len(tiles))]
    Image.fromarray(slide).save(tmp_path / "fat.png")
    mask = masked(tmp_path / "fat.png")
    inner = corners[((corners > margin) & (corners < margin + side * (n - 1))).all(axis=1)]
    fractions, reasons = mask.select(Placed(inner[:, ::-1], side), np.arange(len(inner)))  # pyright: ignore[reportArgumentType]
    assert (fractions > 0.9).mean() > 0.9
    assert set(reasons[fractions > 0.9].tolist()) == {""}


class Placed:
    """Tiles at corners of their own."""

    def __init__(self, corners: np.ndarray, side: int) -> None:
        self._rectangles = np.concatenate([corners, np.full_like(corners, side)], axis=1)

    def rectangles(self, numbers: np.ndarray) -> np.ndarray:
        return self._rectangles[numbers]
