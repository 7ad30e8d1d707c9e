import numpy as np
import pytest

from gastropath.data.index import TileIndex
from gastropath.data.split.units import kept_together
from gastropath.errors import TooFewTiles
from gastropath.inference.grouped_folds import grouped_folds
from gastropath.inference.head_strength import choose_strength, fit_views
from gastropath.inference.linear_head import class_weights


def clouds(n: int, rng: np.random.Generator, *, views: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes around three centres: shape (3n, views, 6)."""
    labels = np.repeat(np.arange(3), n)
    centres = rng.normal(size=(3, 6))
    return (centres[labels][:, None] + rng.normal(0, 0.4, (3 * n, views, 6))).astype(np.float32), labels


def test_a_head_learns_what_is_linear(rng):
    features, labels = clouds(60, rng, views=2)
    head = fit_views(features[::2], labels[::2], 3, 10.0, "none")
    assert (head.logits(features[1::2, 0]).argmax(axis=1) == labels[1::2]).mean() > 0.85


def test_two_classes_get_two_logits_that_agree_with_the_log_odds(rng):
    features, labels = clouds(40, rng)
    two = labels < 2
    head = fit_views(features[two], labels[two], 2, 10.0, "none")
    assert head.kernel.shape == (6, 2)
    logits = head.logits(features[two, 0])
    np.testing.assert_allclose(logits[:, 0], -logits[:, 1], atol=1e-6)
    assert (logits.argmax(axis=1) == labels[two]).mean() > 0.8


def test_the_views_of_a_tile_share_its_weight(rng):
    features, labels = clouds(30, rng)
    once = fit_views(features, labels, 3, 10.0, "balanced")
    eight = fit_views(np.repeat(features, 8, axis=1), labels, 3, 10.0, "balanced")
    np.testing.assert_allclose(once.kernel, eight.kernel, atol=0.02)


def test_balanced_weights_give_every_class_the_same_weight():
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2, "balanced")
    assert weights[0] * 90 == pytest.approx(weights[1] * 10)
    assert (weights[labels]).sum() == pytest.approx(100)
    assert class_weights(labels, 2, "none").tolist() == [1, 1]


def test_a_rare_class_is_found_more_often_with_balanced_weights(rng):
    labels = np.array([0] * 400 + [1] * 20)
    features = (labels[:, None, None] * 0.8 + rng.normal(0, 0.6, (420, 1, 4))).astype(np.float32)
    found = {
        how: (fit_views(features, labels, 2, 1.0, how).logits(features[400:, 0]).argmax(axis=1) == 1).mean()
        for how in ("none", "balanced")
    }
    assert found["balanced"] > found["none"] + 0.1


def test_the_strength_of_the_least_surprising_answers_is_chosen(rng):
    features, labels = clouds(40, rng)
    folds = grouped_folds(labels, np.arange(120), 3)
    strength, scores = choose_strength(features, labels, folds, 3, weighting="none", strengths=(0.001, 1.0, 100.0))
    assert [score.strength for score in scores] == [0.001, 1.0, 100.0]
    assert strength == min(scores, key=lambda score: score.nll).strength


def test_a_class_without_tiles_is_an_error(rng):
    features, labels = clouds(10, rng)
    with pytest.raises(TooFewTiles):
        fit_views(features, np.minimum(labels, 1), 3, 1.0, "none")


def test_known_groups_and_neighbouring_numbers_stay_together(tmp_path):
    paths = tuple(f"TUM/TUM_{i}.png" for i in range(1, 81))
    index = TileIndex(tmp_path, paths, ("TUM",) * 80, ("p1", "p1") + ("",) * 78)
    units = kept_together(index)
    assert units[0] == units[1]
    assert units[2] == units[3]
    assert 10 < len(set(units)) < 30
