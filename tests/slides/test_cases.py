"""A cohort: sums of each case, resolutions and class names from tables, and fewer cores where that is asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from drawing import CODES, Squares

from gastropath import parallel
from gastropath.errors import CannotReadTable, UnknownSetting
from gastropath.parallel import at_most, cores, each
from gastropath.slides.cases import write_cases
from gastropath.slides.cohort import map_slides
from gastropath.slides.lookup import SlideTable, read_mpp_table, read_qupath_names
from gastropath.slides.mapping import map_slide
from gastropath.slides.table import write_slides
from gastropath.slides.task import SlideSettings
from gastropath.workflows import slides as workflow

CLASSES = ("TUM", "STR", "smooth muscle")


def slide_row(name: str, status: str = "done", **areas: float) -> dict[str, object]:
    return {
        "slide": name, "status": status, "folder": Path(name).stem, "path": f"/s/{name}", "tiles": 10, "classified": 8,
        "abstained": 1, "refused": 2, "abstained_mm2": 0.5,
        **{f"area_mm2_{code}": area for code, area in areas.items()},
    }  # fmt: skip


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def read(path: Path) -> dict[str, dict[str, str]]:
    with path.open() as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def test_areas_are_summed_and_the_ratio_is_that_of_the_sums(tmp_path):
    rows = [
        slide_row("1.svs", TUM=1.0, STR=1.0, smooth_muscle=0.25), slide_row("2.svs", TUM=8.0, STR=2.0),
        slide_row("3.svs", "failed"), slide_row("5.svs", TUM=9.0), slide_row("6.svs", "same", TUM=100.0),
    ]  # fmt: skip
    write_slides(tmp_path / "slides.csv", CLASSES, rows)
    table = "slide,case\n1.svs,A\n2,A\n/s/3.svs,A\n4.svs,A\n6.svs,A\n3.svs,A\n7.svs,B\n8.svs,\n"
    found = write_cases(tmp_path, SlideTable.read(written(tmp_path / "t.csv", table), "case"), CLASSES)
    cases = read(found.path)
    case: dict[str, Any] = cases["A"]
    assert [case[name] for name in ("slides", "done", "failed", "missing")] == ["4", "2", "1", "1"]
    assert [case[name] for name in ("tiles", "classified", "abstained", "refused")] == ["20", "16", "2", "4"]
    assert float(case["area_mm2_TUM"]) == 9.0
    assert float(case["area_mm2_smooth_muscle"]) == 0.25
    assert float(case["abstained_mm2"]) == 1.0
    assert float(case["stroma_share"]) == pytest.approx(3 / 12)  # and not the mean of 0.5 and 0.2
    assert (cases["B"]["missing"], cases["B"]["stroma_share"], cases["B"]["area_mm2_TUM"]) == ("1", "", "")
    assert found.without_case == ("5.svs",)
    assert set(found.without_slide) == {"4.svs", "7.svs"}


def test_a_slide_is_found_by_its_path_name_or_stem(tmp_path):
    table = SlideTable(tmp_path / "t.csv", {"a/1.svs": "of a", "2.svs": "by name", "3": "by stem"})
    assert table.of(tmp_path / "a" / "1.svs") == "of a"
    assert table.of(tmp_path / "b" / "1.svs") is None
    assert [table.of(f"/x/{name}") for name in ("2.svs", "3.ndpi", "4.svs")] == ["by name", "by stem", None]


def test_two_cases_of_one_slide_are_refused(tmp_path):
    with pytest.raises(CannotReadTable, match="says two things of slide '1': 'A' and 'B'"):
        SlideTable.read(written(tmp_path / "t.csv", "slide,case\n1,A\n1,B\n"), "case")


def test_resolutions_come_from_a_table(by_colour, tmp_path):
    paths = [Squares(256, 256, 64, seed).write(tmp_path / f"{seed}.tif", None) for seed in (1, 2)]
    table = read_mpp_table(written(tmp_path / "mpp.csv", "slide,mpp\n1.tif,0.5\n2,0.25\n"))
    found = map_slides(paths, tmp_path / "out", by_colour, SlideSettings(mask=False), mpp=table)
    assert [slide.summary.mpp.x for slide in found.mapped] == [0.5, 0.25]
    assert [slide.summary.tiles.in_grid for slide in found.mapped] == [16, 4]


@pytest.mark.parametrize("cell", ["0", "-1", "nan", "inf", "half"])
def test_a_resolution_that_is_no_number_is_refused(tmp_path, cell):
    with pytest.raises(CannotReadTable, match=f"says that slide '1' has '{cell}' µm per pixel"):
        read_mpp_table(written(tmp_path / "mpp.csv", f"slide,mpp\n1,{cell}\n"))


def test_classes_have_the_names_of_the_project_in_qupath_and_nowhere_else(by_colour, tmp_path):
    names = read_qupath_names(written(tmp_path / "n.csv", "code,name\nTUM,Tumor\nnot sure,?\n"), [*CODES, "not sure"])
    path = Squares(256, 256, 64).write(tmp_path / "1.tif", 0.5)
    found = map_slide(path, tmp_path / "out", by_colour, SlideSettings(mask=False, qupath_names=names))
    features = json.loads((found.folder / "tiles.geojson").read_text())["features"]
    given = {feature["properties"]["classification"]["name"] for feature in features}
    assert "Tumor" in given
    assert given <= {"Tumor", "LYM", "STR", "NOR", "?"}
    with (found.folder / "tiles.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["predicted_label"] for row in rows} <= set(CODES)
    assert {row["slide"] for row in rows} == {"1.tif"}


@pytest.mark.parametrize("text", ["TMU,Tumor\n", "TUM,\n", "TUM,a\nTUM,b\n"])
def test_an_odd_table_of_names_is_refused(tmp_path, text):
    with pytest.raises(CannotReadTable, match="code 'T"):
        read_qupath_names(written(tmp_path / "n.csv", f"code,name\n{text}"), CODES)


def test_no_more_cores_are_used_than_are_allowed(monkeypatch):
    monkeypatch.setattr(parallel, "_given_cores", 8)
    with at_most(2):
        assert cores() == 2
        assert list(each(str, range(5))) == ["0", "1", "2", "3", "4"]
    assert cores() == 8
    with at_most(None):
        assert cores() == 8
    with pytest.raises(UnknownSetting, match="threads: is 0"), at_most(0):
        pass


def test_the_library_takes_tables_for_all_of_it(tmp_path):
    path = Squares(500, 500, 224).write(tmp_path / "1.tif", None)
    mpp = written(tmp_path / "mpp.csv", "slide,mpp\n1,0.5\n")
    cases = written(tmp_path / "cases.csv", "slide,case\n1.tif,A\n")
    names = written(tmp_path / "names.csv", "code,name\nTUM,Tumor\n")
    found = workflow.map_slides(
        path, tmp_path / "out", mpp=mpp, cases=cases, qupath_classes=names, threads=1, mask=False
    )
    assert found.mapped[0].summary.job is not None
    assert found.mapped[0].summary.job.settings.qupath_classes == {"TUM": "Tumor"}
    assert found.cases is not None
    assert read(found.cases.path)["A"]["done"] == "1"
