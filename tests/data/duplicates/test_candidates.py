"""Tiles that share points are found without comparing every tile with every other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planting import flipped_or_turned, shifted, zoomed

from gastropath.data.duplicates.candidates import LEAST_VOTES, Candidate, find_candidates
from gastropath.data.duplicates.keypoints import (
    DIMENSIONS,
    INVERSE,
    LENGTH,
    SIDE_PX,
    Keypoints,
    find_keypoints,
    grey_picture,
)
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile

NO_POINTS = Keypoints(np.empty((0, 2), np.float32), np.empty(0, np.uint8), np.empty((0, DIMENSIONS), np.int8))


def made_up(rng: np.random.Generator, n: int = 20) -> Keypoints:
    """Points of no picture: unlike any others."""
    position = rng.integers(-40, 40, (n, 2)).astype(np.float32)
    description = rng.standard_normal((n, DIMENSIONS))
    description *= LENGTH / np.linalg.norm(description, axis=1, keepdims=True)
    return Keypoints(position, rng.integers(0, 8, n, dtype=np.uint8), np.rint(description).astype(np.int8))


def moved(points: Keypoints, right: float, down: float) -> Keypoints:
    return Keypoints(points.position + np.array([right, down], np.float32), points.orientation, points.description)


def pairs(found: Sequence[Candidate]) -> list[tuple[int, int]]:
    return [(candidate.a, candidate.b) for candidate in found]


def drawn(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return draw_tile("TUM", rng, appearance=draw_appearance(rng, shifted=False))


def points_of(tile: np.ndarray) -> Keypoints:
    return find_keypoints(grey_picture(tile))


def test_a_planted_copy_is_found_among_two_thousand_tiles(rng: np.random.Generator):
    tiles = [made_up(rng) for _ in range(2000)]
    planted = {(i, 2000 + k): rng.integers(-15, 16, 2) for k, i in enumerate(range(0, 2000, 200))}
    tiles += [moved(tiles[i], *shift) for (i, _), shift in planted.items()]
    found = find_candidates(tiles)
    assert pairs(found) == list(planted)
    for candidate, shift in zip(found, planted.values(), strict=True):
        assert candidate.orientation == 0
        assert candidate.zoom == pytest.approx(1)
        np.testing.assert_allclose(candidate.shift_px, shift, atol=1e-3)
        assert candidate.votes == 20


def test_the_guess_is_near_what_was_done_to_a_tile():
    tile = drawn(1)
    for orientation in range(8):
        turned = flipped_or_turned(shifted(tile, 12, -8, glass=True), orientation)
        (found,) = find_candidates([points_of(tile), points_of(turned)])
        assert found.orientation == INVERSE[orientation]
        np.testing.assert_allclose(np.array(found.shift_px) * tile.shape[0] / SIDE_PX, (-12, 8), atol=2)
    (found,) = find_candidates([points_of(tile), points_of(zoomed(tile, 1.1))])
    assert found.zoom == pytest.approx(1.1, abs=0.03)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(0, 9))
def test_across_only_pairs_of_the_two_sides_are_found(across: int, seed: int):
    rng = np.random.default_rng(seed)
    pictures = [made_up(rng) for _ in range(4)]
    shown = rng.integers(0, 4, 12)
    tiles = [moved(pictures[k], *rng.integers(-5, 6, 2)) for k in shown]
    every = [(i, j) for i in range(12) for j in range(i + 1, 12) if shown[i] == shown[j]]
    assert pairs(find_candidates(tiles)) == every
    assert pairs(find_candidates(tiles, across=across)) == [(i, j) for i, j in every if i < across <= j]


@pytest.mark.parametrize(
    "tiles",
    [[], [NO_POINTS], [NO_POINTS] * 3, [made_up(np.random.default_rng(0), 1)], [made_up(np.random.default_rng(0))]],
)
@pytest.mark.parametrize("across", [None, 0, 1])
def test_without_two_tiles_that_have_points_there_is_no_pair(tiles: list[Keypoints], across: int | None):
    assert find_candidates(tiles, across=across) == []


def test_tiles_without_points_keep_the_numbers_of_the_others(rng: np.random.Generator):
    tile = made_up(rng)
    assert pairs(find_candidates([NO_POINTS, tile, NO_POINTS, NO_POINTS, moved(tile, 3, 3), NO_POINTS])) == [(1, 4)]


def test_the_same_tiles_give_the_same_candidates(rng: np.random.Generator):
    tiles = [made_up(rng) for _ in range(50)]
    tiles += [moved(tile, 2, 1) for tile in tiles[::5]]
    assert find_candidates(tiles, seed=3) == find_candidates(tiles, seed=3)
    assert pairs(find_candidates(tiles, seed=3)) == pairs(find_candidates(tiles, seed=4))


def test_fewer_points_than_votes_are_needed_make_no_pair(rng: np.random.Generator):
    tile = made_up(rng, LEAST_VOTES)
    fewer = Keypoints(tile.position[1:], tile.orientation[1:], tile.description[1:])
    assert pairs(find_candidates([tile, tile])) == [(0, 1)]
    assert find_candidates([tile, fewer]) == []


def test_one_point_that_is_everywhere_does_not_vote_many_times(rng: np.random.Generator):
    one = made_up(rng, 1)
    many = Keypoints(*(np.repeat(part, 12, axis=0) for part in (one.position, one.orientation, one.description)))
    assert find_candidates([one, many]) == []


def test_points_that_agree_on_different_shifts_make_no_pair(rng: np.random.Generator):
    tile = made_up(rng, 6)
    scattered = tile.position + np.array([[30, 0], [-30, 0], [0, 30], [0, -30], [30, 30], [-30, -30]], np.float32)
    assert find_candidates([tile, Keypoints(scattered, tile.orientation, tile.description)]) == []


def test_a_shift_by_most_of_the_tile_is_no_candidate(rng: np.random.Generator):
    tile = made_up(rng)
    assert find_candidates([tile, moved(tile, 60, 0)]) == []


def test_progress_counts_to_its_end(rng: np.random.Generator):
    told: list[tuple[str, int, int]] = []
    find_candidates([made_up(rng)], progress=lambda *step: told.append(step))
    assert [done for _, done, _ in told] == list(range(1, told[-1][2] + 1))
