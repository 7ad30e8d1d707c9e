"""The hash is the picture's, whichever way up it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gastropath.data.audit.phash import perceptual_hash
from gastropath.images import load_tile, resize


def blobs(seed: int, side: int = 200) -> np.ndarray:
    """A smooth random picture, as tissue is smooth compared with noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return resize(coarse, side)


def orientations(pixels: np.ndarray) -> list[np.ndarray]:
    return [np.rot90(flipped, turn) for flipped in (pixels, pixels[:, ::-1]) for turn in range(4)]


def distance(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


@pytest.mark.parametrize("seed", range(20))
def test_flips_and_quarter_turns_leave_the_hash_unchanged(seed: int):
    pixels = blobs(seed)
    assert len({perceptual_hash(np.ascontiguousarray(turned)) for turned in orientations(pixels)}) == 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((64, 64, 3), 255, np.uint8),
        np.full((224, 224, 3), (231, 180, 200), np.uint8),
        np.repeat(np.where(np.arange(64) < 32, 0, 255).astype(np.uint8), 64 * 3).reshape(64, 64, 3),
        np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((8, 8)))[..., None].repeat(3, axis=2).astype(np.uint8)
        * 255,
    ],
    ids=["white", "flat", "half", "checks"],
)
def test_rounding_does_not_decide_about_regular_pictures(pixels: np.ndarray):
    assert len({perceptual_hash(np.ascontiguousarray(turned)) for turned in orientations(pixels)}) == 1


def test_every_flat_tile_has_the_same_hash():
    assert {perceptual_hash(np.full((50, 50, 3), grey, np.uint8)) for grey in range(0, 256, 5)} == {"0" * 16}


def test_a_hash_is_sixteen_hexadecimal_digits():
    value = perceptual_hash(blobs(0))
    assert len(value) == 16
    int(value, 16)


def test_a_lighter_smaller_or_noisier_copy_is_near_and_another_picture_far():
    pixels = blobs(1)
    rng = np.random.default_rng(0)
    noisy = np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)
    lighter = (pixels * 0.8 + 50).astype(np.uint8)
    base = perceptual_hash(pixels)
    assert max(distance(base, perceptual_hash(copy)) for copy in (noisy, lighter, resize(pixels, 150))) <= 8
    assert np.median([distance(base, perceptual_hash(blobs(seed))) for seed in range(2, 30)]) > 12


@pytest.mark.real
def test_real_tiles_keep_their_hash_when_turned(real_tiles: Path):
    from gastropath.data.index import find_tiles

    for file in list(find_tiles([real_tiles]).files())[::10]:
        pixels = load_tile(file, 224)
        assert len({perceptual_hash(np.ascontiguousarray(turned)) for turned in orientations(pixels)}) == 1
