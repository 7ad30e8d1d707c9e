"""Suggestions are of tiles of which the model is unsure, and not ten of the same kind."""

from __future__ import annotations

import numpy as np

from gastropath.teach.lesson.suggest import suggest

KINDS = 6


def kinds(rng: np.random.Generator, each: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return features of tiles of six kinds, and the kind of each."""
    middles = np.eye(KINDS, 32, dtype=np.float32) * 5
    kind = np.repeat(np.arange(KINDS), each)
    return middles[kind] + rng.normal(0, 0.3, (len(kind), 32)).astype(np.float32), kind


def test_the_first_suggestions_are_of_as_many_kinds(rng):
    features, kind = kinds(rng)
    even = np.full((len(features), 4), 0.25, np.float32)
    assert set(kind[suggest(features, even, features[:0], most=KINDS)]) == set(range(KINDS))


def test_what_has_a_label_is_not_suggested_again(rng):
    features, kind = kinds(rng)
    even = np.full((len(features), 4), 0.25, np.float32)
    labelled = features[kind < 4][::7]
    assert set(kind[suggest(features, even, labelled, most=2)]) == {4, 5}


def test_of_kinds_alike_that_comes_first_of_which_the_model_is_unsure(rng):
    features, kind = kinds(rng)
    chances = np.tile(np.array([0.98, 0.01, 0.01], np.float32), (len(features), 1))
    chances[kind == 3] = [0.4, 0.38, 0.22]
    assert kind[suggest(features, chances, features[:0], most=1)] == 3


def test_few_tiles_and_many_are_no_trouble(rng):
    features, _ = kinds(rng, 400)
    even = np.full((len(features), 4), 0.25, np.float32)
    found = suggest(features.astype(np.float16), even, features[:3].astype(np.float16))
    assert len(set(found.tolist())) == len(found) == 12
    assert suggest(features[:0], even[:0], features[:0]).tolist() == []
    assert suggest(features[:1], even[:1], features[:0]).tolist() == [0]
