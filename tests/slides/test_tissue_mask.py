"""Tissue is found, and glass, pen, dust and borders are not taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from gastropath.errors import CannotReadTable
from gastropath.slides.grid import TileGrid
from gastropath.slides.slide import open_slide
from gastropath.slides.tissue_mask import DARK, GLASS, OUTSIDE, PEN, find_tissue

SIDE, MPP = 1200, 4.0  # 4.8 mm


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
    return find_tissue(open_slide(path, MPP), roi)


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


def test_a_blank_slide_has_no_tissue(tmp_path):
    mask = masked(drawn(tmp_path, lambda pen, _: None))
    assert mask.tissue.mean() == 0


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
    fractions, reasons = mask.judge(grid, np.arange(len(grid)), everything=False)
    assert {GLASS, PEN, DARK, ""} == set(reasons.tolist())
    assert (fractions[reasons == ""] >= 0.25).all()
    _, everything = mask.judge(grid, np.arange(len(grid)), everything=True)
    assert set(everything.tolist()) == {""}


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
    _, reasons = mask.judge(grid, numbers, everything=True)
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
