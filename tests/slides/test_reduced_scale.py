"""Real tiles are answered alike, whether a slide is decoded smaller or whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.reduced_scale import compare, find_tiles, read_both_ways
from chunked import jpeg, tissue, write_chunks

from gastropath.inference.classifier import Classifier
from gastropath.results.predictions import Predictions
from gastropath.slides.block_reader import is_close, local_reader
from gastropath.slides.blocks import Selection
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import open_slide
from gastropath.slides.task import SlideSettings, TiledSlide
from gastropath.slides.tiles import read_tiles


class Torn:
    """A classifier that cannot decide about tiles of odd numbers, and keeps what it was shown."""

    classes = ("TUM", "STR")

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def predict(self, tiles: np.ndarray, *, features: bool = False) -> Predictions:
        self.shown.append(tiles)
        best = 0.9 if len(self.shown) > 1 else np.where(np.arange(len(tiles)) % 2, 0.51, 0.6)
        best = np.broadcast_to(best, len(tiles)).astype(np.float32)
        return Predictions.of(
            self.classes, np.stack([best, 1 - best], axis=1), features=best[:, None] if features else None
        )


def test_tiles_close_to_a_tie_are_read_a_second_time_at_full_size(tmp_path):
    path = write_chunks(tmp_path / "a.tif", tissue(1500, 1200), jpeg(), "jpeg")
    slide = open_slide(path, 0.25, check_brightfield=False)
    grid = TileGrid.over(slide, 64, 0.5)
    assert grid.smaller == 2
    numbers, torn = np.arange(8), Torn()
    found = local_reader(slide, torn, grid, features=True)(Selection(0, numbers, np.ones(8), {}))  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(found.probabilities[:, 0], [0.6, 0.9] * 4, rtol=1e-6)
    np.testing.assert_allclose(found.kept("features")[:, 0], [0.6, 0.9] * 4, rtol=1e-6)
    np.testing.assert_array_equal(torn.shown[1], read_tiles(slide, grid.unreduced(slide), numbers[1::2]).pixels)


@pytest.mark.parametrize("asked", ["features", "stamp", "anndata"])
def test_features_for_others_come_from_tiles_decoded_whole(tmp_path, asked):
    path = write_chunks(tmp_path / "a.tif", tissue(1500, 1200), jpeg(), "jpeg")
    slide = open_slide(path, 0.25, check_brightfield=False)
    card = Classifier.load().card
    answers = TiledSlide.of(slide, card, SlideSettings(mpp=0.25)).grid
    features = TiledSlide.of(slide, card, SlideSettings(**{"mpp": 0.25, asked: True})).grid
    assert (answers.smaller, features.smaller) == (2, 1)
    np.testing.assert_array_equal(features.rectangles(np.arange(9)), answers.rectangles(np.arange(9)))


def test_close_is_what_two_classes_share_evenly():
    shares = np.array([[0.5, 0.4, 0.1], [0.5, 0.36, 0.14]], np.float32)
    assert is_close(Predictions.of(("A", "B", "C"), shares)).tolist() == [True, False]
    assert is_close(Predictions.of(("A",), np.ones((2, 1), np.float32))).tolist() == [False, False]


@pytest.mark.real
@pytest.mark.parametrize("coding", [(80, "4:2:0"), (90, "4:4:4"), None])
def test_a_slide_at_half_of_the_model_s_pixel_is_answered_as_if_decoded_whole(coding):
    tiles = find_tiles(Path(__file__).parents[2].parent / "shared" / "data")[::12]
    if not tiles:
        pytest.skip("no real tiles beside the checkout")
    found = compare(Classifier.load(), *read_both_ways(tiles, 0.25, coding))
    assert found.accepted > 10
    assert found.same_class_of_accepted >= 0.995
    assert found.same_class >= 0.995
    assert found.read_twice < 0.25
    assert found.mean_cosine >= 0.998
    assert found.grey_values < 1
