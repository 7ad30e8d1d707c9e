import json
from pathlib import Path

import pytest

from gastropath.errors import CannotReadTable
from gastropath.slides.grid import TileGrid
from gastropath.teach.annotations import MOST_OF_ONE, read_annotations

GRID = TileGrid((1000, 800), (100.0, 100.0), (100.0, 100.0), 64, 0, (1.0, 1.0))


def square(x: float, y: float, side: float, name: str | None = "TUM", hole: float = 0) -> dict[str, object]:
    def ring(x: float, y: float, side: float) -> list[list[float]]:
        return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]

    rings = [ring(x, y, side), *([ring(x + (side - hole) / 2, y + (side - hole) / 2, hole)] if hole else [])]
    properties = {"classification": {"name": name}} if name else {}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": rings}, "properties": properties}


def written(folder: Path, *features: dict[str, object]) -> Path:
    path = folder / "drawn.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def test_tiles_mostly_inside_an_annotation_are_its_examples(tmp_path):
    found = read_annotations(written(tmp_path, square(90, 90, 340)), ("TUM",)).labels("a", GRID)
    assert {label.box[:2] for label in found} == {(x, y) for x in (100.0, 200.0, 300.0) for y in (100.0, 200.0, 300.0)}
    assert {label.label for label in found} == {"TUM"}


def test_a_hole_holds_no_example(tmp_path):
    found = read_annotations(written(tmp_path, square(100, 100, 300, hole=100)), ("TUM",)).labels("a", GRID)
    assert len(found) == 8
    assert (200.0, 200.0) not in {label.box[:2] for label in found}


def test_of_an_annotation_smaller_than_a_tile_the_tile_in_its_middle_is_taken(tmp_path):
    (label,) = read_annotations(written(tmp_path, square(140, 240, 20)), ("TUM",)).labels("a", GRID)
    assert label.box == (100, 200, 100, 100)


def test_coordinates_of_a_cropped_slide_are_moved(tmp_path):
    found = read_annotations(written(tmp_path, square(0, 0, 100)), ("TUM",)).labels("a", GRID, (300, 200))
    assert [label.box for label in found] == [(300.0, 200.0, 100.0, 100.0)]


def test_of_a_large_annotation_examples_are_taken_evenly(tmp_path):
    wide = TileGrid((9000, 9000), (100.0, 100.0), (100.0, 100.0), 64, 0, (1.0, 1.0))
    found = read_annotations(written(tmp_path, square(0, 0, 9000)), ("TUM",)).labels("a", wide)
    assert len(found) == MOST_OF_ONE
    assert {label.box[1] // 3000 for label in found} == {0, 1, 2}


def test_ignored_and_nameless_annotations_are_left_out_and_counted(tmp_path):
    path = written(tmp_path, square(0, 0, 200), square(300, 0, 200, "Ignore*"), square(600, 0, 200, None))
    found = read_annotations(path, ("TUM",))
    assert len(found.areas) == 1
    assert found.left_out == {"of an ignored class": 1, "without a class": 1}


def test_names_of_a_project_are_those_of_classes(tmp_path):
    found = read_annotations(written(tmp_path, square(0, 0, 200, "Tumor")), ("TUM",), {"TUM": "Tumor"})
    assert [code for code, _ in found.areas] == ["TUM"]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([square(0, 0, 200, "Tumor")], "annotations of class 'Tumor', which the model has not"),
        ([square(0, 0, 200, None)], "holds no polygon with a class; it holds 1 without a class"),
        ([square(2000, 0, 200)], "off the slide of 1,000 x 800 pixels: it lies at x 2,000 to 2,200"),
        ([square(0, 0, 200), square(0, 0, 200, "STR")], "annotations of TUM and of STR over the same tile at x 0, y 0"),
    ],
)
def test_annotations_that_cannot_be_used_are_refused(features: list[dict[str, object]], message: str, tmp_path):
    with pytest.raises(CannotReadTable, match=message):
        read_annotations(written(tmp_path, *features), ("STR", "TUM")).labels("a", GRID)


def test_what_is_no_geojson_is_refused(tmp_path):
    (tmp_path / "drawn.geojson").write_text("not json")
    with pytest.raises(CannotReadTable, match="cannot be read as GeoJSON"):
        read_annotations(tmp_path / "drawn.geojson", ("TUM",))


def test_too_large_and_too_deep_a_file_are_refused_as_regions_are(tmp_path, monkeypatch):
    (tmp_path / "drawn.geojson").write_text("[" * 100_000)
    with pytest.raises(CannotReadTable, match="nested too deeply"):
        read_annotations(tmp_path / "drawn.geojson", ("TUM",))
    monkeypatch.setattr("gastropath.slides.geojson.MOST_BYTES", 100)
    with pytest.raises(CannotReadTable, match="more than the 100 allowed"):
        read_annotations(tmp_path / "drawn.geojson", ("TUM",))
