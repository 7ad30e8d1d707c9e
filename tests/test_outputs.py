"""Nothing half-written under a final name, nothing overwritten unasked, every refusal one sentence."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from gastropath.errors import CannotWrite, OutputExists
from gastropath.outputs import (
    new_file,
    new_folder,
    replacing,
    replacing_folder,
    write_bytes,
    write_json,
    write_text,
    writing,
)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def half_a_file(out: Path, error: type[BaseException]) -> None:
    with replacing(out) as partial:
        partial.write_text("half")
        raise error


def half_a_folder(out: Path, error: type[BaseException]) -> None:
    with replacing(out) as partial:
        partial.mkdir()
        (partial / "card.json").write_text("new")
        raise error


def test_a_file_appears_only_when_its_block_has_ended(tmp_path: Path):
    out = tmp_path / "deep" / "result.csv"
    with replacing(out) as partial:
        partial.write_text("half")
        assert not out.exists()
    assert out.read_text() == "half"
    assert names(out.parent) == ["result.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, OSError])
def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]):
    out = tmp_path / "result.csv"
    out.write_text("old")
    with pytest.raises(error):
        half_a_file(out, error)
    assert out.read_text() == "old"
    assert names(tmp_path) == ["result.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_in_the_middle_leaves_the_old_folder_whole(tmp_path: Path, error: type[BaseException]):
    out = tmp_path / "model"
    out.mkdir()
    (out / "card.json").write_text("old")
    with pytest.raises(error):
        half_a_folder(out, error)
    assert (out / "card.json").read_text() == "old"
    assert names(tmp_path) == ["model"]


def test_a_new_folder_takes_the_place_of_the_old_with_none_of_its_files(tmp_path: Path):
    out = tmp_path / "model"
    out.mkdir()
    (out / "old.txt").write_text("old")
    with replacing(out) as partial:
        partial.mkdir()
        (partial / "new.txt").write_text("new")
    assert names(out) == ["new.txt"]
    assert names(tmp_path) == ["model"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch):
    out = tmp_path / "model"
    out.mkdir()
    (out / "card.json").write_text("old")

    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("gastropath.outputs.os.replace", fails)
    with pytest.raises(CannotWrite, match="the disk reports an error"), replacing(out) as partial:
        partial.mkdir()
    assert (out / "card.json").read_text() == "old"


def test_a_block_that_writes_nothing_destroys_nothing(tmp_path: Path):
    out = tmp_path / "model"
    out.mkdir()
    (out / "card.json").write_text("old")
    with pytest.raises(FileNotFoundError), replacing(out):
        pass
    assert (out / "card.json").read_text() == "old"


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.txt").write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "disk" / "real.txt")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "disk" / "real.txt").read_text() == "new"


def test_the_folder_one_stands_in_is_not_pulled_away(tmp_path: Path, monkeypatch):
    here = tmp_path / "here"
    (here / "below").mkdir(parents=True)
    (here / "notes.txt").write_text("mine")
    monkeypatch.chdir(here / "below")
    with pytest.raises(CannotWrite, match="the folder you are in"), replacing(here) as partial:
        partial.mkdir()
    with pytest.raises(CannotWrite, match="the folder you are in"), replacing(Path(".")) as partial:
        partial.mkdir()
    with pytest.raises(CannotWrite, match="the folder you are in"):
        new_folder(here, overwrite=True)
    assert (here / "notes.txt").read_text() == "mine"


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path):
    out = tmp_path / ("n" * 251 + ".csv")
    write_text(out, "x")
    assert names(tmp_path) == [out.name]


def test_a_full_disk_is_told_in_one_sentence_and_the_old_file_stays(tmp_path: Path, monkeypatch):
    out = tmp_path / "result.csv"
    out.write_text("old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWrite, match=r"result\.csv: the disk is full; free some space"):
        write_bytes(out, b"new")
    monkeypatch.undo()
    assert out.read_text() == "old"
    assert names(tmp_path) == ["result.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_fills_up_while_writing_is_told_in_one_sentence(tmp_path: Path):
    def fill() -> None:
        with replacing(tmp_path / "a.bin") as partial:
            partial.symlink_to("/dev/full")
            partial.write_bytes(b"x" * 100_000)

    with pytest.raises(CannotWrite, match="the disk is full"):
        fill()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EPERM, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.ENOTDIR, "a file stands where a folder is needed"),
        (errno.EEXIST, "a file stands where a folder is needed"),
        (errno.EISDIR, "a folder stands where a file is needed"),
        (errno.EDQUOT, "quota"),
        (errno.ENAMETOOLONG, "name is too long"),
        (errno.EIO, "the disk reports an error"),
    ],
)
def test_what_the_system_says_becomes_a_sentence_with_a_remedy(tmp_path: Path, number: int, sentence: str):
    with pytest.raises(CannotWrite, match=sentence) as raised, writing(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    assert str(raised.value).startswith(str(tmp_path / "out"))
    assert ";" in str(raised.value)


def test_a_read_only_folder_is_refused(tmp_path: Path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        (folder / "probe").touch()
    except PermissionError:
        pass
    else:
        pytest.skip("this user can write to a read-only folder")
    for attempt in (new_folder, lambda path: new_file(path / "a.csv"), lambda path: write_text(path / "a", "x")):
        with pytest.raises(CannotWrite, match="no permission"):
            attempt(folder)


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    for attempt in (
        lambda: new_folder(tmp_path / "file"),
        lambda: new_folder(tmp_path / "file", overwrite=True),
        lambda: new_folder(tmp_path / "file" / "below"),
        lambda: new_file(tmp_path / "file" / "a.csv"),
        lambda: write_text(tmp_path / "file" / "a.csv", "x"),
    ):
        with pytest.raises(CannotWrite, match="a file stands where a folder is needed"):
            attempt()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_where_a_file_is_needed_is_named(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite, match="is a folder"):
        new_file(tmp_path / "folder", overwrite=True)
    with pytest.raises(CannotWrite, match="a folder stands where a file is needed"):
        write_text(tmp_path / "folder", "x")


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="this system has no /dev/null")
def test_a_device_is_never_replaced():
    with pytest.raises(CannotWrite, match="not an ordinary file"):
        new_file(Path("/dev/null"), overwrite=True)


def test_too_long_a_name_is_told(tmp_path: Path):
    for attempt in (new_file, new_folder):
        with pytest.raises(CannotWrite, match="too long"):
            attempt(tmp_path / ("n" * 300))


def test_an_existing_result_is_not_overwritten_unasked(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text("old")
    with pytest.raises(OutputExists, match="already exists; choose another out, or set overwrite"):
        new_folder(tmp_path / "run")
    with pytest.raises(OutputExists, match="already exists; choose another out, or set overwrite"):
        new_file(tmp_path / "run" / "metrics.json")
    assert (tmp_path / "run" / "metrics.json").read_text() == "old"
    assert new_file(tmp_path / "run" / "metrics.json", overwrite=True).read_text() == "old"
    assert names(new_folder(tmp_path / "run", overwrite=True)) == []


def test_checking_for_a_new_output_leaves_nothing_but_its_folder(tmp_path: Path):
    assert names(new_folder(tmp_path / "a" / "b")) == []
    new_file(tmp_path / "c" / "d.csv")
    assert names(tmp_path / "c") == []


def test_what_a_killed_process_left_does_no_harm(tmp_path: Path):
    out = tmp_path / "run"
    (out / ".partial-abc123").mkdir(parents=True)
    (out / ".partial-abc123" / "index.csv").write_text("half")
    new_folder(out)
    write_text(out / "index.csv", "whole")
    assert (out / "index.csv").read_text() == "whole"
    (tmp_path / ".partial-run").mkdir()
    with replacing_folder(tmp_path / "fresh", ("a",)) as partial:
        (partial / "a").touch()
    assert names(tmp_path / "fresh") == ["a"]


def test_an_old_result_stays_until_the_new_one_is_complete(tmp_path: Path):
    out = tmp_path / "audit"
    for text in ("first", "second"):
        with replacing_folder(out, ("audit.json", "index.csv"), overwrite=text == "second") as partial:
            (partial / "audit.json").write_text(text)
            if text == "first":
                (partial / "index.csv").touch()
            else:
                assert (out / "audit.json").read_text() == "first"
    assert names(out) == ["audit.json"]
    assert (out / "audit.json").read_text() == "second"

    def fail() -> None:
        with replacing_folder(out, ("audit.json",), overwrite=True) as partial:
            (partial / "audit.json").write_text("third")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (out / "audit.json").read_text() == "second"
    with pytest.raises(OutputExists, match="already exists"), replacing_folder(out, ("audit.json",)):
        pytest.fail("began")


def test_overwriting_cannot_delete_what_is_not_such_a_result(tmp_path: Path):
    tiles = tmp_path / "tiles"
    (tiles / "TUM").mkdir(parents=True)
    (tiles / "audit.json").touch()
    with (
        pytest.raises(OutputExists, match=r"holds 'TUM', which is not part of such a result"),
        replacing_folder(tiles, ("audit.json",), overwrite=True),
    ):
        pytest.fail("began")
    assert names(tiles) == ["TUM", "audit.json"]


def test_json_is_valid_utf8_whatever_the_file_names_are(tmp_path: Path):
    document = {"caf\udce9.png": "ünïcode 🔬"}
    write_json(tmp_path / "a.json", document)
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == document
    assert "🔬" in (tmp_path / "a.json").read_text("utf-8")


def test_json_refuses_what_json_cannot_say(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"f1": float("nan")})
    assert names(tmp_path) == []


def test_what_is_kept_of_an_old_folder_is_moved_into_the_new_one_and_the_rest_replaced(tmp_path: Path):
    out = tmp_path / "space"
    (out / ".git").mkdir(parents=True)
    (out / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (out / "README.md").write_text("old")
    with replacing_folder(out, ["README.md"], keeps=[".git", ".gitignore"], overwrite=True) as partial:
        (partial / "README.md").write_text("new")
    assert (out / ".git" / "HEAD").read_text() == "ref: refs/heads/main"
    assert (out / "README.md").read_text() == "new"
    assert names(tmp_path) == ["space"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_what_is_kept_comes_back_when_the_new_folder_cannot_take_its_place(tmp_path: Path, monkeypatch, error):
    out = tmp_path / "space"
    (out / ".git").mkdir(parents=True)

    def fails(*_):
        raise error

    monkeypatch.setattr("gastropath.outputs.os.replace", fails)
    with (
        pytest.raises((CannotWrite, KeyboardInterrupt)),
        replacing_folder(out, [], keeps=[".git"], overwrite=True) as partial,
    ):
        (partial / "README.md").write_text("new")
    assert names(out) == [".git"]


def test_a_folder_that_is_kept_is_not_an_old_result_to_be_replaced_unasked(tmp_path: Path):
    (tmp_path / "space" / ".git").mkdir(parents=True)
    with pytest.raises(OutputExists, match="already exists"), replacing_folder(tmp_path / "space", [], keeps=[".git"]):
        pass


def test_a_result_that_another_call_put_there_meanwhile_is_not_replaced(tmp_path):
    def too_late() -> None:
        with replacing_folder(tmp_path / "out", ("audit.json",)) as partial:
            (partial / "audit.json").write_text("second")
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "audit.json").write_text("first")

    with pytest.raises(OutputExists):
        too_late()
    assert (tmp_path / "out" / "audit.json").read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_new_file_never_takes_the_place_of_another(links: bool, tmp_path, monkeypatch):
    def unable(*_: object) -> None:
        raise OSError("this disk has no links")

    def too_late() -> None:
        with replacing(tmp_path / "other.csv", new=True) as partial:
            partial.write_text("second")
            (tmp_path / "other.csv").write_text("first")

    if not links:
        monkeypatch.setattr("os.link", unable)
    with replacing(tmp_path / "table.csv", new=True) as partial:
        partial.write_text("first")
    assert (tmp_path / "table.csv").read_text() == "first"
    with pytest.raises(OutputExists):
        too_late()
    assert (tmp_path / "other.csv").read_text() == "first"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.csv", "table.csv"]
