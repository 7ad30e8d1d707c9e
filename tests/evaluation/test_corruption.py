"""Changed tiles are changed as their names say, and judged in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from gastropath.data.colour.stains import restained
from gastropath.data.index import find_tiles
from gastropath.evaluation.corruption import CORRUPTIONS, robustness
from gastropath.evaluation.judged import JudgedTiles
from gastropath.evaluation.sample import draw_sample
from gastropath.images import load_tile
from gastropath.inference.classifier import Classifier

CHANGES = {corruption.name: corruption.change for corruption in CORRUPTIONS}


@pytest.fixture(scope="module")
def tile(synthetic_tiles) -> np.ndarray:
    return load_tile(next(synthetic_tiles.glob("TUM/*.png")), 224)


def density(pixels: np.ndarray) -> np.ndarray:
    return -np.log((pixels.astype(float) + 1) / 256)


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_keeps_size_and_type_and_changes_something(name, tile):
    changed = CHANGES[name](tile)
    assert (changed.shape, changed.dtype) == (tile.shape, np.uint8)
    assert not np.array_equal(changed, tile)


def test_a_stronger_stain_adds_density_in_its_own_colour(tile):
    gain = (density(restained(tile, 1.3, 1.0)) - density(tile)).mean(axis=(0, 1))
    assert gain[0] > 0.02  # haematoxylin is blue: it takes red
    assert gain[0] > 2 * gain[2]
    loss = (density(restained(tile, 1.0, 0.7)) - density(tile)).mean(axis=(0, 1))
    assert loss[1] < -0.02  # eosin is pink: it takes green
    assert abs(loss[1]) > 4 * abs(loss[0])


def test_without_a_change_of_stain_a_tile_comes_back(tile):
    assert np.abs(restained(tile, 1.0, 1.0).astype(int) - tile).max() <= 1


def test_blur_takes_edges_and_brightness_moves_the_mean(tile):
    def edges(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=0)).mean())

    assert edges(tile) > edges(CHANGES["blur, 1 px"](tile)) > edges(CHANGES["blur, 2 px"](tile))
    assert CHANGES["15 % darker"](tile).mean() == pytest.approx(0.85 * tile.mean(), abs=0.5)


def test_the_change_of_accuracy_is_that_of_the_same_tiles(finished_run, synthetic_tiles):
    classifier, index = Classifier.load(finished_run), find_tiles([synthetic_tiles])
    some = index.take(range(0, len(index), 12))
    predictions = classifier.predict(list(some.files()))
    judged = JudgedTiles(classifier.card, some, predictions, ("all",) * len(some), "all", None, 0)
    sample = draw_sample(classifier, judged, 12)
    assert len(sample) == 12
    answers, tiles, true = sample.answers, sample.tiles, sample.true
    found = robustness(classifier, sample)
    assert [row.name for row in found.changed] == list(CHANGES)
    assert found.accuracy.value == pytest.approx((answers.numbers == true).mean())
    dark = next(row for row in found.changed if row.name == "15 % darker")
    again = classifier.predict(np.stack([CHANGES["15 % darker"](tile) for tile in tiles]))
    assert dark.accuracy.value == pytest.approx((again.numbers == true).mean())
    assert dark.change.value == pytest.approx((again.numbers == true).mean() - (answers.numbers == true).mean())
    assert dark.coverage == pytest.approx(again.is_accepted.mean())
