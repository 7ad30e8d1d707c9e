"""What is said of an installation is so."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from gastropath.workflows import installation
from gastropath.workflows.installation import is_writable, packages, size_bytes, trials


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
