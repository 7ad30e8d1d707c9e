"""The recipe ``transfer``, end to end through the command line, on synthetic tiles."""

import colorsys
import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from gastropath.bundle.files import open_bundle
from gastropath.images import load_tile
from gastropath.inference.classifier import Classifier
from gastropath.inference.selftest import examine
from gastropath.training.precisions import export_floating
from gastropath.training.run import Run


def gastropath(*arguments) -> str:
    command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pixels(synthetic_tiles) -> np.ndarray:
    return np.stack([load_tile(file, 224) for file in sorted(synthetic_tiles.glob("*/*.png"))[::4]])


@pytest.fixture(scope="module")
def model(transfer_run) -> keras.Model:
    loaded = keras.models.load_model(transfer_run / "bestmodel.keras")
    assert isinstance(loaded, keras.Model)
    return loaded


def test_it_is_the_default_and_learns_the_tiles(transfer_run):
    metrics = json.loads((transfer_run / "metrics.json").read_text())
    assert metrics["accuracy"]["value"] > 0.5
    assert 'method = "transfer"\n' in (transfer_run / "recipe.toml").read_text()
    assert not (transfer_run / ".training").exists()


def test_the_bundle_answers_as_the_whole_keras_model_does(transfer_run, model, pixels):
    theirs = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(Classifier.load(transfer_run).predict(pixels).probabilities, theirs, atol=1e-4)
    assert np.ptp(theirs, axis=0).max() > 0.5


def test_in_half_precision_it_fits_in_eight_megabytes_and_keeps_its_answers(transfer_run, model, pixels, tmp_path):
    bundle = export_floating(Run(transfer_run), tmp_path / "half", "float16")
    assert bundle.graph.stat().st_size <= 8_000_000
    assert examine(tmp_path / "half").as_recorded
    ours, theirs = Classifier.load(tmp_path / "half").predict(pixels), model.predict(pixels, verbose=0)
    np.testing.assert_allclose(ours.probabilities, theirs, atol=0.01)
    assert (ours.numbers == theirs.argmax(axis=1)).mean() >= 0.99


@pytest.mark.slow
def test_in_integers_it_is_small_calibrated_anew_and_mostly_of_the_same_opinion(
    transfer_run, synthetic_tiles, model, pixels, tmp_path
):
    gastropath("export", transfer_run, "--precision", "int8", "--data", synthetic_tiles, "--out", tmp_path / "int8")
    bundle = open_bundle(tmp_path / "int8")
    assert bundle.graph.stat().st_size < open_bundle(transfer_run).graph.stat().st_size / 3
    assert bundle.card.precision == "int8"
    assert examine(tmp_path / "int8").as_recorded
    assert "VNNI" in " ".join(bundle.card.limitations)
    ours, theirs = Classifier.load(tmp_path / "int8").predict(pixels), model.predict(pixels, verbose=0)
    assert (ours.numbers == theirs.argmax(axis=1)).mean() > 0.85
    assert ours.is_accepted.mean() > 0.5


def test_exporting_again_gives_the_same_answers(transfer_run, pixels, tmp_path):
    export_floating(Run(transfer_run), tmp_path / "again", "float32")
    again, first = (Classifier.load(folder).predict(pixels) for folder in (tmp_path / "again", transfer_run))
    np.testing.assert_allclose(again.probabilities, first.probabilities, atol=1e-5)
    assert again.reasons == first.reasons


def test_the_activation_maps_add_up_to_the_logits(transfer_run, model, pixels):
    classifier = Classifier.load(transfer_run)
    answer = classifier.graph.run(pixels[:9])
    assert answer["cam"].shape == (9, 7, 7, 8)
    bias = model.get_layer("probabilities").get_weights()[1] * classifier.card.calibration.temperature
    np.testing.assert_allclose(answer["cam"].mean(axis=(1, 2)) + bias, answer["logits"], atol=2e-3)


def test_neither_batch_nor_company_changes_an_answer(transfer_run, pixels):
    classifier = Classifier.load(transfer_run)
    together = classifier.predict(pixels).probabilities
    alone = np.concatenate([classifier.predict(tile).probabilities for tile in pixels])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_eight_threads_share_a_classifier(transfer_run, pixels):
    classifier = Classifier.load(transfer_run)
    expected = classifier.predict(pixels).probabilities
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda tile: classifier.predict(tile).probabilities[0], list(pixels) * 2))
    np.testing.assert_allclose(answers, np.concatenate([expected, expected]), atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 0.1  # so that a mix-up would show


def test_the_card_says_how_it_was_calibrated_and_when_it_abstains(transfer_run):
    card = open_bundle(transfer_run).card
    assert card.calibration.method == "temperature"
    assert card.abstention is not None
    assert card.domain is not None
    assert card.domain.references == card.training_data.n_tiles
    readme = (transfer_run / "model" / "README.md").read_text()
    assert "Abstention" in readme
    assert "out of distribution" in readme.lower()


def test_what_is_no_tissue_is_not_named(transfer_run, rng):
    classifier = Classifier.load(transfer_run)
    strange = [rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(4)]
    strange += [np.full((224, 224, 3), color, np.uint8) for color in ((0, 0, 255), (255, 255, 255), (0, 0, 0))]
    assert classifier.predict(strange).is_abstained.all()


def test_averaging_eight_views_makes_turning_a_tile_all_one(transfer_run, pixels):
    classifier = Classifier.load(transfer_run)
    upright, turned = (
        classifier.predict(x, views=8).probabilities for x in (pixels[:6], np.rot90(pixels[:6], axes=(1, 2)))
    )
    np.testing.assert_allclose(upright, turned, atol=1e-4)


def test_a_second_run_with_other_settings_computes_no_feature_again(transfer_run, synthetic_tiles, tmp_path):
    code = (
        "from gastropath.training import features\n"
        "def none(graph): raise AssertionError('features were computed again')\n"
        "features.Interpreters = none\nfrom gastropath.cli.main import main\nmain()"
    )
    arguments = ["train", synthetic_tiles, "--out", tmp_path / "run", "--set", "strength=3", "--set", "abstain_at=0.95"]
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True)
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.slow
def test_folds_give_every_tile_an_answer_of_a_model_that_has_not_seen_it(synthetic_tiles, tmp_path):
    run = tmp_path / "run"
    two = ("--classes", "TUM,LYM", "--set", "strength=10", "--set", "views=1")
    out = gastropath("train", synthetic_tiles, *two, "--out", run, "--folds", 3)
    assert "In cross-validation over" in out
    with (run / "oof.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["path", "true_label", "predicted_label", "confidence"]
    with (run / "split.csv").open() as file:
        folds = {row["path"]: row["fold"] for row in csv.DictReader(file) if row["fold"]}
    assert {row["path"]: row["fold"] for row in rows} == folds
    assert {row["fold"] for row in rows} == {"0", "1", "2"}
    assert np.mean([row["true_label"] == row["predicted_label"] for row in rows]) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 50])
def test_own_classes_of_own_names_are_learned(tmp_path, rng, n_classes):
    from PIL import Image

    for number in range(n_classes):
        color = np.array(colorsys.hsv_to_rgb(number / n_classes, 0.7, 0.8)) * 255
        folder = tmp_path / "tiles" / f"kind {number:02d}"
        folder.mkdir(parents=True)
        for i in range(10 if number else 6):
            noisy = np.clip(color + rng.normal(0, 5, (90, 90, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"x_{i}.png")
    settings = [word for setting in ("tile_px=64", "views=1", "strength=300") for word in ("--set", setting)]
    gastropath("train", tmp_path / "tiles", "--out", tmp_path / "run", *settings, "--mpp", "0.5")
    assert Classifier.load(tmp_path / "run").classes == tuple(f"kind {number:02d}" for number in range(n_classes))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["accuracy"]["value"] > (0.9 if n_classes == 2 else 0.5)


def test_the_run_folder_is_as_designed(transfer_run: Path):
    assert {"recipe.toml", "split.csv", "bestmodel.keras", "history.csv", "metrics.json", "model"} <= {
        path.name for path in transfer_run.iterdir()
    }
    assert (transfer_run / "history.csv").read_text().startswith("strength,nll,macro_f1\n")
