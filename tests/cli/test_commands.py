"""The command line: exit statuses, one-line errors, and nothing half-written."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.cli.main import main


def _one_error(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, stderr
    return lines[0]


def _left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_empty_folder(gastropath, tmp_path):
    (tmp_path / "empty").mkdir()
    for command in ("audit", "split", "train"):
        status, _, err = gastropath(command, "empty")
        assert status == 1
        assert "expected a sub-folder for each class" in _one_error(err)
    assert _left(tmp_path) == ["empty"]


def test_a_folder_that_does_not_exist(gastropath):
    status, _, err = gastropath("audit", "nowhere")
    assert status == 1
    assert "no such file or folder" in _one_error(err)


def test_one_class(gastropath, noise_tiles):
    status, _, err = gastropath("train", noise_tiles({"TUM": 9}))
    assert status == 1
    assert "at least two classes" in _one_error(err)
    assert not Path("run").exists()


def test_a_class_with_one_tile(gastropath, noise_tiles):
    status, _, err = gastropath("split", noise_tiles({"TUM": 9, "STR": 1}))
    assert status == 1
    assert "'STR' has 1 tile" in _one_error(err)
    assert not Path("split.csv").exists()


def test_a_typo_in_a_class_name(gastropath, noise_tiles):
    status, _, err = gastropath("audit", noise_tiles({"TUM": 3, "STR": 3}), "--classes", "TUM,STP")
    assert status == 2
    assert "did you mean 'STR'?" in _one_error(err)


def test_an_unknown_setting(gastropath, noise_tiles):
    status, _, err = gastropath("train", noise_tiles({"TUM": 9, "STR": 9}), "--recipe", "baseline", "--set", "epoch=2")
    assert status == 2
    assert "did you mean 'epochs'?" in _one_error(err)
    assert not Path("run").exists()


def test_an_unknown_option_and_an_unknown_command(gastropath):
    assert gastropath("audit", ".", "--nonsense")[0] == 2
    assert gastropath("trian")[0] == 2


def test_an_existing_run_folder_is_left_as_it_is(gastropath, noise_tiles, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    tiles = noise_tiles({"TUM": 9, "STR": 9})
    status, _, err = gastropath("train", tiles, "--out", "run")
    assert status == 1
    assert "--resume" in _one_error(err)
    status, _, err = gastropath("train", tiles, "--out", "run", "--resume")
    assert status == 1
    assert "no run that could be resumed" in _one_error(err)
    assert _left(tmp_path / "run") == ["mine.txt"]


@pytest.mark.parametrize("command", ["audit", "split"])
def test_an_existing_result_is_replaced_only_when_asked(gastropath, noise_tiles, command):
    tiles = noise_tiles({"TUM": 9, "STR": 9})
    assert gastropath(command, tiles, "--out", "result.csv")[0] == 0
    status, _, err = gastropath(command, tiles, "--out", "result.csv")
    assert status == 1
    assert "--overwrite" in _one_error(err)
    assert gastropath(command, tiles, "--out", "result.csv", "--overwrite")[0] == 0


def test_a_file_where_a_folder_is_needed(gastropath, noise_tiles, tmp_path):
    (tmp_path / "file").write_text("mine")
    status, _, err = gastropath("audit", noise_tiles({"TUM": 3, "STR": 3}), "--out", "file/audit")
    assert status == 1
    assert "a file stands where a folder is needed" in _one_error(err)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_read_only_output(noise_tiles, tmp_path):
    tiles = noise_tiles({"TUM": 3, "STR": 3})
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    command = [sys.executable, "-m", "gastropath", "audit", str(tiles), "--out", str(locked / "audit")]
    if os.geteuid() == 0:  # root may write anywhere: become nobody, if this Python can be read by it
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and setpriv is not installed")
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and folder != Path("/") and "pytest" in str(folder):
                folder.chmod(0o755)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if "Permission denied" in done.stderr and "error:" not in done.stderr:
        pytest.skip("this Python is not readable by an unprivileged user")
    assert done.returncode == 1
    assert "no permission to write here" in _one_error(done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_while_writing(gastropath, noise_tiles, monkeypatch, tmp_path):
    tiles = noise_tiles({"TUM": 3, "STR": 3})
    real = Path.write_text

    def full(self, text, *args, **kwargs):
        if self.name == "audit.html":
            with open("/dev/full", "w") as device:
                device.write(text)
        return real(self, text, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    status, _, err = gastropath("audit", tiles, "--out", "audit")
    assert status == 1
    assert "the disk is full" in _one_error(err)
    assert not (tmp_path / "audit" / "audit.html").exists()
    assert not list((tmp_path / "audit").glob(".partial*"))


def test_unreadable_files_are_named_counted_and_end_with_status_3(gastropath, noise_tiles):
    tiles = noise_tiles({"TUM": 6, "STR": 6})
    (tiles / "TUM" / "torn.png").write_bytes((tiles / "TUM" / "TUM_1.png").read_bytes()[:300])
    status, out, err = gastropath("audit", tiles, "--json")
    assert status == 3
    assert "torn.png" in err
    document = json.loads(out)
    assert document["n_readable"] == 12
    assert document["refused"] == {"truncated": ["TUM/torn.png"]}
    assert document["reasons"]["truncated"] == "the file ends before the picture does"


def test_mixed_sizes_are_told(gastropath, noise_tiles):
    tiles = noise_tiles({"TUM": 3, "STR": 3})
    Image.fromarray(np.zeros((90, 70, 3), np.uint8)).save(tiles / "TUM" / "odd.png")
    assert gastropath("audit", tiles)[0] == 0
    page = Path("audit/audit.html").read_text()
    assert "70 x 90" in page
    assert "The tiles differ in size" in page


def test_predict_answers_files_and_folders_and_names_what_it_refuses(
    gastropath, finished_run, synthetic_tiles, tmp_path
):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    good = next(synthetic_tiles.glob("LYM/*.png"))
    (mixed / "good.png").write_bytes(good.read_bytes())
    (mixed / "notes.txt").write_text("no image")
    (mixed / "empty.png").touch()
    status, out, err = gastropath("predict", mixed, good, "--model", finished_run)
    assert status == 3
    assert "notes.txt" in err
    assert "empty.png" in err
    assert "predictions.csv" in out
    lines = Path("predictions.csv").read_text().splitlines()
    assert lines[0].startswith("path,predicted_label,confidence,decision,reason,prob_ADI,prob_DEB")
    assert len(lines) == 5
    status, out, _ = gastropath("predict", mixed, good, "--model", finished_run, "--json")
    assert status == 3
    decisions = [answer["decision"] for answer in json.loads(out)["predictions"]]
    assert [decision == "refused" for decision in decisions] == [True, False, True, False]


def test_predict_needs_a_model_that_exists(gastropath, synthetic_tiles):
    status, _, err = gastropath("predict", synthetic_tiles, "--model", "nowhere")
    assert status == 1
    assert "nowhere" in _one_error(err)
    assert not Path("predictions.csv").exists()


def test_a_run_folder_moved_elsewhere_evaluates_to_the_same_bytes(gastropath, finished_run, synthetic_tiles, tmp_path):
    shutil.copytree(finished_run, tmp_path / "moved")
    status, out, _ = gastropath("evaluate", "--model", "moved", "--data", synthetic_tiles, "--json")
    assert status == 0
    assert json.loads(out)["part"] == "test"
    for name in ("metrics.json", "predictions.csv"):
        assert (tmp_path / "evaluation" / name).read_bytes() == (finished_run / name).read_bytes()


def test_an_evaluation_records_what_it_was_made_with(gastropath, finished_run, synthetic_tiles, tmp_path):
    few = tmp_path / "few"
    for code in ("TUM", "STR"):
        shutil.copytree(synthetic_tiles / code, few / code)
    assert gastropath("evaluate", "--model", finished_run, "--data", few, "--seed", "3", "--checks", "none")[0] == 0
    record = json.loads((tmp_path / "evaluation" / "environment.json").read_text())
    assert record["command"].startswith("gastropath evaluate --model")
    assert record["seed"] == 3
    card = json.loads((finished_run / "model" / "card.json").read_text())
    assert record["model_sha256"] == card["files"]["model.tflite"]
    assert {"gastropath", "ai-edge-litert", "numpy"} <= set(record["versions"])


def test_help_names_every_command_and_says_research_use(gastropath):
    status, out, _ = gastropath("--help")
    assert status == 0
    assert "Research use only" in out
    for command in (
        "demo",
        "audit",
        "split",
        "train",
        "evaluate",
        "compare",
        "predict",
        "explain",
        "slide",
        "export",
        "app",
        "space",
        "doctor",
    ):
        assert re.search(rf"^  {command} ", out, re.MULTILINE)


def test_help_does_not_import_what_is_heavy():
    code = (
        "import sys; sys.argv = ['gastropath', '--help']\nfrom gastropath.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'PIL', 'tensorflow', 'keras', 'pydantic', 'streamlit', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_unforeseen_error_is_one_line_and_debug_shows_where(gastropath, noise_tiles, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr("gastropath.data.audit.audit.audit_tiles", broken)
    tiles = noise_tiles({"TUM": 3, "STR": 3})
    status, _, err = gastropath("audit", tiles)
    assert status == 1
    assert "ZeroDivisionError: unforeseen" in _one_error(err)
    monkeypatch.setattr(sys, "argv", ["gastropath", "audit", str(tiles), "--out", "x", "--debug"])
    with pytest.raises(ZeroDivisionError):
        main()


def test_evaluate_never_replaces_a_run(gastropath, finished_run, synthetic_tiles, tmp_path):
    shutil.copytree(finished_run, tmp_path / "mine")
    before = _left(tmp_path / "mine")
    status, _, err = gastropath(
        "evaluate", "--model", finished_run, "--data", synthetic_tiles, "--out", "mine", "--overwrite"
    )
    assert status == 1
    assert "not part of such a result" in _one_error(err)
    assert _left(tmp_path / "mine") == before


def test_an_existing_description_of_a_split_is_kept(gastropath, noise_tiles, tmp_path):
    (tmp_path / "split.json").write_text("mine")
    assert gastropath("split", noise_tiles({"TUM": 9, "STR": 9}))[0] == 1
    assert (tmp_path / "split.json").read_text() == "mine"


def test_a_split_without_tiles_of_a_class_to_train_on_is_refused(gastropath, noise_tiles, tmp_path):
    tiles = noise_tiles({"TUM": 9, "STR": 9})
    rows = [f"TUM/TUM_{n}.png,TUM,{part}" for n, part in ((1, "train"), (2, "val"), (3, "test"))]
    rows += [f"STR/STR_{n}.png,STR,{part}" for n, part in ((1, "train"), (2, "test"))]
    (tmp_path / "mine.csv").write_text("\n".join(["path,label,part", *rows]))
    status, _, err = gastropath("train", tiles, "--split", "mine.csv")
    assert status == 1
    assert "no val tile of class 'STR'" in _one_error(err)
    assert not Path("run").exists()


def test_a_split_that_is_not_there_is_told_before_a_tile_is_read(gastropath, noise_tiles, monkeypatch):
    def read(*_: object, **__: object):
        raise AssertionError("tiles were read")

    monkeypatch.setattr("gastropath.data.audit.audit.with_pixels", read)
    status, _, err = gastropath("train", noise_tiles({"TUM": 4, "STR": 4}), "--split", "nowhere.csv")
    assert status == 1
    assert _one_error(err) == "error: nowhere.csv: --split: there is no such file"


def test_explanations_of_a_synthetic_model_say_so(gastropath, noise_tiles, finished_run):
    status, _, err = gastropath("explain", noise_tiles({"TUM": 1}), "--model", finished_run)
    assert status == 0
    assert "warning: This model learned from synthetic, computer-drawn tiles." in err
