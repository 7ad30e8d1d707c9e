"""The recipe ``finetune``: the transfer model, trained on end to end."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gastropath.data.index import find_tiles
from gastropath.errors import UnknownSetting
from gastropath.images import load_tile
from gastropath.inference.classifier import Classifier
from gastropath.training.features import FeatureStore
from gastropath.training.methods.finetune import compiled
from gastropath.training.precisions import export_integers
from gastropath.training.recipe import FinetuneRecipe, read_recipe
from gastropath.training.run import Run

QUICK = ["tile_px=64", "epochs=3", "batch_size=16", "strength=10"]


def recipe(*changes: str) -> FinetuneRecipe:
    found = read_recipe("finetune", [*QUICK, *changes])
    assert isinstance(found, FinetuneRecipe)
    return found


def finetuned(tiles: Path, run: Path, *changes: str) -> list[dict[str, str]]:
    """Train through the command line and return the history."""
    command = [sys.executable, "-m", "gastropath", "train", str(tiles), "--recipe", "finetune", "--out", str(run)]
    command += ["--checks", "none"]
    command += [word for change in (*QUICK, *changes) for word in ("--set", change)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


def small_network() -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(4, 3, name="conv")(image))
    return keras.Model(image, keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(x)))


def test_the_learning_rate_rises_in_the_warm_up_and_falls_to_nothing_along_a_cosine():
    model = compiled(small_network(), recipe("learning_rate=0.01", "warmup_epochs=1", "epochs=5"), 10)
    rate = model.optimizer._learning_rate
    rates = [float(rate(step)) for step in (0, 5, 10, 30, 50)]
    np.testing.assert_allclose(rates, [0, 0.005, 0.01, 0.005, 0], atol=1e-6)


def test_without_warm_up_it_begins_at_its_highest():
    model = compiled(small_network(), recipe("learning_rate=0.01", "warmup_epochs=0", "epochs=5"), 10)
    assert float(model.optimizer._learning_rate(0)) == pytest.approx(0.01)


def test_all_is_trained_but_batch_normalisation():
    model = compiled(small_network(), recipe(), 10)
    assert [variable.name for variable in model.trainable_variables] == ["kernel", "bias"] * 2
    before = np.asarray(model.get_layer("norm").moving_mean)
    model.train_on_batch(np.ones((4, 8, 8, 3)), np.eye(3)[[0, 1, 2, 0]])
    np.testing.assert_array_equal(before, model.get_layer("norm").moving_mean)


@pytest.mark.slow
def test_it_goes_on_from_the_transfer_model_and_ends_in_a_bundle_that_answers_alike(synthetic_tiles, tmp_path):
    run = tmp_path / "run"
    history = finetuned(synthetic_tiles, run)
    assert list(history[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_macro_f1"]
    assert [int(row["epoch"]) for row in history] == [0, 1, 2, 3]
    assert float(history[0]["val_accuracy"]) > 0.5  # epoch 0 is the transfer model
    files = sorted(synthetic_tiles.glob("*/*.png"))[::5]
    tiles = np.stack([load_tile(file, 64) for file in files])
    model = keras.models.load_model(run / "bestmodel.keras")
    assert isinstance(model, keras.Model)
    ours, theirs = Classifier.load(run).predict(tiles), model.predict_on_batch(tiles)
    np.testing.assert_allclose(ours.probabilities, theirs, atol=1e-4)
    card = Classifier.load(run).card
    assert card.name.startswith("GastroPath finetune")
    assert card.calibration.fitted_on == "validation"
    assert card.domain is not None
    assert json.loads((run / "metrics.json").read_text())["accuracy"]["value"] > 0.5
    with pytest.raises(UnknownSetting, match="only 'transfer'"):
        export_integers(Run(run), find_tiles([synthetic_tiles]), tmp_path / "int8", FeatureStore(tmp_path))


@pytest.mark.slow
def test_where_training_on_only_harms_the_transfer_model_is_kept(synthetic_tiles, tmp_path):
    run = tmp_path / "run"
    history = finetuned(synthetic_tiles, run, "learning_rate=1.0", "warmup_epochs=0", "epochs=1")
    assert float(history[1]["val_macro_f1"]) < float(history[0]["val_macro_f1"])
    assert json.loads((run / "metrics.json").read_text())["val_accuracy"]["value"] == pytest.approx(
        float(history[0]["val_accuracy"]), abs=0.001
    )


TWO_DEVICES = """
import sys
import tensorflow as tf

names = sys.argv[4:]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from pathlib import Path
import numpy as np
from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split
from gastropath.training import epochs
from gastropath.training.context import TrainingContext
from gastropath.training.features import FeatureStore
from gastropath.training.recipe import read_recipe

tiles, run, cache = map(Path, sys.argv[1:4])
index = find_tiles([tiles], ("LYM", "MUS", "TUM"))
parts = tuple("val" if row % 3 == 0 else "train" for row in range(len(index)))
recipe = read_recipe("finetune", ["tile_px=64", "epochs=2", "batch_size=16", "strength=10"])
split = Split(index, parts, "file", None)
epochs.devices = lambda: names
assert epochs.strategy().num_replicas_in_sync == max(1, len(names))
trained = recipe.train(TrainingContext(split, run, FeatureStore(cache)))
np.savez(run / "answers.npz", logits=trained.held_out.logits, history=(run / "history.csv").read_text())
"""


@pytest.mark.slow
def test_two_devices_share_each_batch_and_give_the_same_model_as_one(synthetic_tiles, tmp_path):
    found = []
    for name, devices in (("one", []), ("two", ["CPU:0", "CPU:1"])):
        run = tmp_path / name
        run.mkdir()
        command = [sys.executable, "-c", TWO_DEVICES, synthetic_tiles, run, tmp_path / "cache", *devices]
        subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
        with np.load(run / "answers.npz") as answers, (run / "history.csv").open() as file:
            found.append((answers["logits"], list(csv.DictReader(file))))
    (one, history_of_one), (two, history_of_two) = found
    np.testing.assert_allclose(one, two, atol=0.02)
    for ours, theirs in zip(history_of_one, history_of_two, strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=0.002)
    assert np.ptp(one, axis=0).min() > 1
