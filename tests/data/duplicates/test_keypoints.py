"""A flip or a turn of a tile moves its points and changes nothing about them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from planting import flipped_or_turned

from gastropath.data.duplicates.keypoints import (
    INVERSE,
    LENGTH,
    POINTS,
    SIDE_PX,
    THEN,
    find_keypoints,
    gaussian,
    grey_picture,
    oriented,
    oriented_points,
    points_found_again,
)
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile

ORIENTATIONS = range(8)
ORIENTATION = st.integers(0, 7)


def drawn(code: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False))


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """A grey picture of each class."""
    return {code: grey_picture(drawn(code)) for code in DRAWINGS}


@given(ORIENTATION, ORIENTATION, ORIENTATION)
def test_orientations_are_a_group(f: int, g: int, h: int):
    assert THEN[f, 0] == THEN[0, f] == f
    assert THEN[f, INVERSE[f]] == THEN[INVERSE[f], f] == 0
    assert THEN[THEN[f, g], h] == THEN[f, THEN[g, h]]
    assert sorted(THEN[f]) == list(ORIENTATIONS)


@given(ORIENTATION, ORIENTATION)
def test_one_orientation_after_another_is_what_the_table_says(first: int, second: int):
    picture = np.arange(25).reshape(5, 5)
    together = oriented(oriented(picture, first), second)
    np.testing.assert_array_equal(together, oriented(picture, int(THEN[first, second])))
    np.testing.assert_array_equal(oriented(oriented(picture, first), int(INVERSE[first])), picture)


def test_the_eight_orientations_differ():
    assert len({oriented(np.arange(9).reshape(3, 3), g).tobytes() for g in ORIENTATIONS}) == 8


@given(ORIENTATION, st.integers(0, 6), st.integers(0, 6))
def test_points_move_with_the_picture_they_lie_in(orientation: int, x: int, y: int):
    picture = np.zeros((7, 7))
    picture[y, x] = 1
    (moved,) = oriented_points(np.array([[x - 3, y - 3]], np.float32), np.uint8(orientation)) + 3
    assert oriented(picture, orientation)[int(moved[1]), int(moved[0])] == 1


def test_each_point_moves_by_its_own_orientation():
    position = np.array([[1, 2]] * 8, np.float32)
    apart = [oriented_points(position[:1], np.uint8(g))[0].tolist() for g in ORIENTATIONS]
    assert oriented_points(position, np.arange(8, dtype=np.uint8)).tolist() == apart
    assert len({tuple(place) for place in apart}) == 8


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("code", DRAWINGS)
def test_the_points_of_a_turned_picture_are_the_turned_points(
    pictures: dict[str, np.ndarray], code: str, orientation: int
):
    picture = pictures[code]
    before, after = find_keypoints(picture), find_keypoints(np.ascontiguousarray(oriented(picture, orientation)))
    places = map(tuple, oriented_points(before.position, np.uint8(orientation)).tolist())
    expected = {place: row for row, place in enumerate(places)}
    assert {tuple(place) for place in after.position.tolist()} == expected.keys()
    rows = [expected[tuple(place)] for place in after.position.tolist()]
    # Back to how it was, then to the standard pose: as before.
    np.testing.assert_array_equal(after.orientation, THEN[INVERSE[orientation], before.orientation[rows]])
    difference = after.description.astype(int) - before.description[rows]
    assert np.abs(difference).max() <= 1  # sums of floating point numbers in another order
    assert points_found_again(before, after, int(INVERSE[orientation]), 1.0, (0.0, 0.0)) == 1.0


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("side_px", [112, 224, 336])
def test_the_grey_picture_of_a_turned_tile_is_the_turned_one(orientation: int, side_px: int, rng: np.random.Generator):
    tile = rng.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
    turned = oriented(grey_picture(tile), orientation).astype(int)
    assert np.abs(grey_picture(flipped_or_turned(tile, orientation)) - turned).max() <= 1  # rounded in two passes


@pytest.mark.parametrize("shape", [(16, 16), (112, 112), (150, 150), (224, 224), (207, 158), (16, 900)])
def test_a_tile_of_any_size_becomes_a_picture_of_one_size(shape: tuple[int, int], rng: np.random.Generator):
    picture = grey_picture(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    assert picture.shape == (SIDE_PX, SIDE_PX)
    assert picture.dtype == np.uint8


def test_points_are_what_they_are_documented_to_be(pictures: dict[str, np.ndarray]):
    for picture in pictures.values():
        points = find_keypoints(picture)
        assert 0 < len(points) <= POINTS
        assert points.position.dtype == np.float32
        assert points.orientation.dtype == np.uint8
        assert points.description.dtype == np.int8
        assert points.position.shape == (len(points), 2)
        assert len(points.orientation) == len(points.description) == len(points)
        assert np.abs(points.position).max() < SIDE_PX / 2
        assert points.orientation.max() < 8
        np.testing.assert_allclose(np.linalg.norm(points.description.astype(float), axis=1), LENGTH, atol=2)


def test_all_points_of_a_tile_are_found_again_in_itself(pictures: dict[str, np.ndarray]):
    for picture in pictures.values():
        points = find_keypoints(picture)
        assert points_found_again(points, points, 0, 1.0, (0.0, 0.0)) == 1.0


def test_hardly_a_point_of_a_tile_is_found_in_another(pictures: dict[str, np.ndarray]):
    points = [find_keypoints(picture) for picture in pictures.values()]
    assert all(
        points_found_again(a, b, 0, 1.0, (0.0, 0.0)) < 0.3 for i, a in enumerate(points) for b in points[i + 1 :]
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(-12, 12), st.integers(-12, 12))
def test_points_are_found_again_after_a_shift_that_is_told_and_not_after_another(right: int, down: int):
    wide = np.asarray(Image.fromarray(drawn("TUM")).convert("L"))
    first, second = (
        find_keypoints(np.ascontiguousarray(wide[y : y + SIDE_PX, x : x + SIDE_PX]))
        for x, y in ((50, 50), (50 + right, 50 + down))
    )
    assert points_found_again(first, second, 0, 1.0, (-right, -down)) >= 0.6
    assert points_found_again(first, second, 0, 1.0, (8.0 - right, -down)) < 0.3
    assert points_found_again(first, second, 2, 1.0, (-right, -down)) < 0.3


@settings(max_examples=25, deadline=None)
@given(arrays.arrays(np.uint8, (SIDE_PX, SIDE_PX), elements=st.sampled_from([0, 7, 128, 255]), fill=st.just(200)))
def test_any_picture_has_points_or_none(picture: np.ndarray):
    points = find_keypoints(picture)
    assert len(points) <= POINTS
    assert np.isfinite(points.position).all()


def test_an_even_picture_has_no_point_and_none_is_found_again():
    none = find_keypoints(np.full((SIDE_PX, SIDE_PX), 240, np.uint8))
    some = find_keypoints(grey_picture(drawn("TUM")))
    assert len(none) == 0
    assert points_found_again(none, none, 0, 1.0, (0.0, 0.0)) == 0.0
    assert points_found_again(none, some, 0, 1.0, (0.0, 0.0)) == 0.0
    assert points_found_again(some, none, 3, 1.1, (5.0, 0.0)) == 0.0
    assert points_found_again(some, some, 0, 1.0, (500.0, 0.0)) == 0.0  # nothing that both could show


def test_brightness_and_contrast_change_no_description(pictures: dict[str, np.ndarray]):
    picture = pictures["TUM"]
    darker = np.rint(picture * 0.5 + 20).astype(np.uint8)
    assert points_found_again(find_keypoints(picture), find_keypoints(darker), 0, 1.0, (0.0, 0.0)) > 0.9


def test_a_blur_keeps_an_even_picture_even_up_to_its_border():
    np.testing.assert_allclose(gaussian(2.7).sum(axis=1), 1, rtol=1e-5)
