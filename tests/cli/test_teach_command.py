"""The command ``teach``: what cannot be taught it says in a line, and it ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.locks import alone


@pytest.fixture
def slide(tmp_path: Path, rng: np.random.Generator) -> Path:
    Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(tmp_path / "slide.png")
    return tmp_path / "slide.png"


def begun(folder: Path, **changes: object) -> Path:
    """Write what is left of a lesson of another model."""
    folder.mkdir()
    (folder / "lesson.json").write_text(json.dumps({"model": "theirs", "sha256": "0" * 64, **changes}))
    return folder


def test_a_slide_that_is_not_there_is_one_line(gastropath, tmp_path: Path):
    status, _, err = gastropath("teach", tmp_path / "none.svs", "--out", tmp_path / "ours")
    assert (status, err.count("\n")) == (1, 1)
    assert "none.svs" in err
    assert not (tmp_path / "ours").exists()


def test_a_file_that_is_no_slide_ends_the_page_with_one_line(gastropath, tmp_path: Path):
    (tmp_path / "text.svs").write_text("no slide")
    status, _, err = gastropath("teach", tmp_path / "text.svs", "--out", tmp_path / "ours", "--port", "0")
    assert status == 1
    assert err.splitlines()[-1].startswith(f"error: {tmp_path / 'text.svs'}: ")
    assert "Traceback" not in err


def test_a_picture_without_a_resolution_ends_the_page_with_one_line(gastropath, slide: Path, tmp_path: Path):
    status, _, err = gastropath("teach", slide, "--out", tmp_path / "ours", "--port", "0")
    assert status == 1
    assert "--mpp" in err.splitlines()[-1]


def test_a_folder_that_holds_something_else_is_left_alone(gastropath, slide: Path, tmp_path: Path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "thesis.doc").touch()
    status, _, err = gastropath("teach", slide, "--out", tmp_path / "ours")
    assert (status, err.count("\n")) == (1, 1)
    assert "already exists, and holds no lesson; choose another --out" in err
    assert [file.name for file in (tmp_path / "ours").iterdir()] == ["thesis.doc"]


def test_a_lesson_of_another_model_is_not_gone_on_with(gastropath, slide: Path, tmp_path: Path):
    status, _, err = gastropath("teach", slide, "--out", begun(tmp_path / "ours"))
    assert (status, err.count("\n")) == (1, 1)
    assert "a lesson of another model (theirs) has begun here; name that --model, or choose another --out" in err


def test_a_second_process_is_refused(gastropath, slide: Path, tmp_path: Path):
    from gastropath.bundle.files import open_bundle, starter

    folder = begun(tmp_path / "ours", sha256=open_bundle(starter()).card.files["model.tflite"])
    with alone(folder, "lesson"):
        status, _, err = gastropath("teach", slide, "--out", folder)
    assert (status, err.count("\n")) == (1, 1)
    assert "another lesson is running here" in err


@pytest.mark.parametrize(("classes", "told"), [("TUM", "two classes or more"), ("TUM,TUM", "each once")])
def test_classes_that_make_no_model_are_wrong_usage(gastropath, slide: Path, tmp_path: Path, classes: str, told: str):
    status, _, err = gastropath("teach", slide, "--classes", classes, "--out", tmp_path / "ours")
    assert (status, err.count("\n")) == (2, 1)
    assert told in err


def test_classes_that_the_model_has_not_are_told_before_anybody_labels(gastropath, slide: Path, tmp_path: Path):
    folder = begun(tmp_path / "ours")
    _, _, err = gastropath("teach", slide, "--classes", "TUMM,STR", "--out", folder)
    assert "the model has no class TUMM: new, to be learned from your labels alone" in err
    assert "classes of the model that are left out: ADI, DEB, LYM, MUC, MUS, NOR, TUM" in err


def test_adapt_names_no_option_that_it_has_not(gastropath, tmp_path: Path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "thesis.doc").touch()
    status, _, err = gastropath("adapt", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "ours")
    assert status == 1
    assert err.rstrip().endswith("already exists; choose another --out")
