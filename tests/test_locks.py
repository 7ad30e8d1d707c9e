"""Locks between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gastropath.errors import CannotWrite
from gastropath.locks import alone, taken

GOES_IN_AND_OUT = """
import os, sys
from pathlib import Path
from gastropath.errors import CannotWrite
from gastropath.locks import alone

folder, entered = Path(sys.argv[1]), 0
while entered < 40:
    try:
        with alone(folder, "work"):
            (folder / "here").touch(exist_ok=False)
            (folder / "here").unlink()
            entered += 1
    except CannotWrite:
        pass
"""
"""Touching fails where another process is in the block too."""


def test_a_folder_is_held_until_the_block_ends_and_nothing_is_left_in_it(tmp_path: Path):
    with alone(tmp_path, "work"):
        with pytest.raises(CannotWrite, match="another work is running here"), alone(tmp_path, "work"):
            pass
        with pytest.raises(CannotWrite, match="another work is running here"), alone(tmp_path, "work"):
            pass
    assert not list(tmp_path.iterdir())
    with alone(tmp_path, "work"):
        pass


def test_a_folder_that_goes_with_the_block_is_no_error(tmp_path: Path):
    folder = tmp_path / "work"
    folder.mkdir()
    with alone(folder, "work"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert not folder.exists()


def test_processes_that_come_and_go_are_never_in_a_folder_together(tmp_path: Path):
    command = [sys.executable, "-c", GOES_IN_AND_OUT, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=120)[1] for process in processes] == [""] * 3
    assert not list(tmp_path.iterdir())


def test_a_lock_that_is_not_given_free_is_named(tmp_path: Path):
    with taken(tmp_path / "table.lock", 5):
        what = r"another call has held table\.lock for 0\.01 seconds"
        with pytest.raises(CannotWrite, match=what), taken(tmp_path / "table.lock", 0.01):
            pass
    with taken(tmp_path / "table.lock", 0.01):
        pass
