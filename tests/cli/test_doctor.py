"""The doctor says of this installation what the commands themselves say, and finds what is broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from gastropath.bundle.files import starter
from gastropath.cli.main import app
from gastropath.workflows.extras import NEEDS, missing

OPTIONS = {
    "slide --features": ("--features",),
    "space --push": ("--push", "owner/page"),
    "slide --scheduler": ("--scheduler", "tcp://127.0.0.1:9"),
    "train --folds": ("--folds", "3"),
    "train --scheduler": ("--scheduler", "tcp://127.0.0.1:9"),
    "train --tensorboard": ("--tensorboard", "board", "--recipe", "baseline"),
}
"""What is given for a row that names an option."""

CHECKED = [(row, module) for row in NEEDS if " " not in row or row in OPTIONS for module in NEEDS[row].modules]

HIDING = """
import importlib.machinery

find = importlib.machinery.PathFinder.find_spec
hidden = {hidden!r}

def find_what_is_not_hidden(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)

importlib.machinery.PathFinder.find_spec = find_what_is_not_hidden
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def found_first(folder: Path) -> str:
    """Return a PYTHONPATH on which a folder comes before all that is there already."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., Run]:
    """Return what runs a command in an installation without some modules: ``without("dask")("doctor", "--json")``."""

    def hide(*modules: str) -> Run:
        folder = tmp_path / "hiding"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(HIDING.format(hidden=set(modules)))

        def run(*arguments: object) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
            environment = {**os.environ, "PYTHONPATH": found_first(folder)}
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

        return run

    return hide


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the starter model."""
    return Path(shutil.copytree(starter(), tmp_path / "copied"))


def change_card(bundle: Path, **changes: object) -> None:
    card = bundle / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))


def test_a_sound_installation_is_called_sound(gastropath):
    status, out, err = gastropath("doctor", "--json")
    found = json.loads(out)
    assert (status, err, found["problems"]) == (0, "", [])
    assert found["model"]["as_recorded"]
    assert {"model.tflite", "references.npz"} <= set(found["model"]["verified_files"])
    assert found["packages"]["core"]["numpy"] == np.__version__
    assert found["commands"]["slide"] == {"obstacles": {}, "extras": "slides"}
    assert found["libraries"]["openslide"]["told"].startswith("loads OpenSlide ")
    status, out, _ = gastropath("doctor")
    assert status == 0
    assert "answers as recorded" in out
    assert all(f"\n{command} " in out for command in NEEDS)


def test_every_command_has_its_row():
    commands = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]  # it is a group
    assert {row for row in NEEDS if " " not in row} == set(commands)


@pytest.mark.parametrize(("row", "module"), CHECKED)
def test_table_and_command_agree_on_what_is_missing(gastropath, monkeypatch, row, module):
    command = row.split()[0]
    monkeypatch.setattr("gastropath.workflows.extras.find_spec", lambda name: None if name == module else object())
    assert missing(row) == (module,)
    needed = {"evaluate": ("--data", "x"), "adapt": ("--labels", "x"), "demo": (), "app": (), "push": ("x", "a/b")}
    needed = {**needed, "space": ()}.get(command, ("x",))
    status, _, err = gastropath(command, *needed, *OPTIONS.get(row, ()))
    assert status == 1
    assert f"gastropath {row} needs the package {module!r}" in err
    assert f"pip install '.[{NEEDS[row].extras}]'" in err


def test_what_is_not_installed_is_listed_and_is_no_fault(without):
    run = without("openslide", "streamlit", "tensorflow")
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    lacking = {command: row["obstacles"] for command, row in found["commands"].items() if row["obstacles"]}
    assert lacking["slide"] == {"openslide": "missing"}
    assert lacking["app"] == {"streamlit": "missing"}
    assert lacking["export"] == {"tensorflow": "missing"}
    assert not {"audit", "evaluate", "predict", "space"} & set(lacking)
    assert set(found["libraries"]) == {"ai_edge_litert"}
    _, _, told = run("doctor").stdout.partition("command ")
    for command in ("slide", "app", "export"):
        extras = NEEDS[command].extras
        assert f"pip install '.[{extras}]'" in next(
            line for line in told.splitlines() if line.startswith(f"{command} ")
        )
        refused = run(command, *(() if command == "app" else ("x",)))
        assert refused.returncode == 1
        assert f"pip install '.[{extras}]'" in refused.stderr


BROUGHT_ALONG = {"sklearn": {"scipy", "threadpoolctl"}, "keras": {"h5py"}}
"""Modules of the table that another one needs itself."""


@pytest.mark.parametrize("row", ["audit", "split", "predict", "explain", "space", "slide"])
def test_a_command_needs_no_more_than_its_row_says(without, tmp_path, row, rng):
    for code in ("TUM", "STR"):
        (tmp_path / "tiles" / code).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "tiles" / code / f"{i}.png")
    known = {module for needs in NEEDS.values() for module in needs.modules}
    own = set(NEEDS[row].modules)
    own |= {module for name in own for module in BROUGHT_ALONG.get(name, ())}
    arguments = {"slide": ("tiles/TUM/0.png", "--mpp", "0.5", "--no-mask"), "space": ()}.get(row, ("tiles",))
    done = without(*(known - own), "pandas")(row, *arguments)
    assert done.returncode == 0, done.stderr


def test_a_flipped_byte_in_a_model_is_found(gastropath, copied):
    graph = bytearray((copied / "model.tflite").read_bytes())
    graph[len(graph) // 2] ^= 1
    (copied / "model.tflite").write_bytes(graph)
    status, out, err = gastropath("doctor", "--model", copied, "--json")
    assert status == 1
    assert json.loads(out)["model"] is None
    assert "its hash differs" in err
    assert "cannot be used" in gastropath("doctor", "--model", copied)[1]


@pytest.mark.parametrize(("off", "status"), [(0.0005, 0), (0.002, 1), (3.0, 1)])
def test_an_answer_far_from_the_recorded_one_is_a_fault(gastropath, copied, off, status):
    logits = json.loads((copied / "card.json").read_text())["self_test"]["logits"]
    change_card(copied, self_test={"logits": [*logits[:-1], logits[-1] + off]})
    ended, out, err = gastropath("doctor", "--model", copied, "--json")
    found = json.loads(out)["model"]
    assert ended == status
    assert found["difference"] == pytest.approx(off, abs=1e-4)
    assert found["as_recorded"] is (status == 0)
    assert ("answers otherwise than recorded" in err) is (status == 1)


def test_a_model_that_records_no_answer_is_only_run(gastropath, copied):
    change_card(copied, self_test=None)
    status, out, _ = gastropath("doctor", "--model", copied)
    assert status == 0
    assert "no answer is recorded" in out


def test_a_library_that_does_not_load_is_a_fault_and_its_command_is_not_ready(tmp_path):
    (tmp_path / "openslide.py").write_text("raise OSError('libopenslide.so.1: cannot open shared object file')\n")
    command = [sys.executable, "-m", "gastropath", "doctor", "--json"]
    environment = {**os.environ, "PYTHONPATH": found_first(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "openslide is installed but does not load: OSError: libopenslide.so.1" in done.stderr
    commands = json.loads(done.stdout)["commands"]
    assert "libopenslide.so.1" in commands["slide"]["obstacles"]["openslide"]
    assert not commands["app"]["obstacles"]


def test_a_cache_that_cannot_be_written_is_a_fault(gastropath, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GASTROPATH_CACHE", str(tmp_path / "file" / "cache"))
    status, out, err = gastropath("doctor", "--json")
    assert status == 1
    assert json.loads(out)["cache"] == {"folder": str(tmp_path / "file" / "cache"), "writable": False, "bytes": 0}
    assert "GASTROPATH_CACHE" in err


def test_gpus_are_counted_when_asked_for(gastropath):
    status, out, _ = gastropath("doctor", "--gpu", "--json")
    assert status == 0
    assert re.fullmatch(r"\d+ GPUs", json.loads(out)["libraries"]["tensorflow"]["told"])


def test_it_loads_neither_tensorflow_nor_streamlit_itself():
    code = (
        "import sys\nsys.argv = ['gastropath', 'doctor', '--json']\nfrom gastropath.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "loaded = {'tensorflow', 'streamlit', 'openslide', 'sklearn'} & set(sys.modules)\nassert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
