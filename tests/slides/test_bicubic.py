"""The filter for pixels that were averaged does what its weights say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from gastropath.slides.bicubic import as_bicubic


@pytest.mark.parametrize("shape", [(200, 130), (48, 96), (49, 5), (1, 1), (2, 300)])
def test_it_weighs_neighbours_across_and_down_and_mirrors_the_edge(rng, shape):
    pixels = rng.integers(0, 256, (*shape, 3), np.uint8)
    weights = np.array([-2, 6, 56, 6, -2]) / 64
    expected = ndimage.correlate1d(pixels.astype(float), weights, axis=1, mode="reflect")
    expected = np.clip(ndimage.correlate1d(expected, weights, axis=0, mode="reflect"), 0, 255)
    assert np.abs(as_bicubic(pixels) - expected).max() <= 1.1  # rounded twice


def test_an_even_colour_stays_as_it_is():
    even = np.full((70, 60, 3), (255, 128, 1), np.uint8)
    np.testing.assert_array_equal(as_bicubic(even), even)
