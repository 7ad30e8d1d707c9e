"""What every command takes, wherever it stands; paths from standard input, tables to standard output."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from gastropath.cli.main import app
from gastropath.cli.switches import Switches, taken
from gastropath.errors import UnknownSetting


def gastropath(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=given)


def test_switches_are_taken_wherever_they_stand():
    words = ["-q", "train", "DATA", "--threads", "3", "--out", "run", "-v", "--debug"]
    assert taken(words) == (Switches(True, True, True, 3), ["train", "DATA", "--out", "run"])
    assert taken(["predict", "--threads=2", "--", "-q"]) == (Switches(threads=2), ["predict", "--", "-q"])


@pytest.mark.parametrize("value", ["0", "-1", "many", ""])
def test_a_number_of_threads_that_is_none_is_wrong_usage(value: str):
    with pytest.raises(UnknownSetting, match="expected a number of processor cores"):
        taken(["train", f"--threads={value}"])
    with pytest.raises(UnknownSetting, match="expected a number of processor cores"):
        taken(["train", "--threads", value])


def test_short_forms_and_completion_are_there():
    assert gastropath("-V").stdout == gastropath("--version").stdout
    shown = gastropath("-h").stdout
    assert shown == gastropath("--help").stdout
    assert "--install-completion" in shown


def test_the_help_of_each_command_ends_with_an_example_that_names_it():
    for name, command in typer.main.get_group(app).commands.items():
        assert (command.epilog or "").startswith(f"Example: gastropath {name}"), name


def test_paths_come_from_standard_input_and_the_table_goes_to_standard_output(synthetic_tiles: Path):
    files = sorted((synthetic_tiles / "TUM").iterdir())[:2]
    done = gastropath("predict", "-", "nowhere.png", "--out", "-", given="\n".join(map(str, files)) + "\n")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["path"] for row in rows] == [*map(str, files), "nowhere.png"]
    assert [row["decision"] == "refused" for row in rows] == [False, False, True]
    assert done.returncode == 3
    assert "refused: nowhere.png cannot be read: No such file or directory" in done.stderr
    assert "classifying" in done.stderr


def test_quiet_shows_no_progress_and_keeps_refusals(synthetic_tiles: Path):
    file = next((synthetic_tiles / "TUM").iterdir())
    done = gastropath("predict", file, "nowhere.png", "--out", "-", "-q", "--threads", 1)
    assert done.returncode == 3
    assert "refused: nowhere.png" in done.stderr
    assert "classifying" not in done.stderr


def test_verbose_names_every_refused_input(synthetic_tiles: Path):
    file = next((synthetic_tiles / "TUM").iterdir())
    missing = [f"{number}.png" for number in range(25)]
    few = gastropath("predict", file, *missing, "--out", "-").stderr
    assert "refused: 5 more; -v names them" in few
    every = gastropath("predict", file, *missing, "--out", "-", "-v").stderr
    assert all(f"refused: {name}" in every for name in missing)


def test_nothing_that_exists_is_an_error():
    done = gastropath("predict", "nowhere.png", "neither.png")
    assert done.returncode == 1
    assert done.stderr.strip() == "error: nowhere.png: there is no such file or folder"
