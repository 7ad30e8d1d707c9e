import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gastropath.bundle.files import open_bundle
from gastropath.images import load_tile
from gastropath.inference.classifier import Classifier
from gastropath.training.backbones import backbone
from gastropath.training.export import export_graph
from gastropath.training.feature_network import feature_network, with_head
from gastropath.training.methods.cnn import specified_cnn
from gastropath.training.precisions import export_floating
from gastropath.training.run import Run

TILE_PX = 96  # of the finished run


@pytest.fixture(scope="module")
def image_files(synthetic_tiles, tmp_path_factory):
    """Tiles of several sizes and formats, as files."""
    folder = tmp_path_factory.mktemp("sizes")
    files = []
    sources = sorted(synthetic_tiles.glob("*/*_1.png"))
    for source, size in zip(sources, (68, 77, 89, 96, 97, 110, 224, 400), strict=True):
        for suffix in ("png", "jpg"):
            file = folder / f"{source.stem}_{size}.{suffix}"
            Image.open(source).resize((size, size), Image.Resampling.LANCZOS).save(file)
            files.append(file)
    return files


@pytest.fixture(scope="module")
def keras_model(finished_run) -> keras.Sequential:
    model = keras.models.load_model(finished_run / "bestmodel.keras")
    assert isinstance(model, keras.Sequential)
    return model


def test_from_image_files_the_bundle_answers_as_keras_does(finished_run, keras_model, image_files):
    classifier = Classifier.load(finished_run)
    ours = classifier.predict(image_files).probabilities
    theirs = keras_model.predict(np.stack([load_tile(file, TILE_PX) for file in image_files]), verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.ptp(theirs, axis=0).max() > 0.05  # the model tells these tiles apart, so equality means something


def test_float16_halves_the_graph_and_hardly_moves_the_answers(finished_run, keras_model, image_files, tmp_path):
    bundle = export_floating(Run(finished_run), tmp_path / "half", "float16")
    assert bundle.graph.stat().st_size < 0.51 * open_bundle(finished_run).graph.stat().st_size
    ours = Classifier.load(tmp_path / "half").predict(image_files).probabilities
    theirs = keras_model.predict(np.stack([load_tile(file, TILE_PX) for file in image_files]), verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_an_export_in_float32_is_the_bundle_of_the_run(finished_run, image_files, tmp_path):
    export_floating(Run(finished_run), tmp_path / "again", "float32")
    again, first = (Classifier.load(model).predict(image_files) for model in (tmp_path / "again", finished_run))
    np.testing.assert_allclose(again.probabilities, first.probabilities, atol=1e-6)


def test_the_class_activation_maps_are_grad_cam(finished_run, keras_model, image_files):
    tiles = np.stack([load_tile(file, TILE_PX) for file in image_files[:4]])
    ours = Classifier.load(finished_run).graph.run(tiles)["cam"]
    temperature = open_bundle(finished_run).card.calibration.temperature  # the Keras model is divided by it
    hidden, output = keras_model.get_layer("features"), keras_model.get_layer("probabilities")
    pooled = keras.Model(keras_model.inputs, keras_model.get_layer("pool_3").output)
    for number in range(ours.shape[-1]):
        with tf.GradientTape() as tape:
            maps = pooled(tiles)
            tape.watch(maps)
            activated = tf.nn.relu(tf.reshape(maps, [len(tiles), -1]) @ hidden.kernel + hidden.bias)
            logit = (activated @ output.kernel + output.bias)[:, number]
        weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
        theirs = tf.nn.relu(tf.einsum("nhwk,nk->nhw", maps, weights * temperature)).numpy()
        np.testing.assert_allclose(ours[..., number], theirs, atol=1e-5 * max(1.0, theirs.max()))
    assert ours.max() > 0


@pytest.mark.parametrize("kind", ["specified", "features"])
def test_what_was_built_before_leaves_no_trace_in_the_graph(kind):
    """A run that goes on with a finished training builds fewer networks than one that nobody interrupted."""
    if kind == "specified":
        model = specified_cnn(3, 64)
    else:
        features = feature_network(backbone("efficientnet-lite0", 64), ("block_05", "last"))
        model = with_head(features, np.zeros((features.output_shape[-1], 3)), np.zeros(3))
    first = export_graph(model)
    for _ in range(2):
        specified_cnn(2, 32)
        keras.Model(model.inputs, model.layers[-1].output)
    assert export_graph(model) == first
