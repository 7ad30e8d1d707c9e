import numpy as np
import pytest

from gastropath.data.colour.baseline import ColourBaseline
from gastropath.data.colour.histograms import colour_histogram
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile


def test_each_row_is_the_square_root_of_the_pixel_shares():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, :1] = (255, 32, 31)  # a quarter of the tile: red bin 7, green bin 1, blue bin 0
    rows = colour_histogram(images)
    assert rows.dtype == np.float32
    assert rows.shape == (2, 512)
    assert rows[0, 0] == 1
    np.testing.assert_allclose(rows[1, [0, 7 * 64 + 1 * 8]], np.sqrt([0.75, 0.25]), rtol=1e-6)
    assert np.count_nonzero(rows) == 3


def test_every_row_has_unit_length_and_ignores_where_the_pixels_are():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    rows = colour_histogram(images)
    np.testing.assert_allclose((rows**2).sum(axis=1), 1, rtol=1e-5)
    moved = rng.permutation(images.reshape(3, -1, 3), axis=1).reshape(images.shape)
    np.testing.assert_array_equal(rows, colour_histogram(moved))


def test_no_tiles_give_no_rows():
    assert colour_histogram(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, 512)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((2, 3, 8, 8), np.uint8),
        np.zeros((2, 0, 8, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_with_what_was_expected(images):
    with pytest.raises(ValueError, match="uint8 tiles"):
        colour_histogram(images)


def test_predicting_before_fitting_says_what_to_call():
    with pytest.raises(RuntimeError, match="fit"):
        ColourBaseline().predict(np.zeros((1, 512), np.float32))


def tiles(code: str, count: int, seed: int, shifted: bool) -> np.ndarray:
    drawn = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        drawn.append(draw_tile(code, rng, appearance=draw_appearance(rng, shifted=shifted), tile_px=128))
    return np.stack(drawn)


@pytest.fixture(scope="module")
def synthetic_sets():
    """Histograms and labels of four classes: training tiles, held-out tiles, and tiles in stains never seen."""
    codes = ("ADI", "LYM", "MUS", "STR")
    sets = []
    for count, seed, shifted in ((25, 0, False), (15, 1, False), (25, 2, True)):
        images = np.concatenate([tiles(code, count, seed, shifted) for code in codes])
        sets.append((colour_histogram(images), np.repeat(codes, count)))
    return sets


def test_colour_separates_classes_in_known_stains_but_not_in_new_ones(synthetic_sets):
    train, held_out, shifted = synthetic_sets
    baseline = ColourBaseline(seed=0).fit(*train)
    known = np.mean(baseline.predict(held_out[0]) == held_out[1])
    new = np.mean(baseline.predict(shifted[0]) == shifted[1])
    assert known > 0.7
    assert new < known - 0.1


def test_the_same_seed_predicts_the_same(synthetic_sets):
    train, _, shifted = synthetic_sets
    first, second = (ColourBaseline(seed=3).fit(*train).predict(shifted[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert set(first) <= set(train[1])
