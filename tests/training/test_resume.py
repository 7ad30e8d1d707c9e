"""Runs killed with SIGKILL, as by a power cut or a cluster's time limit."""

import csv
import json
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from gastropath.data.audit.audit import audit_tiles
from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split, read_split, split_of_run
from gastropath.errors import CannotResume, CannotWrite
from gastropath.training.checkpoint import TrainingState
from gastropath.training.recipe import read_recipe
from gastropath.training.run import Run
from gastropath.training.start import RunOptions, Start

SETTINGS = {
    "baseline": ["epochs=8", "patience=3", "tile_px=64", "batch_size=4", "monitor=val_accuracy", "seed=20"],
    "finetune": ["epochs=4", "tile_px=64", "batch_size=4", "strength=10", "learning_rate=0.003", "views=1"],
}

KILLER = """
import os, signal, sys

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def in_batch(n):
    from gastropath.training.checkpoint import Reporter
    seen = iter(range(n))
    Reporter.on_train_batch_end = lambda self, batch, logs=None: next(seen, None) is None and die()

def in_half_a_state(n):
    import numpy as np
    calls = iter(range(n))
    real = np.savez
    def savez(file, **arrays):
        real(file, **arrays)
        if next(calls, None) is None:
            file.truncate(file.tell() // 2)
            file.flush()
            die()
    np.savez = savez

def in_half_a_model(n):
    import keras
    calls = iter(range(n))
    real = keras.Model.save
    def save(self, path, *args, **kwargs):
        real(self, path, *args, **kwargs)
        if next(calls, None) is None:
            os.truncate(path, os.path.getsize(path) // 2)
            die()
    keras.Model.save = save

def in_the_bundle(n):
    from gastropath.bundle import files
    files.sha256 = lambda file: die()

where, n = sys.argv.pop(1), int(sys.argv.pop(1))
if where != "nowhere":
    globals()[where](n)
from gastropath.cli.main import main
main()
"""


def _train(
    tiles: Path,
    run: Path,
    *,
    recipe: str = "baseline",
    kill: tuple[str, int] = ("nowhere", 0),
    resume: bool = False,
) -> int:
    settings = [word for setting in SETTINGS[recipe] for word in ("--set", setting)]
    command = [
        sys.executable,
        "-c",
        KILLER,
        kill[0],
        str(kill[1]),
        "train",
        str(tiles),
        "--recipe",
        recipe,
        "--out",
        str(run),
        "--checks",
        "none",
        *settings,
    ]
    done = subprocess.run([*command, *["--resume"] * resume], capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


def _weights(run: Path) -> list[np.ndarray]:
    model = keras.models.load_model(run / "bestmodel.keras")
    assert isinstance(model, keras.Model)
    return [np.asarray(variable) for variable in model.weights]


@pytest.fixture(scope="module")
def few_tiles(tmp_path_factory) -> Path:
    from gastropath.data.synthetic.tiles import write_tiles

    folder = tmp_path_factory.mktemp("few") / "tiles"
    write_tiles(folder, tiles_per_class=6, seed=1)
    for code in ("ADI", "DEB", "MUC", "NOR", "STR"):
        for file in (folder / code).iterdir():
            file.unlink()
        (folder / code).rmdir()
    return folder


@pytest.fixture(scope="module")
def uninterrupted(few_tiles, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    assert _train(few_tiles, run) == 0
    return run


@pytest.mark.slow
def test_a_run_killed_four_times_ends_with_the_same_history_and_the_same_weights(few_tiles, uninterrupted, tmp_path):
    run = tmp_path / "run"
    moments = random.Random(11)
    kills = [
        ("in_batch", moments.randrange(1, 8)),
        ("in_half_a_state", moments.randrange(0, 2)),
        ("in_half_a_model", 0),
        ("in_the_bundle", 0),
    ]
    for i, kill in enumerate(kills):
        assert _train(few_tiles, run, kill=kill, resume=i > 0) == -signal.SIGKILL, f"{kill} did not kill"
        assert not (run / "metrics.json").exists()
        for file in run.glob("*.keras"):
            keras.models.load_model(file)  # whatever bears its final name is whole
    assert _train(few_tiles, run, resume=True) == 0
    assert _history(run) == _history(uninterrupted)
    for ours, theirs in zip(_weights(run), _weights(uninterrupted), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (run / "predictions.csv").read_bytes() == (uninterrupted / "predictions.csv").read_bytes()
    assert sorted(p.name for p in run.iterdir()) == sorted(p.name for p in uninterrupted.iterdir())
    assert not (run / ".training").exists()


@pytest.mark.slow
def test_fine_tuning_killed_at_every_kind_of_moment_ends_with_the_same_history_and_the_same_weights(
    few_tiles, tmp_path
):
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert _train(few_tiles, whole, recipe="finetune") == 0
    kills = [("in_half_a_model", 0), ("in_half_a_state", 0), ("in_batch", 2), ("in_batch", 5), ("in_the_bundle", 0)]
    for i, kill in enumerate(kills):
        assert _train(few_tiles, run, recipe="finetune", kill=kill, resume=i > 0) == -signal.SIGKILL, f"{kill} missed"
    assert _train(few_tiles, run, recipe="finetune", resume=True) == 0
    assert [row["epoch"] for row in _history(whole)] == ["0", "1", "2", "3", "4"]
    assert _history(run) == _history(whole)
    for ours, theirs in zip(_weights(run), _weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (run / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


def test_early_stopping_ends_the_uninterrupted_run_before_its_last_epoch(uninterrupted):
    # Otherwise the test above would not show that the patience already used up survives an interruption.
    assert 3 < len(_history(uninterrupted)) < 8


def test_resuming_a_finished_run_changes_nothing(few_tiles, uninterrupted):
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")}
    assert _train(few_tiles, uninterrupted, resume=True) == 0
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")} == before


def _begun(tmp_path: Path, tiles: Path) -> Run:
    from gastropath.data.split.division import make_split

    run = Run(tmp_path / "run")
    run.begin(Start(make_split(audit_tiles(find_tiles([tiles])), "group"), read_recipe("baseline")), {})
    return run


def test_going_on_with_other_settings_is_refused_and_the_setting_named(few_tiles, tmp_path):
    run = _begun(tmp_path, few_tiles)
    with pytest.raises(CannotResume, match="epochs was 20, now 4"):
        run.resume(find_tiles([few_tiles]), recipe=read_recipe("baseline", ["epochs=4"]))
    with pytest.raises(CannotResume, match="method was 'cnn', now 'transfer'\\)"):
        run.resume(find_tiles([few_tiles]), recipe=read_recipe("transfer"))


def test_going_on_with_other_tiles_is_refused(few_tiles, noise_tiles, tmp_path):
    run = _begun(tmp_path, few_tiles)
    with pytest.raises(CannotResume, match="other tiles"):
        run.resume(find_tiles([noise_tiles({"LYM": 6, "MUS": 6, "TUM": 6})]))


def test_options_that_differ_from_those_a_run_began_with_are_refused(few_tiles, tmp_path):
    from gastropath.data.split.division import make_split

    split = make_split(audit_tiles(find_tiles([few_tiles])), "group")
    run, index = Run(tmp_path / "run"), find_tiles([few_tiles])
    run.begin(Start(split, read_recipe("baseline"), RunOptions(folds=3, mpp=0.5)), {})
    for asked in (RunOptions(), RunOptions(3, 0.5)):
        assert run.resume(index, options=asked).options == RunOptions(3, 0.5)
    with pytest.raises(CannotResume, match="folds was 3, now 5"):
        run.resume(index, options=RunOptions(folds=5))
    with pytest.raises(CannotResume, match=r"mpp was 0\.5, now 1"):
        run.resume(index, options=RunOptions(mpp=1.0))
    other = tmp_path / "other.csv"
    make_split(audit_tiles(find_tiles([few_tiles])), "group", seed=9).write(other)
    with pytest.raises(CannotResume, match="another split"):
        run.resume(index, table=other)


def test_a_run_that_was_interrupted_while_it_began_begins_anew(few_tiles, tmp_path):
    run = _begun(tmp_path, few_tiles)
    (run.folder / "recipe.toml").unlink()
    assert not run.has_begun
    split = split_of_run(run.folder, find_tiles([few_tiles]))
    assert split is not None
    run.begin(Start(split, read_recipe("baseline")), {}, overwrite=True)
    assert run.has_begun


@pytest.mark.parametrize("lacking", ["monitor", "in_domain", "patience"])
def test_a_run_of_an_earlier_version_that_lacks_a_setting_goes_on_with_what_was_done_then(few_tiles, tmp_path, lacking):
    run, index = _begun(tmp_path, few_tiles), find_tiles([few_tiles])
    lines = (run.folder / "recipe.toml").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(lacking)]
    assert len(kept) == len(lines) - 1
    (run.folder / "recipe.toml").write_text("".join(kept))
    shutil.rmtree(run.folder / ".training")  # as a run of 0.1.0 whose method keeps nothing there
    assert run.resume(index).recipe == read_recipe("baseline")
    assert run.resume(index, recipe=read_recipe("baseline")).recipe == read_recipe("baseline")
    with pytest.raises(CannotResume, match="seed was 0, now 3"):
        run.resume(index, recipe=read_recipe("baseline", ["seed=3"]))


def test_a_second_process_is_kept_out_of_a_run(few_tiles, tmp_path):
    run = _begun(tmp_path, few_tiles)
    with run.alone(), pytest.raises(CannotWrite, match="another gastropath train"), Run(run.folder).alone():
        pass
    with run.alone():
        assert not run.is_finished


def test_a_run_is_not_finished_before_it_says_so(few_tiles, tmp_path):
    run = _begun(tmp_path, few_tiles)
    with run.alone():
        run.bundle.mkdir()
        (run.bundle / "card.json").touch()
        (run.folder / "metrics.json").touch()  # and here it is interrupted, before it is sealed
    assert not run.is_finished
    run.finish()
    assert run.is_finished


def test_micrometres_given_at_the_command_line_go_before_those_of_a_split(few_tiles, tmp_path):
    index = find_tiles([few_tiles])
    table = tmp_path / "split.csv"
    make = replace(index, extra={"mpp": ("0.25",) * len(index)})
    Split(make, ("train",) * len(index), "random", 0).write(table)
    assert set(read_split(table, index).index.mpp()) == {0.25}
    assert set(read_split(table, index.with_mpp(1.0)).index.mpp()) == {1.0}


def test_a_damaged_training_state_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "state.npz").write_bytes(b"half")
    with pytest.raises(CannotResume, match="delete it"):
        TrainingState.read(tmp_path / "state.npz")


def test_the_run_folder_is_as_designed(uninterrupted):
    names = {path.name for path in uninterrupted.iterdir()}
    assert names >= {
        "recipe.toml", "split.csv", "bestmodel.keras", "history.csv", "environment.json", "metrics.json",
        "predictions.csv", "report.html", "figures", "misclassified", "model",
    }  # fmt: skip
    environment = json.loads((uninterrupted / "environment.json").read_text())
    assert environment["format_version"] == 1
    assert "keras" in environment["versions"]
    assert environment["command"].startswith("gastropath train")
    assert list(_history(uninterrupted)[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
