import keras
import numpy as np
import pytest

from gastropath.errors import UnknownSetting
from gastropath.training.backbones import backbone
from gastropath.training.export import export_graph
from gastropath.training.feature_network import feature_network, with_head


@pytest.fixture(scope="module", params=["EfficientNetV2B0:efficientnet_v2", "ResNet50:resnet", "MobileNet:mobilenet"])
def known(request, tmp_path_factory):
    """A model of keras.applications with random weights, in a file; its own way to scale pixels."""
    name, module = request.param.split(":")
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(64, 64, 3))
    file = tmp_path_factory.mktemp("weights") / f"{name}.weights.h5"
    model.save_weights(file)
    return name, model, getattr(keras.applications, module).preprocess_input, str(file)


def test_a_keras_model_takes_plain_pixels_and_answers_as_its_makers_meant(known, rng):
    name, model, preprocess, file = known
    pixels = rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    ours = backbone(f"keras:{name}", 64, file)
    theirs = model.predict(preprocess(pixels.astype(np.float32)), verbose=0)
    np.testing.assert_allclose(ours.model.predict(pixels, verbose=0), theirs, rtol=1e-3, atol=1e-3 * theirs.max())
    assert ours.sha256 != backbone("efficientnet-lite0", 64).sha256


def test_a_whole_model_on_a_keras_backbone_saves_loads_and_exports(known, tmp_path, rng):
    name, _, _, file = known
    features = feature_network(backbone(f"keras:{name}", 64, file), ("last",))
    width = features.output_shape[-1]
    model = with_head(features, rng.normal(size=(width, 3)), np.zeros(3))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    pixels = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    assert isinstance(again, keras.Model)
    np.testing.assert_array_equal(np.asarray(again(pixels)), np.asarray(model(pixels)))
    assert export_graph(again)[4:8] == b"TFL3"


def test_names_that_do_not_exist_are_refused_with_a_hint():
    with pytest.raises(UnknownSetting, match="did you mean 'ResNet50'"):
        backbone("keras:ResNet5O", 64)
    with pytest.raises(UnknownSetting, match="keras:NAME"):
        backbone("resnet", 64)
    with pytest.raises(UnknownSetting, match="did you mean 'block_11'"):
        backbone("efficientnet-lite0", 64).map("blok_11")


def test_without_network_and_weights_file_the_error_says_what_to_do(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("URL fetch failure: no network")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    with pytest.raises(UnknownSetting, match=r"could not be downloaded.*weights=FILE.*backbone=efficientnet-lite0"):
        backbone("keras:EfficientNetV2B0", 64)


def test_weights_that_are_missing_or_of_another_network_are_refused(tmp_path, known):
    with pytest.raises(UnknownSetting, match="no such file"):
        backbone("keras:MobileNetV2", 64, str(tmp_path / "none.weights.h5"))
    with pytest.raises(UnknownSetting, match="does not fit"):
        backbone("keras:MobileNetV2", 64, known[3])
    with pytest.raises(UnknownSetting, match="comes with its own"):
        backbone("efficientnet-lite0", 64, known[3])
