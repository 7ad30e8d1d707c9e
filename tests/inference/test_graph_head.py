from pathlib import Path

import numpy as np
import pytest

from gastropath.errors import BadBundle
from gastropath.inference.graph import Interpreters
from gastropath.inference.graph_head import read_head, with_head
from gastropath.inference.linear_head import Head
from gastropath.training.lite0 import lite0, with_features
from gastropath.training.lite0 import with_head as with_last_layer
from gastropath.training.lite0_graph import write_graph

SIDE = 96


def graph_of(classes: int, precision: str = "float32", maps: tuple[str, ...] = ("block_05", "last")) -> bytes:
    layers = with_features(lite0(SIDE), maps)
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 1, (layers[-1].shape[0], classes)).astype(np.float32)
    return write_graph(with_last_layer(layers, kernel, rng.normal(0, 1, classes).astype(np.float32)), precision)  # pyright: ignore[reportArgumentType]


def tiles(rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    return rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8)


def check_replaced(graph: bytes, side: int, rng: np.random.Generator, tolerance: float) -> None:
    """A class more, a class fewer and the same: what stays is the same to the last bit, what is new is the head's."""
    old, pictures = read_head(graph), tiles(rng, side)
    before = Interpreters(graph).call(pictures)
    np.testing.assert_allclose(old.logits(before["features"]), before["logits"], atol=1e-5)
    new = rng.normal(0, 0.5, (len(old.kernel), 1)).astype(np.float32)
    more = Head(np.hstack([old.kernel, new]), np.append(old.bias, 0.25).astype(np.float32))
    fewer = Head(old.kernel[:, :-1], old.bias[:-1])
    for head in (more, fewer, old):
        after = Interpreters(with_head(graph, head)).call(pictures)
        n = min(len(old.bias), len(head.bias))
        assert after["logits"].shape == (2, len(head.bias))
        assert after["cam"].shape == (*before["cam"].shape[:3], len(head.bias))
        np.testing.assert_array_equal(after["features"], before["features"])
        np.testing.assert_array_equal(after["logits"][:, :n], before["logits"][:, :n])
        np.testing.assert_allclose(after["cam"][..., :n], before["cam"][..., :n], atol=max(1e-5, tolerance))
        np.testing.assert_allclose(after["logits"], head.logits(after["features"]), atol=tolerance)


@pytest.mark.parametrize(("classes", "precision", "tolerance"), [(8, "float32", 1e-5), (3, "float16", 2e-3)])
def test_a_head_is_replaced_in_a_graph_written_here(classes: int, precision: str, tolerance: float, rng):
    check_replaced(graph_of(classes, precision), SIDE, rng, tolerance)


def test_as_many_classes_as_the_grid_has_cells_are_told_from_them(rng):
    """96 px give a map of 3 x 3 cells: with three classes all its sides are alike."""
    graph = graph_of(3)
    head = read_head(graph)
    wider = Head(np.hstack([head.kernel] * 2), np.tile(head.bias, 2))
    cam = Interpreters(with_head(graph, wider)).call(tiles(rng))["cam"]
    assert cam.shape == (2, 3, 3, 6)
    np.testing.assert_allclose(cam[..., :3], cam[..., 3:], atol=1e-5)


def test_activation_maps_of_a_new_class_are_its_share_of_the_logit(rng):
    graph = graph_of(4)
    head = read_head(graph)
    kernel = np.hstack([head.kernel, rng.normal(0, 0.5, (len(head.kernel), 1)).astype(np.float32)])
    bias = np.append(head.bias, 0.5).astype(np.float32)
    found = Interpreters(with_head(graph, Head(kernel, bias))).call(tiles(rng))
    np.testing.assert_allclose(found["cam"].mean(axis=(1, 2)) + bias, found["logits"], atol=1e-4)


@pytest.mark.parametrize("run", ["finished_run", "transfer_run"])
def test_a_head_is_replaced_in_the_graph_of_a_run(run: str, request: pytest.FixtureRequest, rng):
    folder: Path = request.getfixturevalue(run)
    graph = (folder / "model" / "model.tflite").read_bytes()
    runner = Interpreters(graph)
    with runner.borrowed() as one:
        side = int(one.get_input_details()["image"]["shape"][1])
    check_replaced(graph, side, rng, 2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_head_is_replaced_in_graphs_that_tensorflow_converted(temperature: float, rng):
    from gastropath.training.backbones import backbone
    from gastropath.training.export import export_graph, quantised_graph
    from gastropath.training.feature_network import feature_network
    from gastropath.training.feature_network import with_head as joined

    network = feature_network(backbone("efficientnet-lite0", SIDE, ""), ("block_05", "last"))
    kernel = rng.normal(0, 1, (network.output_shape[-1], 7)).astype(np.float32)
    model = joined(network, kernel, rng.normal(0, 1, 7).astype(np.float32))
    check_replaced(quantised_graph(model, tiles(rng), temperature=temperature), SIDE, rng, 1e-4)
    check_replaced(export_graph(model, "float16", temperature=temperature), SIDE, rng, 1e-2)


def test_a_head_for_other_features_is_not_put_in():
    with pytest.raises(ValueError, match="a head on 7 features for a graph that gives"):
        with_head(graph_of(3), Head(np.zeros((7, 3), np.float32), np.zeros(3, np.float32)))


def test_what_is_no_graph_or_has_no_linear_head_is_refused():
    with pytest.raises(BadBundle, match="cannot be taken apart"):
        read_head(b"TFL3" * 40)
    features_only = write_graph(with_features(lite0(SIDE), ("last",)))
    with pytest.raises(BadBundle, match="cannot be taken apart"):
        read_head(features_only)
