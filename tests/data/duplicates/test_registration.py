"""Two pictures of the same tissue are laid over each other, and others do not agree however they are laid."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gastropath.data.duplicates.keypoints import SIDE_PX
from gastropath.data.duplicates.near import LEAST_LIKENESS
from gastropath.data.duplicates.registration import Registration, register
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile

WIDE_PX = 2 * SIDE_PX
UNITY, UNMOVED = np.ones(1), np.zeros((1, 2))


@cache
def wide(code: str) -> Image.Image:
    """A piece of tissue larger than a tile, at the resolution in which tiles are compared."""
    rng = np.random.default_rng(2)
    tissue = draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False), tile_px=2 * WIDE_PX)
    return Image.fromarray(tissue).convert("L").resize((WIDE_PX, WIDE_PX), Image.Resampling.BOX)


def window(code: str, zoom: float = 1.0, right: float = 0.0, down: float = 0.0) -> np.ndarray:
    """What a tile sees that shows the tissue ``zoom`` times as large, its middle moved by so much of the first's."""
    reach = SIDE_PX / zoom / 2
    x, y = WIDE_PX / 2 + right, WIDE_PX / 2 + down
    box = x - reach, y - reach, x + reach, y + reach
    seen = wide(code).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=box)
    return np.asarray(seen, np.float32)[None]


def registered(first: np.ndarray, second: np.ndarray, zoom: float = 1.0, shift: tuple[float, float] = (0, 0)):
    return register(first, second, np.array([zoom]), np.array([shift], np.float64))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["TUM", "STR", "LYM", "MUS", "NOR"]),
    st.floats(0.9, 1.1),
    st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
    st.tuples(st.floats(-0.03, 0.03), st.floats(-2, 2), st.floats(-2, 2)),
)
def test_a_known_zoom_and_shift_are_recovered_from_a_rough_guess(
    code: str, zoom: float, move: tuple[float, float], off: tuple[float, float, float]
):
    # The middle of the first lies where the window has moved away from, enlarged.
    right, down = -zoom * move[0], -zoom * move[1]
    laid = registered(window(code), window(code, zoom, *move), zoom + off[0], (right + off[1], down + off[2]))
    assert laid.zoom[0] == pytest.approx(zoom, abs=0.01)
    np.testing.assert_allclose(laid.shift_px[0], (right, down), atol=0.4)
    assert laid.agreement[0] > 0.8
    assert laid.informative[0] >= 20


@settings(max_examples=20, deadline=None)
@given(st.floats(0.6, 1.4), st.floats(-30, 30))
def test_brightness_and_contrast_make_no_difference(contrast: float, brightness: float):
    first = window("TUM")
    laid = registered(first, contrast * window("TUM", 1.0, 2, 1) + np.float32(brightness), 1.0, (-1, 0))
    np.testing.assert_allclose(laid.shift_px[0], (-2, -1), atol=0.1)
    assert laid.agreement[0] > 0.95


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_noise_agrees_with_no_other_noise(seed: int):
    first, second = np.random.default_rng(seed).uniform(0, 255, (2, 1, SIDE_PX, SIDE_PX)).astype(np.float32)
    assert registered(first, second).agreement[0] < 2 * LEAST_LIKENESS - 1


def test_tissue_of_another_class_does_not_agree():
    codes = ("TUM", "STR", "LYM", "MUS", "NOR")
    first = np.concatenate([window(a) for a in codes for b in codes if a != b])
    second = np.concatenate([window(b) for a in codes for b in codes if a != b])
    laid = register(first, second, np.ones(len(first)), np.zeros((len(first), 2)))
    assert laid.agreement.max() < 2 * LEAST_LIKENESS - 1


def test_a_picture_agrees_with_itself_wholly():
    picture = window("TUM")
    laid = registered(picture, picture)
    assert laid.agreement[0] == pytest.approx(1, abs=1e-3)
    assert laid.zoom[0] == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(laid.shift_px[0], 0, atol=1e-3)
    assert 0.95 < laid.overlap[0] <= 1


def test_a_third_of_a_tile_may_be_spoilt_and_half_of_it_may_not():
    picture = window("TUM")
    noise = np.random.default_rng(0).uniform(0, 255, picture.shape).astype(np.float32)
    for spoilt, agrees in ((0.25, True), (0.6, False)):
        marked = picture.copy()
        marked[:, : round(SIDE_PX * spoilt)] = noise[:, : round(SIDE_PX * spoilt)]
        assert (registered(picture, marked).agreement[0] > 0.9) == agrees


def test_bare_glass_agrees_with_nothing():
    bare = np.full((1, SIDE_PX, SIDE_PX), 240, np.float32)
    for first, second in ((bare, bare), (bare, bare - 30)):
        laid = registered(first, second)
        assert (laid.agreement[0], laid.informative[0]) == (-1, 0)
    assert registered(window("TUM"), bare).agreement[0] < 0.1


def test_the_overlap_is_what_a_shift_leaves():
    laid = registered(window("TUM"), window("TUM", 1.0, 28, 0), 1.0, (-28, 0))
    assert laid.overlap[0] == pytest.approx(0.75, abs=0.02)


def test_each_pair_is_laid_as_if_it_were_alone():
    moves = [(3, -2), (0, 5), (-6, 0)]
    first = np.concatenate([window("TUM"), window("TUM"), window("STR")])
    second = np.concatenate([window("TUM", 1, *moves[0]), window("LYM"), window("STR", 1, *moves[2])])
    together = register(first, second, np.ones(3), np.zeros((3, 2)))
    for i in range(3):
        alone = register(first[i : i + 1], second[i : i + 1], UNITY, UNMOVED)
        for name in ("zoom", "shift_px", "agreement", "informative", "overlap"):
            np.testing.assert_allclose(getattr(together, name)[i], getattr(alone, name)[0], atol=1e-3)


def test_the_guess_that_was_given_stays_as_it_was():
    zoom, shift = np.ones(1, np.float32), np.zeros((1, 2), np.float32)
    register(window("TUM"), window("TUM", 1.05, 3, 3), zoom, shift)
    assert zoom[0] == 1
    assert not shift.any()


def test_no_pairs_are_no_trouble():
    nothing = np.empty((0, SIDE_PX, SIDE_PX), np.float32)
    laid = register(nothing, nothing, np.empty(0), np.empty((0, 2)))
    assert isinstance(laid, Registration)
    assert len(laid.zoom) == len(laid.shift_px) == len(laid.agreement) == len(laid.informative) == 0
    assert laid.overlap.shape == (0,)
