"""Real tiles are answered alike, whether a slide is decoded smaller or whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.reduced_scale import compare, find_tiles, read_both_ways

from gastropath.inference.classifier import Classifier


@pytest.mark.real
@pytest.mark.parametrize("coding", [(80, "4:2:0"), (90, "4:4:4"), None])
def test_a_slide_at_half_of_the_model_s_pixel_is_answered_as_if_decoded_whole(coding):
    tiles = find_tiles(Path(__file__).parents[2].parent / "shared" / "data")[::12]
    if not tiles:
        pytest.skip("no real tiles beside the checkout")
    found = compare(Classifier.load(), *read_both_ways(tiles, 0.25, coding))
    assert found.accepted > 10
    assert found.same_class_of_accepted >= 0.995
    assert found.mean_cosine >= 0.998
    assert found.grey_values < 1
