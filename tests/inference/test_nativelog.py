"""Whatever happens while native libraries are kept quiet, the process has its standard error afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gastropath.inference.classifier import Classifier
from gastropath.inference.nativelog import without_native_log


class Heard:
    """Standard error, pointed at a file for a block: from within the test, since pytest moves it around before that."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __enter__(self) -> Heard:
        self.before = os.dup(2)
        with self.file.open("wb") as target:
            os.dup2(target.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self.before, 2)
        os.close(self.before)

    @property
    def text(self) -> str:
        return self.file.read_text()


@pytest.fixture
def heard(tmp_path) -> Heard:
    return Heard(tmp_path / "stderr")


def in_threads(*work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=target) for target in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0


def test_what_native_code_says_meanwhile_goes_nowhere(heard):
    with heard:
        os.write(2, b"before ")
        with without_native_log():
            os.write(2, b"a line nobody can act on ")
        os.write(2, b"after")
    assert heard.text == "before after"


def test_threads_that_overlap_leave_standard_error_as_it_was(heard):
    """One goes in, the other goes in, the first goes out, the other goes out: each saving for itself lost it."""
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with without_native_log():
            first_in.set()
            assert second_in.wait(10)
        first_out.set()

    def second() -> None:
        assert first_in.wait(10)
        with without_native_log():
            second_in.set()
            assert first_out.wait(10)
            os.write(2, b"still quiet ")

    with heard:
        in_threads(first, second)
        os.write(2, b"heard")
    assert heard.text == "heard"


def test_many_threads_in_any_order_leave_it_and_no_file_open(heard):
    def work() -> None:
        for _ in range(200):
            with without_native_log(), without_native_log():
                pass

    with heard:
        before = open_files()
        in_threads(*[work] * 8)
        os.write(2, b"heard")
        assert open_files() == before
    assert heard.text == "heard"


def test_an_error_in_between_brings_it_back(heard):
    with heard:
        with pytest.raises(KeyError), without_native_log(), without_native_log():
            raise KeyError
        os.write(2, b"heard")
    assert heard.text == "heard"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_in_between_has_its_own(tmp_path):
    code = """
import os
from gastropath.inference.nativelog import without_native_log
with without_native_log():
    if (child := os.fork()) == 0:
        os.write(2, b"the child, inside ")
if child == 0:
    os.write(2, b"and outside; ")
    with without_native_log():
        os.write(2, b"quiet")
    os.write(2, b"again. ")
    os._exit(0)
os.waitpid(child, 0)
os.write(2, b"The parent.")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "the child, inside and outside; again. The parent."


def test_a_process_without_standard_error_works():
    code = """
import os
os.close(2)
from gastropath.inference.nativelog import without_native_log
with without_native_log():
    pass
try:
    os.fstat(2)
except OSError:
    print("none, as before")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none, as before"


def test_two_models_loaded_and_run_in_two_threads_leave_it(heard):
    answers: list[int] = []

    def work() -> None:
        model = Classifier.load(threads=2)
        answers.append(len(model.predict(np.full((5, model.tile_px, model.tile_px, 3), 240, np.uint8))))

    with heard:
        in_threads(work, work)
        os.write(2, b"heard")
    assert answers == [5, 5]
    assert heard.text.endswith("heard")
