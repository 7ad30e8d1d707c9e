"""Activation maps that tell the truth pass, and maps that do not fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gastropath.bundle.files import open_bundle
from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.faithfulness import LEAST_GAIN, _compared, _Curves, explanation_checks
from gastropath.evaluation.sample import Sample
from gastropath.evaluation.shuffled import shuffled
from gastropath.inference.classifier import Classifier
from gastropath.report.sections.faithfulness import maps_in_words
from gastropath.results.card import Card, CardClass, CardInput, TrainingData
from gastropath.results.metrics import Metrics

SIDE = 56
CARD = Card(
    name="busy or quiet", created="2026-01-01", classes=(
        CardClass(code="BUSY", name="busy", color="#000000"), CardClass(code="QUIET", name="quiet", color="#ffffff")
    ), input=CardInput(tile_px=SIDE, mpp=0.5), precision="float32", training_data=TrainingData(
        name="none", n_tiles=0, licence="none", sha256="", synthetic=True
    ), files={}, versions={},
)  # fmt: skip


def network(maps: str) -> Classifier:
    """Build a network that sees edges anywhere in a tile, and shows where it saw them, or something else."""
    rng = np.random.default_rng(0)
    laplacian = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32)[..., None, None]
    edges = tf.constant(laplacian * rng.choice([-1, 1], (1, 1, 3, 8)).astype(np.float32))
    mixing = tf.constant(np.full((8, 64), 1 / 8, np.float32))
    ramp = tf.constant(np.linspace(0, 1, 7, dtype=np.float32)[None, None, :, None])

    @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = tf.cast(image, tf.float32) / 255
        framed = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")  # or the frame of the tile were an edge
        seen = tf.nn.relu(tf.nn.conv2d(framed, edges, 1, "VALID"))
        seen = tf.nn.avg_pool2d(seen, 8, 8, "VALID")  # (n, 7, 7, 8)
        mixed = tf.tensordot(seen, mixing, 1)
        of_busy = tf.reduce_sum(mixed, axis=-1, keepdims=True)
        busy = 0.5 * tf.reduce_mean(of_busy, axis=(1, 2))
        shown = {"true": of_busy, "opposite": 100 - of_busy, "ramp": 0 * of_busy + ramp}[maps]
        logits = tf.concat([busy, 1 + 0 * busy], axis=1)
        return {"logits": logits, "features": tf.reduce_mean(seen, (1, 2)), "cam": tf.concat([shown, shown], axis=-1)}

    return Classifier(CARD, converted(serve))


def converted(function: Any) -> bytes:
    module = tf.Module()
    module.serve = function  # pyright: ignore[reportAttributeAccessIssue]
    return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module).convert()


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    """Bright tiles with dark noise in one quarter: filters of chance see the brightness, a Laplacian sees the noise."""
    rng, drawn = np.random.default_rng(1), np.full((24, SIDE, SIDE, 3), 230, np.uint8)
    for tile in drawn:
        top, left = rng.integers(0, SIDE // 2, 2)
        tile[top : top + SIDE // 2, left : left + SIDE // 2] = rng.integers(0, 120, (SIDE // 2, SIDE // 2, 3))
    return drawn


def checked(maps: str, tiles: np.ndarray):
    classifier = network(maps)
    answers, busy = classifier.predict(tiles), np.zeros(len(tiles), int)
    assert (answers.numbers == busy).all()
    return explanation_checks(
        classifier, Sample(tiles, answers, busy, Resampling(np.arange(len(tiles)), "tiles", None, 0))
    )


def test_a_map_of_what_the_network_sees_passes_deletion_and_insertion(tiles):
    found = checked("true", tiles)
    assert (found.deletion.passed, found.insertion.passed) == (True, True)
    assert found.deletion.gain.is_above_zero
    assert found.insertion.gain.is_above_zero


def test_the_maps_of_a_network_that_was_never_trained_do_not_pass(tiles):
    rng = np.random.default_rng(5)
    filters, head = (tf.constant(rng.normal(0, 0.1, shape).astype(np.float32)) for shape in ((5, 5, 3, 64), (64, 2)))

    @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        seen = tf.nn.relu(tf.nn.conv2d(tf.cast(image, tf.float32) / 255, filters, 1, "SAME"))
        shown = tf.tensordot(tf.nn.avg_pool2d(seen, 8, 8, "VALID"), head, 1)
        features = tf.reduce_mean(seen, (1, 2))
        return {"logits": tf.matmul(features, head), "features": features, "cam": shown}

    classifier = Classifier(CARD, converted(serve))
    answers = classifier.predict(tiles)
    found = explanation_checks(
        classifier, Sample(tiles, answers, answers.numbers, Resampling(np.arange(len(tiles)), "tiles", None, 0))
    )
    assert found.deletion.gain.is_above_zero  # it is a network, and these are its maps: more than nothing
    assert not found.deletion.passed
    assert not found.insertion.passed
    assert "FAILED" in maps_in_words(found)


def test_a_map_must_gain_more_than_the_maps_of_shuffled_networks():
    ends, rows = np.array([1.0, 0.5, 0.0]), Resampling(np.arange(30), "tiles", None, 0)

    def curve(middle: float) -> np.ndarray:
        return np.tile(ends + np.array([0, middle - 0.5, 0]), (30, 1))

    def judged(of_shuffled: float):
        by = {"deletion": curve(0.3)}, {"deletion": curve(of_shuffled)}, {"deletion": curve(0.5)}
        return _compared(_Curves(np.array([0, 0.5, 1]), *by), "deletion", rows)

    assert (judged(0.4).limit, judged(0.4).passed) == (pytest.approx(0.05), True)
    assert (judged(0.2).limit, judged(0.2).passed) == (pytest.approx(0.15), False)
    assert (judged(0.7).limit, judged(0.7).passed) == (LEAST_GAIN, True)


def test_maps_that_are_the_same_all_over_are_not_compared(tiles):
    _, every_layer = checked("true", tiles).randomised
    assert 0 < every_layer.silent < 1  # a network of eight filters is often silent when its weights are shuffled
    assert every_layer.passed


def test_a_model_whose_maps_pass_is_said_to_pass(finished_run):
    explained = Metrics.model_validate_json((finished_run / "metrics.json").read_bytes()).explanations
    assert explained is not None
    assert ("passed the checks" in maps_in_words(explained)) == explained.passed


def test_a_map_of_the_opposite_fails_deletion_and_insertion(tiles):
    found = checked("opposite", tiles)
    assert (found.deletion.passed, found.insertion.passed) == (False, False)
    assert found.deletion.gain.numbers[0] < 0
    assert "FAILED" in maps_in_words(found)


def test_a_map_that_does_not_depend_on_the_weights_fails_the_randomisation(tiles):
    found = checked("ramp", tiles)
    for check in found.randomised:
        assert check.correlation is not None
        assert check.correlation.value == pytest.approx(1)
        assert not check.passed
    assert "hardly depend on what the model learned" in maps_in_words(found)


def test_both_curves_run_between_the_whole_and_the_blurred_tile(tiles):
    found = checked("true", tiles)
    for curve in (found.deletion, found.insertion):
        assert (curve.share[0], curve.share[-1]) == (0, 1)
        assert curve.by_map[0] == pytest.approx(curve.by_chance[0])
        assert curve.by_map[-1] == pytest.approx(curve.by_chance[-1])
    assert found.deletion.by_map[0] == pytest.approx(found.insertion.by_map[-1])


@pytest.mark.parametrize("weights", ["head", "all"])
def test_shuffling_keeps_the_numbers_of_a_graph_and_changes_its_answers(weights, tiles):
    classifier = network("true")
    other = Classifier(CARD, shuffled(classifier.graph.content, weights, seed=3))
    assert len(other.graph.content) == len(classifier.graph.content)
    assert not np.allclose(other.graph.run(tiles)["logits"], classifier.graph.run(tiles)["logits"])
    assert shuffled(classifier.graph.content, weights, seed=3) == other.graph.content


def test_only_the_head_is_shuffled_where_only_the_head_is_meant(tiles):
    classifier = network("true")
    before, after = (
        Classifier(CARD, graph).graph.run(tiles)["features"]
        for graph in (classifier.graph.content, shuffled(classifier.graph.content, "head"))
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("precision", ["float16", pytest.param("int8", marks=pytest.mark.slow)])
def test_graphs_of_other_precisions_are_shuffled_too(precision, transfer_run, synthetic_tiles, tmp_path):
    from gastropath.data.index import find_tiles
    from gastropath.training.features import FeatureStore
    from gastropath.training.precisions import export_floating, export_integers
    from gastropath.training.run import Run

    if precision == "int8":
        bundle = export_integers(
            Run(transfer_run), find_tiles([synthetic_tiles]), tmp_path / "model", FeatureStore(tmp_path / "cache")
        )
    else:
        bundle = export_floating(Run(transfer_run), tmp_path / "model", precision)
    graph = bundle.graph.read_bytes()
    image = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    before, after = (Classifier(bundle.card, content).graph.run(image) for content in (graph, shuffled(graph, "all")))
    assert not np.allclose(before["features"], after["features"])
    assert np.isfinite(after["logits"]).all()


def test_a_graph_without_weights_is_an_error():
    @tf.function(input_signature=[tf.TensorSpec([1], tf.float32)])
    def bare(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + 1}

    with pytest.raises(ValueError, match="no constants"):
        shuffled(converted(bare), "all")


def test_the_card_of_a_run_tells_what_its_maps_are_worth(finished_run):
    metrics = open_bundle(finished_run / "model").card.metrics
    assert metrics is not None
    explained = metrics.explanations
    assert explained is not None
    assert explained.cells == 49
    assert {check.what for check in explained.randomised} == {
        "the layers after the last convolution",
        "all layers",
    }
