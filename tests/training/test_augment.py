import numpy as np
import pytest
import tensorflow as tf

from gastropath.data.colour.stains import STAINS
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.inference.views import dihedral
from gastropath.training.augment import Augmentation, blurred, scaled, stained, turned

APPEARANCE = draw_appearance(np.random.default_rng(0), shifted=False)
SEED = tf.constant([3, 4], tf.int64)
EVERY = {
    "turned": turned,
    "scaled": lambda tiles, seed: scaled(tiles, seed, 0.2),
    "stained": lambda tiles, seed: stained(tiles, seed, 0.2),
    "blurred": lambda tiles, seed: blurred(tiles, seed, 1.0),
    "all": Augmentation(turns=True, zoom=0.2, stain=0.2, blur_px=1.0),
}


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    return np.stack(
        [draw_tile(code, np.random.default_rng(1), appearance=APPEARANCE) for code in ("TUM", "STR", "LYM")]
    )[:, :96, :96]


def copies(tiles: np.ndarray, n: int) -> tf.Tensor:
    return tf.constant(np.repeat(tiles[:1], n, axis=0))


def _amounts(tiles: np.ndarray) -> np.ndarray:
    rows = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    return (np.log(256) - np.log(tiles.astype(np.float64) + 1)) @ np.linalg.inv(rows)


@pytest.mark.parametrize("name", EVERY)
def test_it_keeps_shape_and_kind_and_follows_from_the_seed_alone(name, tiles):
    change = EVERY[name]
    once, again = change(tiles, SEED).numpy(), change(tiles, SEED).numpy()
    assert (once.shape, once.dtype) == (tiles.shape, np.uint8)
    np.testing.assert_array_equal(once, again)
    assert (change(tiles, SEED + 1).numpy() != once).any()


@pytest.mark.parametrize("name", EVERY)
def test_every_tile_of_a_batch_has_a_draw_of_its_own(name, tiles):
    changed = EVERY[name](copies(tiles, 12), SEED).numpy()
    assert len({tile.tobytes() for tile in changed}) >= 6


def test_turning_gives_each_of_the_eight_views_and_nothing_else(tiles):
    views = {dihedral(tiles[:1], number).tobytes() for number in range(8)}
    assert {tile.tobytes() for tile in turned(copies(tiles, 200), SEED).numpy()} == views


def test_scaling_keeps_the_centre_and_changes_distances_by_at_most_the_factor():
    side, spots = 101, (20, 50, 80)
    tile = np.zeros((1, side, side, 3), np.uint8)
    for x in spots:
        tile[0, 48:53, x - 2 : x + 3] = 255
    factors = []
    for changed in scaled(copies(tile, 40), SEED, 0.2).numpy():
        weight = changed[..., 0].astype(float).sum(axis=0)
        left, middle, right = (
            (np.arange(side)[at] * weight[at]).sum() / weight[at].sum()
            for at in (slice(0, 36), slice(36, 65), slice(65, side))
        )
        assert middle == pytest.approx(50, abs=0.1)
        assert right - 50 == pytest.approx(50 - left, abs=0.3)
        factors.append((right - left) / 60)
    assert 1 / 1.21 < min(factors) < 0.9
    assert 1.1 < max(factors) < 1.21


def test_staining_changes_the_amount_of_each_stain_by_one_line_for_all_pixels_of_a_tile():
    amounts = np.random.default_rng(0).uniform(0.2, 0.7, (1, 32, 32, 3))
    rows = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    tile = np.round(256 * np.exp(-(amounts @ rows)) - 1).astype(np.uint8)
    before = _amounts(tile)[0].reshape(-1, 3)
    slopes = []
    for changed in stained(copies(tile, 30), SEED, 0.2).numpy():
        after = _amounts(changed).reshape(-1, 3)
        for stain in range(3):
            slope, offset = np.polyfit(before[:, stain], after[:, stain], 1)
            assert after[:, stain] == pytest.approx(slope * before[:, stain] + offset, abs=0.06)
            assert abs(offset) < 0.06
            slopes.append(slope)
    assert 0.78 < min(slopes) < 0.9
    assert 1.1 < max(slopes) < 1.22


def test_staining_by_nothing_changes_nothing(tiles):
    assert np.abs(stained(tf.constant(tiles), SEED, 0.0).numpy().astype(int) - tiles).max() <= 1


def test_blurring_spreads_a_spot_as_a_gaussian_does_and_keeps_its_light():
    tile = np.zeros((1, 41, 41, 3), np.uint8)
    tile[0, 18:23, 18:23] = 250
    away = np.arange(41) - 20.0
    before = (away**2 * tile[0, :, :, 0].sum(axis=0)).sum() / tile[0, :, :, 0].sum()
    spreads = []
    for changed in blurred(copies(tile, 60), SEED, 1.0).numpy():
        weight = changed[..., 0].astype(float)
        assert weight.sum() == pytest.approx(25 * 250, rel=0.02)
        assert weight.sum(axis=0) == pytest.approx(weight.sum(axis=1), abs=1)
        spreads.append((away**2 * weight.sum(axis=0)).sum() / weight.sum() - before)
    assert min(spreads) < 0.05
    assert 0.8 < max(spreads) < 1.05  # the variance of the filter, in square pixels
