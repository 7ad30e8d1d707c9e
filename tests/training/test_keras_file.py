"""Keras files hold nothing that only a later Keras knows, however deep models are nested."""

import json
import time
import zipfile

import keras
import numpy as np
from keras import layers

from gastropath.training.feature_network import PROBABILITIES
from gastropath.training.keras_file import LATER, save_for_older_keras
from gastropath.training.network import KerasNetwork


def nested() -> keras.Model:
    """Return a model that holds a model that holds a model."""
    deepest = keras.Sequential([layers.Conv2D(4, 3), layers.BatchNormalization()], name="deepest")
    given = keras.Input((8, 8, 3))
    inner = keras.Model(given, layers.GlobalAveragePooling2D()(deepest(given)), name="inner")
    image = keras.Input((8, 8, 3), dtype="uint8")
    return keras.Model(image, layers.Dense(3, "softmax", name=PROBABILITIES)(inner(layers.Rescaling(1 / 255)(image))))


def settings(file) -> list[str]:
    """Return the names of all settings in a file, at any depth."""
    found = []

    def look(value):
        if isinstance(value, dict):
            found.extend(value)
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    with zipfile.ZipFile(file) as archive:
        look(json.loads(archive.read("config.json")))
    return found


def test_a_nested_model_is_written_without_later_settings_and_answers_alike(tmp_path, rng):
    model, ours, theirs = nested(), tmp_path / "ours.keras", tmp_path / "theirs.keras"
    model.save(theirs)
    save_for_older_keras(model, ours)
    assert LATER.keys() & set(settings(theirs))  # else this test tells nothing
    assert not LATER.keys() & set(settings(ours))
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".partial")] == []
    again = keras.models.load_model(ours, compile=False)
    tiles = rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    assert isinstance(again, keras.Model)
    np.testing.assert_array_equal(np.asarray(again(tiles)), np.asarray(model(tiles)))


def test_a_setting_that_changes_the_answer_stays(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(renorm=True)])
    save_for_older_keras(model, tmp_path / "model.keras")
    assert "renorm" in settings(tmp_path / "model.keras")


def test_the_model_of_a_run_is_written_so_with_its_temperature(tmp_path):
    model, file = nested(), tmp_path / "bestmodel.keras"
    kernel = model.get_layer(PROBABILITIES).get_weights()[0]
    KerasNetwork(model).save(file, temperature=2.0)
    again = keras.models.load_model(file, compile=False)
    assert isinstance(again, keras.Model)
    np.testing.assert_array_equal(again.get_layer(PROBABILITIES).get_weights()[0], kernel / np.float32(2))
    assert not LATER.keys() & set(settings(file))


def test_the_same_model_is_the_same_bytes_whenever_it_is_saved(tmp_path, monkeypatch):
    model, files = nested(), (tmp_path / "now.keras", tmp_path / "later.keras")
    save_for_older_keras(model, files[0])
    later = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    save_for_older_keras(model, files[1])
    assert files[0].read_bytes() == files[1].read_bytes()
    with zipfile.ZipFile(files[0]) as archive:
        assert json.loads(archive.read("metadata.json")).keys() == {"keras_version"}
