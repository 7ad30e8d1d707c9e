"""The command ``view``: what it cannot show it says in a line, and it ends when it is told to."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SUMMARY = Path(__file__).parents[1] / "results" / "written_by_0_1_0" / "summary.json"


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """A folder with a map that holds no tile, and one that cannot be read."""
    for name in ("empty", "unread"):
        (tmp_path / "maps" / name).mkdir(parents=True)
        shutil.copy(SUMMARY, tmp_path / "maps" / name / "summary.json")
        codes = json.loads(SUMMARY.read_text())["area_mm2"]
        probabilities = ",".join(f"prob_{code}" for code in codes if code != "not sure")
        head = f"x_px,y_px,width_px,height_px,predicted_label,confidence,decision,{probabilities}\n"
        (tmp_path / "maps" / name / "tiles.csv").write_text(head)
    (tmp_path / "maps" / "unread" / "summary.json").write_text("[]")
    return tmp_path / "maps"


def test_a_folder_without_a_map_is_one_line(gastropath, tmp_path: Path):
    status, _, err = gastropath("view", tmp_path)
    assert status == 1
    assert err.startswith(f"error: {tmp_path}: holds no map (a folder with summary.json and tiles.csv)")
    assert err.count("\n") == 1


def test_maps_that_cannot_be_read_are_an_error_where_there_is_no_other(gastropath, maps: Path):
    status, _, err = gastropath("view", maps / "unread")
    assert (status, err.count("\n")) == (1, 1)
    assert "summary.json: is not a JSON object" in err


def test_a_port_that_is_taken_is_one_line(gastropath, maps: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = gastropath("view", maps / "empty", "--port", port)
    assert (status, err.count("\n")) == (1, 1)
    assert f"cannot listen on port {port} of 127.0.0.1" in err
    assert "choose another --port" in err


def test_a_model_that_is_none_is_one_line(gastropath, maps: Path, tmp_path: Path):
    status, _, err = gastropath("view", maps / "empty", "--model", tmp_path)
    assert (status, err.count("\n")) == (1, 1)
    assert "is not a model bundle" in err


@pytest.mark.parametrize(("given", "expected"), [("", 3), ("empty", 0)])
def test_it_names_what_it_cannot_show_and_ends_with_ctrl_c(maps: Path, given: str, expected: int):
    command = [sys.executable, "-m", "gastropath", "view", str(maps / given), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    told = ""
    while "open http://127.0.0.1:" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    assert (f"refused: {maps / 'unread'} is not a JSON object" in told) == (expected == 3)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == expected
    assert process.stderr.read() == ""
