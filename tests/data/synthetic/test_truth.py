"""The truth of a drawn slide as regions, and how answers are held against it."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from gastropath.data.synthetic.anatomy import CODES, GLASS, draw_plan
from gastropath.data.synthetic.truth import (
    TRUTH_PX,
    agreement,
    class_of,
    read_truth,
    write_truth_picture,
    write_truth_regions,
)
from gastropath.errors import CannotReadTable
from gastropath.tables import write_table
from gastropath.tissue_classes import tissue_class

TUM, STR, MUS = (1 + CODES.index(code) for code in ("TUM", "STR", "MUS"))


def area(ring: list[list[int]]) -> float:
    (x, y), (next_x, next_y) = np.array(ring[:-1]).T, np.array(ring[1:]).T
    return float((x * next_y - next_x * y).sum() / 2)


def filled(rings: list[list[list[int]]], shape: tuple[int, int]) -> np.ndarray:
    """Fill rings by the even-odd rule, whose edges run along pixels of the truth."""
    mask = np.zeros(shape, bool)
    for ring in rings:
        for (x, y), (next_x, next_y) in pairwise(ring):
            assert x == next_x or y == next_y
            rows = slice(min(y, next_y) // TRUTH_PX, max(y, next_y) // TRUTH_PX)
            mask[rows, x // TRUTH_PX :] ^= True
    return mask


def regions(plan: np.ndarray, path: Path) -> Iterator[tuple[str, list]]:
    write_truth_regions(plan, path)
    document = json.loads(path.read_text())
    assert document["type"] == "FeatureCollection"
    for feature in document["features"]:
        properties = feature["properties"]
        assert (feature["type"], feature["geometry"]["type"]) == ("Feature", "MultiPolygon")
        assert properties["objectType"] == "annotation"
        classification = properties["classification"]
        assert f"#{bytes(classification['color']).hex()}" == tissue_class(classification["name"]).color
        yield classification["name"], feature["geometry"]["coordinates"]


PLANS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([GLASS, TUM, STR]))


@settings(deadline=None, max_examples=300)
@given(plan=PLANS)
def test_regions_cover_exactly_the_pixels_of_their_class(plan, tmp_path_factory):
    found = dict(regions(plan, tmp_path_factory.mktemp("truth") / "truth.geojson"))
    assert set(found) == {CODES[number - 1] for number in np.unique(plan) if number != GLASS}
    for code, polygons in found.items():
        wanted = plan == 1 + CODES.index(code)
        assert (filled([ring for polygon in polygons for ring in polygon], plan.shape) == wanted).all()
        assert sum(area(ring) for polygon in polygons for ring in polygon) == wanted.sum() * TRUTH_PX**2
        for outline, *holes in polygons:
            assert area(outline) > 0
            assert all(area(hole) < 0 for hole in holes)
            for ring in (outline, *holes):
                assert ring[0] == ring[-1]
                assert len({(x, y) for x, y in ring}) == len(ring) - 1  # crosses and touches itself nowhere
            mask = filled([outline], plan.shape)
            assert all((filled([hole], plan.shape) <= mask).all() for hole in holes)


def test_a_hole_belongs_to_the_part_around_it_and_corners_are_the_only_points(tmp_path):
    plan = np.zeros((7, 12), np.uint8)
    plan[1:6, 1:6] = TUM
    plan[2:4, 2:4] = GLASS
    plan[3:5, 8:11] = TUM
    ((code, polygons),) = regions(plan, tmp_path / "truth.geojson")
    assert code == "TUM"
    assert [len(polygon) for polygon in polygons] == [2, 1]
    assert sorted(map(tuple, polygons[1][0][:-1])) == [(64, 24), (64, 40), (88, 24), (88, 40)]
    assert len(polygons[0][0]) == len(polygons[0][1]) == 5


def test_a_plan_is_read_back_from_its_picture(tmp_path):
    plan = draw_plan(np.random.default_rng(0), 80, 64)
    write_truth_picture(plan, tmp_path / "truth.png")
    np.testing.assert_array_equal(read_truth(tmp_path / "truth.png"), plan)


@pytest.mark.parametrize("content", ["absent", "text", "colour picture"])
def test_what_is_no_truth_is_refused_by_name(tmp_path, content):
    path = tmp_path / "truth.png"
    if content == "text":
        path.write_text("truth")
    elif content == "colour picture":
        Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(CannotReadTable, match=r"truth\.png"):
        read_truth(path)


def test_the_class_of_a_tile_is_that_of_most_of_its_tissue():
    plan = np.zeros((8, 8), np.uint8)
    plan[:4, :2], plan[:4, 2] = TUM, STR
    assert class_of(plan, 0, 0, 64, 64) == "TUM"  # most of it is glass
    assert class_of(plan, 16, 0, 48, 32) == "STR"
    assert class_of(plan, 32, 32, 32, 32) == ""
    plan[:4, 1] = MUS
    assert class_of(plan, 12, 0, 11, 32) == "MUS"  # a pixel counts where its middle lies
    assert class_of(plan, 13, 0, 10, 32) == "STR"
    assert class_of(plan, 0, 0, 12, 32) == "TUM"


def write_answers(path: Path, rows: list[tuple[int, int, str, str]]) -> Path:
    columns = ["x_px", "y_px", "width_px", "height_px", "predicted_label", "decision"]
    cells = ((x, y, 32, 32, label, decision) for x, y, label, decision in rows)
    write_table(path, columns, (dict(zip(columns, row, strict=True)) for row in cells))
    return path


def test_answers_are_counted_against_the_truth_at_their_own_place(tmp_path):
    plan = np.zeros((8, 12), np.uint8)
    plan[:4, :4], plan[:4, 4:8], plan[4:, :4] = TUM, STR, MUS
    write_truth_picture(plan, tmp_path / "truth.png")
    tiles = write_answers(
        tmp_path / "tiles.csv",
        [
            (0, 0, "TUM", "accepted"),
            (32, 0, "STR", "accepted"),
            (0, 32, "STR", "accepted"),  # so it would be with x and y exchanged
            (32, 32, "TUM", "accepted"),  # only glass
            (64, 0, "TUM", "abstained"),
            (64, 32, "", "refused"),
        ],
    )
    found = agreement(tiles, tmp_path / "truth.png")
    assert (found.accepted, found.right, found.abstained) == (4, 2, 1)
