"""Figures and what their intervals resample."""

from __future__ import annotations

import numpy as np
import pytest

from gastropath.evaluation.estimates import Resampling, abstention, accuracies, against_colour
from gastropath.results.predictions import Predictions


def tiles(n: int, seed: int = 0) -> Resampling:
    return Resampling(np.arange(n), "tiles", None, seed)


def test_a_class_that_is_always_recognised_has_no_interval_of_length_nought():
    true = np.repeat([0, 1], 12)
    probabilities = np.where(np.arange(2) == true[:, None], 0.9, 0.1).astype(np.float32)
    recall = accuracies(("A", "B"), true, probabilities, tiles(24)).per_class["A"].recall
    assert (recall.value, recall.high) == (1.0, 1.0)
    assert recall.low == pytest.approx(0.025 ** (1 / 12))


def test_with_groups_the_exact_interval_counts_groups_not_tiles():
    grouped = Resampling(np.repeat(np.arange(20), 10), "groups", None, 0)
    assert grouped.share(np.ones(200, bool)).low == pytest.approx(0.025 ** (1 / 20))


def test_a_sample_keeps_the_groups_of_its_tiles():
    grouped = Resampling.of_groups([str(i // 3) for i in range(90)], seed=1)
    assert grouped.kind == "groups"
    np.testing.assert_array_equal(grouped.take(np.array([0, 5, 89])).units, grouped.units[[0, 5, 89]])


def test_colour_is_compared_in_pairs(rng):
    true, probabilities = rng.integers(0, 3, 60), rng.random((60, 3)).astype(np.float32)
    overall = accuracies(("A", "B", "C"), true, probabilities, tiles(60))
    by_chance = probabilities.argmax(axis=1)
    found = against_colour(true, true, by_chance, tiles(60))
    assert found.macro_f1 == overall.macro_f1
    assert found.gain is not None
    assert found.gain.value == pytest.approx(1 - overall.macro_f1.numbers[0])
    same = against_colour(true, by_chance, by_chance, tiles(60)).gain
    assert same is not None
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_tiles_without_a_group_among_others_are_told():
    groups = [str(i % 25) for i in range(100)] + [""] * 30
    found = Resampling.of_groups(groups, 0)
    assert found.kind == "groups"
    assert "30 of 130 tiles have no group" in (found.warning or "")


def test_groups_of_very_different_size_are_told():
    groups = ["big"] * 150 + [str(i) for i in range(40)]
    warning = Resampling.of_groups(groups, 0).warning
    assert warning is not None
    assert "count like 2 equal ones" in warning
    assert Resampling.of_groups([str(i % 40) for i in range(200)], 0).warning is None


def test_a_class_without_tiles_has_no_f1():
    true, probabilities = np.zeros(9, int), np.tile(np.array([[0.4, 0.6]], np.float32), (9, 1))
    found = accuracies(("A", "B"), true, probabilities, tiles(9)).per_class["B"]
    assert (found.f1.value, found.recall.value, found.precision.value) == (None, None, 0.0)


def answers(confidence: np.ndarray, low: list[int], unlike: list[int]) -> Predictions:
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    rows = np.arange(len(confidence))
    return Predictions.of(
        ("A", "B"), probabilities, is_low_confidence=np.isin(rows, low), is_out_of_distribution=np.isin(rows, unlike)
    )


def test_abstention_counts_what_is_answered_and_why_not(finished_run):
    from gastropath.bundle.files import open_bundle

    card = open_bundle(finished_run / "model").card
    card = card.model_copy(update={"classes": card.classes[:2]})
    true = np.array([0] * 5 + [1] * 5)
    found = abstention(card, true, answers(np.linspace(0.99, 0.6, 10), [6, 7, 9], [8, 9]), tiles(10))
    assert found.coverage.value == pytest.approx(0.6)
    assert found.selective_accuracy.value == pytest.approx(5 / 6)
    assert (found.low_confidence, found.unlike_training) == (pytest.approx(0.3), pytest.approx(0.2))
    second = found.per_class[card.codes[1]]
    assert (second.n, second.coverage, second.selective_accuracy) == (5, pytest.approx(0.2), 0.0)
    assert [point.accuracy for point in found.curve] == pytest.approx([1] * 5 + [5 / 6, 5 / 7, 5 / 8, 5 / 9, 0.5])
    assert found.aurc.value == pytest.approx(1 - np.mean([1] * 5 + [5 / 6, 5 / 7, 5 / 8, 5 / 9, 0.5]))
