"""``slides.csv`` loses nothing: not failures, not rows of calls beside each other, not slides of one name."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from drawing import Squares

from gastropath.errors import CannotReadSlide, OutputExists
from gastropath.locks import alone
from gastropath.slides.cohort import map_slides
from gastropath.slides.table import DONE, FAILED, SAME, write_slides
from gastropath.slides.task import SlideSettings

ALL = SlideSettings(mask=False)


def rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "slides.csv").open() as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def drawn(path: Path, seed: int = 0, mpp: float | None = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Squares(200, 150, 64, seed).write(path, mpp)


def statuses(out: Path) -> dict[str, str]:
    return {Path(path).parent.name + "/" + Path(path).name: row["status"] for path, row in rows(out).items()}


def test_processes_that_write_at_once_keep_every_row(tmp_path):
    code = """
import sys
from pathlib import Path
from gastropath.slides.table import write_slides
row = {"slide": f"{sys.argv[1]}.svs", "folder": sys.argv[1], "status": "done", "path": f"/s/{sys.argv[1]}.svs"}
sys.stdin.read()
write_slides(Path("slides.csv"), ["TUM"], [row])
"""
    calls = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], cwd=tmp_path, stdin=subprocess.PIPE)
        for number in range(6)
    ]
    for call in calls:
        assert call.stdin is not None
        call.stdin.close()
    assert [call.wait() for call in calls] == [0] * 6
    assert {row["folder"] for row in rows(tmp_path).values()} == {str(number) for number in range(6)}


def test_calls_beside_each_other_give_slides_of_one_name_folders_of_their_own(by_colour, tmp_path):
    paths = [drawn(tmp_path / patient / "HE" / "1.tif", seed) for seed, patient in enumerate("abcdef")]
    errors: list[BaseException] = []

    def call(path: Path) -> None:
        try:
            map_slides([path], tmp_path / "out", by_colour, ALL)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = rows(tmp_path / "out")
    assert set(found) == {str(path) for path in paths}
    assert {row["folder"] for row in found.values()} == {"1", "1-2", "1-3", "1-4", "1-5", "1-6"}
    assert {row["status"] for row in found.values()} == {DONE}


def test_a_failure_stays_until_its_own_slide_is_mapped(by_colour, tmp_path):
    out, bad, other = tmp_path / "out", drawn(tmp_path / "a" / "1.tif", 1, None), drawn(tmp_path / "b" / "1.tif", 2)
    first = map_slides([bad], out, by_colour, ALL)
    assert (first.mapped, [slide.path for slide in first.failed]) == ((), [bad])
    assert isinstance(first.failed[0].error, CannotReadSlide)
    assert statuses(out) == {"a/1.tif": FAILED}
    assert {entry.name for entry in out.iterdir()} <= {"slides.csv", ".slides.csv.lock"}
    map_slides([other], out, by_colour, ALL)
    assert statuses(out) == {"a/1.tif": FAILED, "b/1.tif": DONE}
    map_slides([bad], out, by_colour, SlideSettings(mask=False, mpp=0.5))
    assert statuses(out) == {"a/1.tif": DONE, "b/1.tif": DONE}
    assert {row["folder"] for row in rows(out).values()} == {"1", "1-2"}


def test_a_slide_that_fails_while_its_result_is_replaced_is_no_longer_done(by_colour, tmp_path):
    out, path, other = tmp_path / "out", drawn(tmp_path / "1.tif", 1), drawn(tmp_path / "2.tif", 2)
    map_slides([path, other], out, by_colour, ALL)
    result = (out / "1" / "summary.json").read_bytes()
    path.write_bytes(b"II*\0")
    found = map_slides([path, other], out, by_colour, ALL, overwrite=True)
    row = rows(out)[str(path)]
    assert (row["status"], row["folder"], row["classified"]) == (FAILED, "", "")
    assert row["detail"].endswith("; folder 1 still holds the result of an earlier call")
    assert ([slide.path for slide in found.failed], rows(out)[str(other)]["status"]) == ([path], DONE)
    assert (out / "1" / "summary.json").read_bytes() == result


def test_a_result_that_another_call_made_meanwhile_stays_done(tmp_path):
    table, path = tmp_path / "slides.csv", str(tmp_path / "1.tif")
    done = {"slide": path, "folder": "1", "status": DONE, "path": path}
    write_slides(table, ["TUM"], [done])
    before = list(rows(tmp_path).values())
    write_slides(table, ["TUM"], [done | {"tiles": 7}])
    write_slides(table, ["TUM"], [{"slide": path, "folder": "", "status": FAILED, "path": path}], before)
    assert [(row["status"], row["tiles"]) for row in rows(tmp_path).values()] == [(DONE, "7")]


def test_a_result_of_other_settings_is_an_error_and_changes_no_row(by_colour, tmp_path):
    out, path = tmp_path / "out", drawn(tmp_path / "1.tif")
    map_slides([path], out, by_colour, ALL)
    before = (out / "slides.csv").read_bytes()
    with pytest.raises(OutputExists, match="made from other input"):
        map_slides([path], out, by_colour, SlideSettings(mask=False, stride_um=40))
    assert (out / "slides.csv").read_bytes() == before


def test_relative_names_in_different_folders_are_different_slides(by_colour, tmp_path, monkeypatch):
    for seed, patient in enumerate("ab"):
        drawn(tmp_path / patient / "1.tif", seed)
        monkeypatch.chdir(tmp_path / patient)
        map_slides([Path("1.tif")], tmp_path / "out", by_colour, ALL)
    assert statuses(tmp_path / "out") == {"a/1.tif": DONE, "b/1.tif": DONE}


def test_a_slide_under_two_names_is_named_as_the_same_and_counted_once(by_colour, tmp_path):
    out, path = tmp_path / "out", drawn(tmp_path / "a" / "1.tif")
    link = tmp_path / "b.tif"
    link.symlink_to(path)
    copy = tmp_path / "c" / "1.tif"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    found = map_slides([path, link, copy], out, by_colour, ALL)
    assert [row["status"] for row in found.rows] == [DONE, SAME, SAME]
    assert found.same == ((link, str(path)), (copy, str(path)))
    assert statuses(out) == {"a/1.tif": DONE, "c/1.tif": SAME} or statuses(out)["a/1.tif"] == DONE
    again = map_slides([copy], out, by_colour, ALL)
    assert [row["detail"] for row in again.rows] == [f"is the same slide as {path}"]
    assert [row["status"] for row in rows(out).values()].count(DONE) == 1


def test_a_moved_slide_has_one_row(by_colour, tmp_path):
    out, path = tmp_path / "out", drawn(tmp_path / "a" / "1.tif")
    map_slides([path], out, by_colour, ALL)
    (tmp_path / "b").mkdir()
    map_slides([path.rename(tmp_path / "b" / "1.tif")], out, by_colour, ALL)
    assert statuses(out) == {"b/1.tif": DONE}


def test_a_row_of_an_older_table_is_known_by_its_name(tmp_path):
    slide = tmp_path / "1.svs"
    slide.write_bytes(b"")
    (tmp_path / "slides.csv").write_text(f"slide,folder,status,detail\n{slide},1,done,\nother.svs,2,done,\n")
    new = {"slide": str(slide), "folder": "1", "status": DONE, "path": str(slide), "tiles": 7}
    write_slides(tmp_path / "slides.csv", ["TUM"], [new])
    with (tmp_path / "slides.csv").open() as file:
        assert [(row["slide"], row["tiles"]) for row in csv.DictReader(file)] == [("other.svs", ""), (str(slide), "7")]


def test_columns_of_areas_have_no_spaces(tmp_path):
    write_slides(tmp_path / "slides.csv", ["TUM", "smooth muscle"], [])
    header = (tmp_path / "slides.csv").read_text().splitlines()[0]
    assert " " not in header
    assert "area_mm2_smooth_muscle" in header


def test_a_busy_slide_is_named_and_harms_nothing(by_colour, tmp_path):
    path, other = drawn(tmp_path / "1.tif", 1), drawn(tmp_path / "2.tif", 2)
    out = tmp_path / "out"
    (out / ".slide-1").mkdir(parents=True)
    with alone(out / ".slide-1", "gastropath slide"):
        found = map_slides([path, other], out, by_colour, ALL)
    assert [row["status"] for row in found.rows] == [FAILED, DONE]
    assert "another gastropath slide is running here" in str(found.failed[0].error)
    assert [row["status"] for row in map_slides([path], out, by_colour, ALL).rows] == [DONE]
    assert sorted(rows(out)) == [str(path), str(other)]


def test_names_that_lead_nowhere_are_refused_and_the_others_go_on(by_colour, tmp_path):
    loop, dead, folder = tmp_path / "loop.tif", tmp_path / "dead.tif", tmp_path / "empty"
    loop.symlink_to(loop)
    dead.symlink_to(tmp_path / "nothing")
    folder.mkdir()
    path = drawn(tmp_path / "1.tif")
    found = map_slides([loop, dead, folder, tmp_path / "none.tif", path], tmp_path / "out", by_colour, ALL)
    assert [slide.path for slide in found.mapped] == [path]
    assert [slide.path for slide in found.failed] == [loop, dead, folder, tmp_path / "none.tif"]
    assert [row["status"] for row in rows(tmp_path / "out").values()] == [FAILED] * 4 + [DONE]
