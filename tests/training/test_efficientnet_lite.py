"""The backbone is the published network: its maps equal those that PyTorch's own operations gave."""

from importlib import resources
from pathlib import Path

import keras
import numpy as np
import pytest

from gastropath.errors import BadBundle
from gastropath.training import lite0
from gastropath.training.efficientnet_lite import efficientnet_lite0
from gastropath.training.lite0 import FEATURES, weights_sha256

RECORDED = Path(__file__).with_name("efficientnet_lite0.npz")


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    return efficientnet_lite0()


def test_pooled_maps_equal_those_recorded_from_pytorch(backbone):
    with np.load(RECORDED, allow_pickle=False) as recorded:
        names = [name for name in recorded.files if name != "tiles"]
        outputs = [backbone.get_layer(name).output for name in names if name != "head"] + [backbone.output]
        maps = keras.Model(backbone.inputs, outputs)(recorded["tiles"])
        for name, found in zip(names, maps, strict=True):
            np.testing.assert_allclose(np.mean(found, axis=(1, 2)), recorded[name], atol=2e-5, rtol=1e-4, err_msg=name)


def test_the_recorded_tiles_are_told_apart():
    with np.load(RECORDED, allow_pickle=False) as recorded:
        head = recorded["head"]
    assert head.shape == (3, FEATURES)
    assert np.linalg.norm(head[0] - head[1]) > 1


def test_it_is_built_of_keras_layers_alone_and_is_as_large_as_published(backbone, tmp_path):
    assert {type(layer).__module__.split(".")[0] for layer in backbone.layers} == {"keras"}
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in backbone.layers)
    assert backbone.count_params() == 3_413_024
    backbone.save(tmp_path / "backbone.keras")
    loaded: keras.Model = keras.models.load_model(tmp_path / "backbone.keras", compile=False)  # pyright: ignore[reportAssignmentType]
    tile = np.full((1, 224, 224, 3), 200, np.uint8)
    np.testing.assert_array_equal(loaded(tile), backbone(tile))


def test_other_tile_sizes_use_the_same_weights():
    small = efficientnet_lite0(96)
    assert small.output_shape == (None, 3, 3, FEATURES)


def test_the_weights_in_the_package_are_small_and_carry_their_licence():
    folder = resources.files("gastropath") / "backbones"
    assert len((folder / "efficientnet_lite0.npz").read_bytes()) < 8_000_000
    assert "Apache License" in (folder / "NOTICE.md").read_text("utf-8")
    assert len(weights_sha256()) == 64


def test_damaged_weights_are_refused(monkeypatch):
    monkeypatch.setattr(lite0, "weights_sha256", lambda: "0" * 64)
    with pytest.raises(BadBundle, match="install gastropath again"):
        efficientnet_lite0()
