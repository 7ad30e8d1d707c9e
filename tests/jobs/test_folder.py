"""A job goes on where it was interrupted, only with what it began with, and in one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gastropath.errors import CannotResume, CannotWrite, OutputExists
from gastropath.jobs.folder import JobFolder, differences
from gastropath.locks import LOCK

SAME = {"model": "abc", "settings": {"mpp": None, "stride_um": 56.0, "mask": True}}


def job(tmp_path: Path, fingerprint=SAME, **more) -> JobFolder:
    return JobFolder(tmp_path / "maps" / "a", tmp_path / "maps" / ".a", fingerprint, "gastropath slide", **more)


def begun(tmp_path: Path) -> JobFolder:
    """Leave what a killed call leaves."""
    killed = job(tmp_path)
    with killed.alone():
        assert killed.begin() is False
        (killed.path / "000000.npz").write_bytes(b"done")
    return killed


def test_unfinished_work_is_taken_up_with_the_same_fingerprint(tmp_path):
    begun(tmp_path)
    again = job(tmp_path)
    with again.alone():
        assert again.begin() is True
        assert (again.path / "000000.npz").read_bytes() == b"done"


def test_unfinished_work_of_another_fingerprint_is_refused_with_what_differs(tmp_path):
    begun(tmp_path)
    other = job(tmp_path, {"model": "abd", "settings": {"mpp": 0.5, "stride_um": 56.0, "mask": False}})
    with other.alone(), pytest.raises(CannotResume) as refused:
        other.begin()
    told = refused.value.spelled({"mpp": "--mpp", "mask": "--mask", "overwrite": "--overwrite"}.__getitem__)
    assert "(another model; --mpp was not given, now 0.5; --mask was on, now off)" in told
    assert "--overwrite" in told
    assert refused.value.where == str(tmp_path / "maps" / "a")
    assert (other.path / "000000.npz").is_file()


def test_only_what_is_asked_for_is_compared(tmp_path):
    begun(tmp_path)
    some = job(tmp_path, {"settings": {"mask": True}})
    assert some.differs_from(some.begun() or {}) == ""


def test_a_finished_result_of_another_fingerprint_is_not_replaced(tmp_path):
    job(tmp_path).check_finished(SAME)
    with pytest.raises(OutputExists, match="the slide has changed"):
        job(tmp_path, {"slide": 2}, words={"slide": "the slide has changed since"}).check_finished({"slide": 1})


def test_long_values_are_named_and_not_shown():
    assert differences({"settings": {"roi": None}}, {"settings": {"roi": "x" * 500}}) == ["another `roi`"]
    assert differences({"settings": {"codes": ["a"]}}, {"settings": {"codes": ("a",)}}) == []


def test_nothing_is_left_of_finished_work_nor_of_folders_made_for_it(tmp_path):
    done = begun(tmp_path)
    with done.alone():
        done.begin()
        done.forget()
        assert not done.has_begun
    assert list(tmp_path.iterdir()) == [tmp_path / "maps"]  # which was there before this call
    with job(tmp_path / "new").alone():
        pass
    assert not (tmp_path / "new").exists()


def test_work_that_is_forgotten_half_is_still_known_for_what_it_is(tmp_path, monkeypatch):
    killed = begun(tmp_path)
    removed: list[str] = []

    def unlink(path: Path) -> None:
        removed.append(path.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(KeyboardInterrupt):
        killed.forget()
    assert removed == ["000000.npz"]
    assert killed.has_begun


def test_what_has_no_record_is_not_taken_up(tmp_path):
    killed = begun(tmp_path)
    (killed.path / "fingerprint.json").unlink()
    with killed.alone():
        assert killed.begin() is False
        assert {entry.name for entry in killed.path.iterdir()} == {"fingerprint.json", LOCK}


def test_a_record_that_is_no_record_is_refused(tmp_path):
    killed = begun(tmp_path)
    for text in ("{", "[]"):
        (killed.path / "fingerprint.json").write_text(text)
        with pytest.raises(CannotResume, match=r"fingerprint\.json"):
            killed.begun()


def test_a_record_elsewhere_outlives_the_work(tmp_path):
    (tmp_path / "run").mkdir()
    run = JobFolder(
        tmp_path / "run", tmp_path / "run" / ".training", SAME, "train", record=tmp_path / "run" / "fingerprint.json"
    )
    with run.alone():
        run.begin()
        run.forget()
    assert run.begun() == SAME
    assert not run.path.exists()


def test_a_second_process_is_kept_out_and_let_in_when_the_first_is_killed(tmp_path):
    holder = (
        "import sys; from pathlib import Path; from gastropath.jobs.folder import JobFolder\n"
        "job = JobFolder(Path(sys.argv[1]), Path(sys.argv[2]), {}, 'gastropath slide')\n"
        "with job.alone():\n    print('in', flush=True); sys.stdin.read()"
    )
    second = job(tmp_path)
    command = [sys.executable, "-c", holder, str(second.result), str(second.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        with pytest.raises(CannotWrite, match="another gastropath slide is"), second.alone():
            pass
        assert second.path.is_dir()
        first.kill()
    with second.alone():
        pass
    assert not second.path.exists()
