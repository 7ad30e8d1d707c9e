"""The backbone's own graph and Keras file are what Keras and TensorFlow make of the same layers."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from gastropath.inference.graph import Interpreters
from gastropath.inference.linear_head import Head
from gastropath.training.backbones import backbone
from gastropath.training.export import export_graph
from gastropath.training.feature_network import feature_network, with_head
from gastropath.training.lite0 import lite0
from gastropath.training.lite0_graph import can_write
from gastropath.training.network import LiteBackbone, LiteNetwork, frozen_backbone

SIDE, CLASSES = 96, 3
MAPS = ("block_05", "block_08_expand_relu", "last")


@pytest.fixture(scope="module")
def own() -> LiteNetwork:
    found = frozen_backbone("efficientnet-lite0", "", MAPS, SIDE)
    assert isinstance(found, LiteBackbone)
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(found.frozen.width, CLASSES)).astype(np.float32)
    return found.with_head(Head(kernel, rng.normal(size=CLASSES).astype(np.float32)))


@pytest.fixture(scope="module")
def in_keras(own) -> keras.Model:
    return with_head(feature_network(backbone("efficientnet-lite0", SIDE), MAPS), *own.layers[-1].weights)


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)


def test_the_graph_answers_as_tensorflow_s_converter_would_have_it(own, in_keras, tiles):
    found, expected = (Interpreters(graph).call(tiles) for graph in (own.graph(), export_graph(in_keras)))
    assert set(found) == set(expected) == {"logits", "features", "cam"}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=3e-5, rtol=1e-5, err_msg=name)
    alone = frozen_backbone("efficientnet-lite0", "", MAPS, SIDE).frozen.graph()
    np.testing.assert_array_equal(Interpreters(alone).call(tiles)["features"], found["features"])


def test_half_precision_halves_the_graph_and_hardly_changes_it(own, tiles):
    half = own.graph("float16")
    assert len(half) < 0.52 * len(own.graph())
    assert Interpreters(half).call(tiles)["logits"] == pytest.approx(
        Interpreters(own.graph()).call(tiles)["logits"], abs=0.1
    )


def test_a_tile_without_a_picture_has_finite_features(own):
    black = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    assert all(np.isfinite(values).all() for values in Interpreters(own.graph()).call(black).values())


def test_keras_opens_the_file_and_finds_the_very_same_model(own, in_keras, tiles, tmp_path, recwarn):
    own.save(tmp_path / "own.keras")
    opened = keras.models.load_model(tmp_path / "own.keras")
    assert isinstance(opened, keras.Model)
    assert [(layer.name, type(layer)) for layer in opened.layers] == [(x.name, type(x)) for x in in_keras.layers]
    np.testing.assert_array_equal(opened(tiles), in_keras(tiles))
    assert not [warning for warning in recwarn if "structure" in str(warning.message)]
    opened.save(tmp_path / "again.keras")


def test_the_file_is_divided_by_the_temperature_and_is_the_same_every_time(own, tmp_path, tiles):
    own.save(tmp_path / "a.keras", 2.0)
    own.save(tmp_path / "b.keras", 2.0)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    cooled = keras.models.load_model(tmp_path / "a.keras")
    assert isinstance(cooled, keras.Model)
    logits = Interpreters(own.graph()).call(tiles)["logits"]
    np.testing.assert_allclose(np.asarray(cooled(tiles)), np.asarray(keras.ops.softmax(logits / 2)), atol=1e-5)


def test_the_file_names_nothing_that_an_older_keras_does_not_know(own, tmp_path):
    own.save(tmp_path / "own.keras")
    with zipfile.ZipFile(tmp_path / "own.keras") as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    assert not {"kernel_initializer", "depthwise_initializer"} & {key for layer in layers for key in layer["config"]}


@pytest.mark.parametrize(
    ("maps", "tile_px", "written"),
    [
        (("block_05", "block_11", "last"), 224, True),
        (("block_03",), 100, True),
        (("block_05", "last"), 100, False),  # 13 cells do not fall together with 4
        (("stem_norm",), 224, False),  # within a convolution
        (("block_99",), 224, False),
    ],
)
def test_what_the_graph_cannot_be_written_for_is_left_to_tensorflow(maps, tile_px, written):
    assert can_write(lite0(tile_px, pretrained=False), maps) == written


def test_training_a_head_starts_no_tensorflow(synthetic_tiles, tmp_path):
    code = (
        "import sys, gastropath\n"
        "gastropath.train(sys.argv[1], sys.argv[2], classes=['TUM', 'LYM'], "
        "settings={'views': 1, 'strength': 3}, checks='none')\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    arguments = [sys.executable, "-c", code, str(synthetic_tiles), str(tmp_path / "run")]
    told = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    assert told.strip() == "[]"
    assert Path(tmp_path / "run" / "bestmodel.keras").is_file()
