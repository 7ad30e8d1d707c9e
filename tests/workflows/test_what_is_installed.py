"""What is said of a machine and of an installation is so."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from gastropath.workflows import installation
from gastropath.workflows.installation import is_writable, packages, size_bytes, trials
from gastropath.workflows.machine import Machine, instructions

X86 = "processor\t: 0\nmodel name\t: Some Processor\nflags\t\t: fpu sse4_2 avx2 {more}\n\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd {more}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "found", "fast_integers"),
    [
        (X86.format(more="fma"), ("AVX2",), False),
        (X86.format(more="avx512f"), ("AVX2", "AVX-512"), False),
        (X86.format(more="avx512f avx512_vnni avx_vnni"), ("AVX2", "AVX-512", "VNNI"), True),
        (X86.format(more="avx_vnni"), ("AVX2", "VNNI"), True),
        (ARM.format(more="crc32"), (), False),
        (ARM.format(more="asimddp i8mm"), ("dot product", "i8mm"), True),
        ("", None, None),
    ],
)
def test_instructions_for_integers_are_told_from_what_linux_lists(cpuinfo, found, fast_integers):
    assert instructions(cpuinfo) == found
    assert Machine("", "", 1, found, None).fast_integers is fast_integers


def test_this_machine_is_described():
    here = Machine.here()
    assert here.cores >= 1
    assert here.processor
    if sys.platform == "linux":
        assert here.memory_bytes is not None
        assert here.memory_bytes > 10_000_000


def test_packages_are_those_of_the_installation_each_once(monkeypatch):
    required = [
        "numpy>=1.26",
        "nothing-of-this-name>=1; extra == 'evaluate'",
        'nothing-of-this-name>=1; extra == "train"',
        "tensorflow>=2.18; extra == 'train'",
        "ruff>=0.8; extra == 'dev'",
    ]
    known = {"numpy": "1.26.4", "tensorflow-cpu": "2.20.0", "ruff": "1.0"}
    monkeypatch.setattr(metadata, "requires", lambda _: required)
    monkeypatch.setattr(installation, "version", known.get)
    assert packages() == {
        "core": {"numpy": "1.26.4"},
        "evaluate": {"nothing-of-this-name": None},
        "train": {"tensorflow-cpu": "2.20.0"},
    }


def test_a_library_that_brings_python_down_is_a_failed_trial():
    tried = trials({"json": "import os; os.abort()", "csv": "print(1 + 1)", "nothing_of_this_name": "print()"})
    assert set(tried) == {"json", "csv"}
    assert not tried["json"].loads
    assert tried["csv"] == (True, "2")


def test_folders_are_measured_and_none_is_made(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(1000))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(234))
    assert size_bytes(tmp_path / "a") == 1234
    assert size_bytes(tmp_path / "none") == 0
    assert is_writable(tmp_path / "none" / "deeper")
    assert not (tmp_path / "none").exists()
    assert not is_writable(tmp_path / "a" / "one" / "deeper")
