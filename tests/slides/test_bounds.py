"""Slides with bounds: regions from QuPath and polygons for QuPath lie on the tissue, tables stay at level 0."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
from drawing import Squares

from gastropath.errors import UnknownSetting
from gastropath.slides.mapping import MappedSlide, map_slide
from gastropath.slides.task import SlideSettings

WIDTH, HEIGHT, X, Y, SIDE, TILE = 768, 640, 256, 192, 256, 64
NM = 500


def image(name: str, ifd: int, px: tuple[int, int], view: tuple[int, int], at: tuple[int, int]) -> str:
    return (
        f'<image name="{name}" uuid="urn:uuid:{ifd}"><creationDate>2020-01-01T00:00:00Z</creationDate>'
        f'<device model="Leica SCN400;Leica SCN" version="1.5"/><pixels sizeX="{px[0]}" sizeY="{px[1]}">'
        f'<dimension sizeX="{px[0]}" sizeY="{px[1]}" r="0" ifd="{ifd}"/></pixels>'
        f'<view sizeX="{view[0]}" sizeY="{view[1]}" offsetX="{at[0]}" offsetY="{at[1]}" spacingZ="0"/><scanSettings>'
        f"<objectiveSettings><objective>{20 if ifd else 0.6}</objective></objectiveSettings><illuminationSettings>"
        "<numericalAperture>0.6</numericalAperture><illuminationSource>brightfield</illuminationSource>"
        "</illuminationSettings></scanSettings>"
        "</image>"
    )


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    """A Leica SCN whose scanned part lies at (256, 192) of level 0."""
    path = tmp_path_factory.mktemp("bounds") / "a.scn"
    whole = (WIDTH * NM, HEIGHT * NM)
    parts = image("macro", 0, (48, 40), whole, (0, 0)) + image(
        "main", 1, (SIDE, SIDE), (SIDE * NM, SIDE * NM), (X * NM, Y * NM)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" '
        f'uuid="urn:uuid:0"><collection name="c" uuid="urn:uuid:9" sizeX="{whole[0]}" sizeY="{whole[1]}" '
        f'orientation="0"><barcode>x</barcode>{parts}</collection></scn>'
    )
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        macro = np.full((40, 48, 3), 240, np.uint8)
        tiff.write(macro, photometric="rgb", tile=(256, 256), description=xml, metadata=None)
        pixels, scale = Squares(SIDE, SIDE, TILE).render(0, 0, SIDE, SIDE), (20_000, 20_000)
        tiff.write(pixels, photometric="rgb", tile=(256, 256), metadata=None, resolution=scale, resolutionunit=3)
    return path


def mapped(
    slide: Path, out: Path, classifier, roi: Path | None = None, origin: Literal["bounds", "level0"] = "bounds"
) -> MappedSlide:
    return map_slide(slide, out, classifier, SlideSettings(mask=False, roi=roi, qupath_origin=origin))


def corners(found: MappedSlide) -> tuple[list[list[int]], list[list[int]]]:
    """Return corners of classified tiles on the scanned part: as the table, and as the polygons have them."""
    with (found.folder / "tiles.csv").open() as file:
        table = [[int(row["x_px"]), int(row["y_px"])] for row in csv.DictReader(file)]
    document = json.loads((found.folder / "tiles.geojson").read_text())
    return table, [feature["geometry"]["coordinates"][0][0] for feature in document["features"]]


@pytest.fixture
def drawn(tmp_path) -> Path:
    """The upper left quarter of what QuPath shows."""
    ring = [[0, 0], [SIDE // 2, 0], [SIDE // 2, SIDE // 2], [0, SIDE // 2], [0, 0]]
    path = tmp_path / "drawn.geojson"
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    return path


def test_a_region_drawn_in_qupath_lies_on_the_tissue(slide, by_colour, drawn, tmp_path):
    found = mapped(slide, tmp_path / "out", by_colour, drawn)
    table, polygons = corners(found)
    assert table == [[X + x, Y + y] for y in (0, TILE) for x in (0, TILE)]
    assert polygons == [[x - X, y - Y] for x, y in table]
    assert found.summary.bounds_px == (X, Y, SIDE, SIDE)
    assert found.summary.tiles.accepted == {
        code: sum(value == code for value in labels(found)) for code in by_colour.classes
    }


def labels(found: MappedSlide) -> list[str]:
    with (found.folder / "tiles.csv").open() as file:
        return [row["predicted_label"] for row in csv.DictReader(file)]


def test_level_0_is_the_origin_where_it_is_asked_for(slide, by_colour, drawn, tmp_path):
    table, polygons = corners(mapped(slide, tmp_path / "out", by_colour, drawn, "level0"))
    assert table == polygons == [[x, y] for y in (0, TILE) for x in (0, TILE)]


def test_a_slide_without_bounds_has_one_frame(by_colour, drawn, tmp_path):
    path = Squares(SIDE, SIDE, TILE).write(tmp_path / "a.tif", 0.5)
    for origin in ("bounds", "level0"):
        found = mapped(path, tmp_path / origin, by_colour, drawn, origin)
        table, polygons = corners(found)
        assert table == polygons == [[x, y] for y in (0, TILE) for x in (0, TILE)]
        assert found.summary.bounds_px is None


def test_another_origin_is_a_wrong_setting():
    with pytest.raises(UnknownSetting, match="expected 'bounds' or 'level0'"):
        SlideSettings(qupath_origin="corner")  # pyright: ignore[reportArgumentType]  # what a caller may give
