"""Regions from QuPath and its neighbours: each is right, or it is said in a line why nothing was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import Squares
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.errors import CannotReadTable
from gastropath.slides import geojson
from gastropath.slides.area import draw
from gastropath.slides.mapping import map_slide
from gastropath.slides.roi import read_regions
from gastropath.slides.task import SlideSettings

TILE = 64  # of the classifier that answers by colour, at 0.5 µm/px
SIDE = 4 * TILE


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def multi(*polygons: Any) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"objectType": "annotation", **properties}, "geometry": geometry}


def features(*found: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(found)}


QUARTER = polygon(box(0, 0, SIDE / 2, SIDE / 2))  # four tiles
OTHER = polygon(box(SIDE / 2, SIDE / 2, SIDE, SIDE))
WHOLE, TUMOUR = box(0, 0, SIDE, SIDE), box(TILE, TILE, 3 * TILE, 3 * TILE)
LINE, POINT = {"type": "LineString", "coordinates": [[0, 0], [200, 200]]}, {"type": "Point", "coordinates": [9, 9]}
COLLECTION = {"type": "GeometryCollection", "geometries": [QUARTER, POINT]}
TINY = box(10, 10, 30, 30)


def written(folder: Path, document: Any) -> Path:
    path = folder / "regions.geojson"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    return Squares(SIDE, SIDE, TILE).write(tmp_path_factory.mktemp("slide") / "a.tif", 0.5)


FOUND = {
    "the tumour first": (16, features(feature(polygon(TUMOUR)), feature(polygon(WHOLE, TUMOUR)))),
    "the tumour last": (16, features(feature(polygon(WHOLE, TUMOUR)), feature(polygon(TUMOUR)))),
    "an island first": (16, features(feature(multi([TUMOUR], [WHOLE, TUMOUR])))),
    "an island last": (16, features(feature(multi([WHOLE, TUMOUR], [TUMOUR])))),
    "a hole": (12, features(feature(polygon(WHOLE, TUMOUR)))),
    "a collection": (4, features(feature(COLLECTION))),
    "a collection alone": (4, COLLECTION),
    "a collection and a polygon": (8, features(feature(COLLECTION), feature(OTHER))),
    "a list of collections": (4, [features(feature(QUARTER))]),
    "a geometry alone": (4, QUARTER),
    "an empty ring": (4, features(feature(polygon([])), feature(QUARTER))),
    "an empty polygon": (4, features(feature(polygon()), feature(QUARTER))),
    "a ring of one point": (4, features(feature(polygon([[5, 5]])), feature(QUARTER))),
    "a ring of two points": (4, features(feature(polygon([[5, 5], [9, 9], [5, 5]])), feature(QUARTER))),
    "an outline for a list of rings": (4, features(feature(polygon(*box(0, 0, SIDE / 2, SIDE / 2))))),
    "an open ring": (4, features(feature(polygon(box(0, 0, SIDE / 2, SIDE / 2)[:-1])))),
    "no geometry": (4, features(feature(None), feature(QUARTER))),
    "three dimensions": (4, features(feature(polygon([[x, y, 0] for x, y in box(0, 0, SIDE / 2, SIDE / 2)])))),
    "beyond the corner": (4, features(feature(polygon(box(-500, -500, SIDE / 2, SIDE / 2))))),
    "a line": (4, features(feature(LINE), feature(QUARTER))),
    "an odd polygon beside": (4, features(feature(polygon([[0, 0], ["1", 0], [0, 1]])), feature(QUARTER))),
    "an ignored class": (4, features(feature(QUARTER, classification={"name": "Ignore*"}), feature(OTHER))),
    "an ignored class of names": (4, features(feature(QUARTER, classification={"names": ["A", "B*"]}), feature(OTHER))),
    "an ignored part": (12, features(feature(polygon(WHOLE)), feature(QUARTER, classification={"name": "Artefact*"}))),
    "smaller than half a tile": (1, features(feature(polygon(TINY)))),
    "a small one beside": (5, features(feature(OTHER), feature(polygon(TINY)))),
    "crossing itself": (12, features(feature(polygon([[0, 0], [SIDE, SIDE], [SIDE, 0], [0, SIDE], [0, 0]])))),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_regions_are_mapped(slide, by_colour, tmp_path, name):
    n, document = FOUND[name]
    asked = SlideSettings(mask=False, roi=written(tmp_path, document))
    found = map_slide(slide, tmp_path / "out", by_colour, asked).summary
    assert found.tiles.classified == n


@pytest.mark.parametrize("side", [SIDE, 8 * SIDE])
def test_half_a_tile_is_measured_exactly_however_coarse_the_mask(by_colour, tmp_path, side):
    slide = Squares(side, side, side / 4).write(tmp_path / "a.tif", 0.5 * SIDE / side)
    document = features(feature(polygon([[0, 0], [side, side], [side, 0], [0, side], [0, 0]])))
    asked = SlideSettings(mask=False, roi=written(tmp_path, document))
    assert map_slide(slide, tmp_path / "out", by_colour, asked).summary.tiles.classified == 12


NOTHING = {
    "a null coordinate": features(feature(polygon([[0, 0], [None, 0], [99, 99], [0, 0]]))),
    "a text coordinate": features(feature(polygon([["0", "0"], ["99", "0"], ["99", "99"], ["0", "0"]]))),
    "NaN": '{"type": "Polygon", "coordinates": [[[NaN, NaN], [NaN, 0], [0, NaN]]]}',
    "infinity": '{"type": "Polygon", "coordinates": [[[0, 0], [Infinity, 0], [0, 99]]]}',
    "a number of 400 digits": f'{{"type": "Polygon", "coordinates": [[[{"9" * 400}, 0], [0, 5], [0, 1]]]}}',
    "a number beyond any slide": features(feature(polygon(box(0, 0, 1e300, 1e300)))),
    "truth values": features(feature(polygon([[True, False], [True, True], [False, False]]))),
    "no coordinates": features(feature({"type": "Polygon", "coordinates": None})),
    "numbers for rings": features(feature(polygon(1, 2, 3))),
    "points of one number": features(feature(polygon([[1], [2], [3]]))),
    "null in a collection of polygons": features(feature({"type": "MultiPolygon", "coordinates": None})),
    "no features": {"type": "FeatureCollection", "features": None},
    "a line alone": features(feature(LINE)),
    "points alone": features(feature({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]})),
    "nothing but an ignored class": features(feature(QUARTER, classification={"name": "Ignore*"})),
    "a flat polygon": features(feature(polygon([[0, 0], [50, 50], [99, 99], [0, 0]]))),
    "an unknown type": features(feature({"type": "Circle", "coordinates": [1, 2]})),
    "a number": "5",
    "lists in lists": "[" * 100_000,
    "no JSON": "POLYGON ((0 0, 1 1, 1 0))",
    "nothing": "",
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_file_without_a_region_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(CannotReadTable) as caught:
        read_regions(written(tmp_path, NOTHING[name]))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'regions.geojson'}: roi: ")
    assert "\n" not in message
    assert len(message.removeprefix(str(tmp_path))) < 400


def test_it_says_what_the_file_holds_instead(tmp_path):
    with pytest.raises(CannotReadTable, match="it holds 1 points or lines, 1 with odd coordinates"):
        read_regions(written(tmp_path, features(feature(LINE), feature(polygon([["a", "b"]] * 3)))))


def test_a_file_of_nothing_but_brackets_is_refused_in_plain_words(tmp_path):
    path = tmp_path / "nested.geojson"
    path.write_text("[" * 100_000)
    with pytest.raises(CannotReadTable, match="cannot be read as GeoJSON: it is nested too deeply"):
        read_regions(path)


def test_regions_of_another_slide_are_refused_with_both_places(slide, by_colour, tmp_path):
    asked = SlideSettings(roi=written(tmp_path, features(feature(polygon(box(5000, 6000, 7000, 8000))))))
    with pytest.raises(
        CannotReadTable, match=r"the slide of 256 x 256 pixels: they lie at x 5,000 to 7,000 and y 6,000"
    ):
        map_slide(slide, tmp_path / "out", by_colour, asked)


def test_what_was_left_out_and_what_lies_beyond_is_said(slide, by_colour, tmp_path):
    document = features(feature(POINT), feature(None), feature(polygon(box(0, 0, SIDE, 4 * SIDE))))
    found = map_slide(slide, tmp_path / "out", by_colour, SlideSettings(mask=False, roi=written(tmp_path, document)))
    first, second = found.summary.warnings
    assert first == "regions.geojson: not taken for regions: 1 points or lines, 1 without a geometry"
    assert "75% of the regions lies beyond the slide" in second


def test_the_summary_keeps_the_hash_of_the_regions_and_not_their_text(slide, by_colour, tmp_path):
    path = written(tmp_path, features(feature(QUARTER, name="a patient's name")))
    found = map_slide(slide, tmp_path / "out", by_colour, SlideSettings(mask=False, roi=path))
    assert found.summary.job is not None
    assert found.summary.job.settings.roi == read_regions(path).sha256
    assert "patient" not in (found.folder / "summary.json").read_text()


def test_too_large_a_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(geojson, "MOST_BYTES", 100)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(CannotReadTable, match="more than the 100 allowed"):
        read_regions(written(tmp_path, features(feature(QUARTER), feature(OTHER))))


corner = st.integers(0, 200)
boxes = st.lists(st.tuples(corner, corner, st.integers(8, 56), st.integers(8, 56)), min_size=1, max_size=5)


@settings(max_examples=30, deadline=None)
@given(boxes, st.randoms(use_true_random=False))
def test_no_order_of_drawing_changes_anything(tmp_path_factory, places, random):
    folder = tmp_path_factory.mktemp("order")
    drawn = [
        feature(polygon(box(x, y, x + w, y + h), box(x + 2, y + 2, x + w - 2, y + h - 2))) for x, y, w, h in places
    ]
    expected = np.zeros((256, 256), bool)
    for x, y, w, h in places:
        one = np.zeros_like(expected)
        one[y : y + h, x : x + w] = True
        one[y + 2 : y + h - 2, x + 2 : x + w - 2] = False
        expected |= one
    for number in range(2):
        random.shuffle(drawn)
        path = folder / f"{number}.geojson"
        path.write_text(json.dumps(features(*drawn)))
        np.testing.assert_array_equal(draw(read_regions(path).area, (1.0, 1.0), (256, 256)), expected)
