"""``summary.json`` of 0.1.0 is read and brought up; class codes and reasons are told apart from everything else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gastropath.errors import CannotReadTable
from gastropath.results.summary import SlideSummary

OLD = Path(__file__).parent / "written_by_0_1_0" / "summary.json"


@pytest.fixture
def old() -> dict[str, Any]:
    return json.loads(OLD.read_text())


def read(document: dict[str, Any]) -> SlideSummary:
    return SlideSummary.parse(json.dumps(document), "summary.json")


def test_a_summary_of_0_1_0_keeps_all_its_figures(old):
    found = read(old)
    areas = {**found.area_mm2.classes, "not sure": found.area_mm2.abstained}
    assert areas == old["area_mm2"]
    assert (found.tiles.accepted, found.tiles.abstained) == (old["tiles"]["accepted"], old["tiles"]["abstained"])
    assert found.share_of_answered_area == old["share_of_answered_area"]
    assert found.tumour_stroma.stroma_share == old["tumour_stroma"]["stroma_share"]
    assert found.job is not None
    assert found.job.settings.mask is True
    assert (found.job.found_in, found.job.model) == ("drawn-slide", old["job"]["model"])
    assert found.job.slide.samples == old["job"]["slide"]["samples"]


def test_reasons_of_0_1_0_become_codes_with_a_sentence(old):
    old["tiles"]["left_out"] = {"dark border": 3, "glass": 4, "outside the region": 5}
    old["tiles"]["refused"] = {"cannot be read: TIFFFillTile failed": 1, "cannot be read: another tile": 2}
    found = read(old)
    assert found.tiles.left_out == {"dark_border": 3, "glass": 4, "outside_roi": 5}
    assert found.tiles.refused == {"damaged": 3}
    assert set(found.reasons) == {"dark_border", "glass", "outside_roi", "damaged"}


def test_a_summary_of_0_1_0_that_counted_a_class_twice_is_refused(old):
    old["tiles"]["accepted"]["not sure"] = 48
    with pytest.raises(CannotReadTable, match="counted together"):
        read(old)


def test_a_class_may_have_any_name(old):
    document = json.loads(read(old).to_json())
    for code in ("abstained", "classes", "not sure", "left_out"):
        document["area_mm2"]["classes"][code] = 0.5
        document["tiles"]["accepted"][code] = 1
    found = read(document)
    assert found.area_mm2.abstained == old["area_mm2"]["not sure"]
    assert read(json.loads(found.to_json())) == found


@pytest.mark.parametrize("broken", [{"tiles": {}}, {"surprise": 1}, {"mpp": {"x": 0, "y": 1, "source": "given"}}])
def test_what_is_not_such_a_summary_is_refused(old, broken):
    with pytest.raises(CannotReadTable, match=r"summary\.json"):
        read(json.loads(read(old).to_json()) | broken)


def test_a_summary_of_version_2_keeps_the_hash_of_its_regions(old):
    document = json.loads(read(old).to_json())
    for key in ("bounds_px", "warnings"):
        del document[key]
    document["format_version"] = 2
    document["job"]["settings"]["roi"] = '{"type": "Polygon"}'
    del document["job"]["settings"]["qupath_origin"]
    found = read(document)
    assert found.job is not None
    assert found.job.settings.roi == hashlib.sha256(b'{"type": "Polygon"}').hexdigest()
    assert found.job.settings.qupath_origin == "bounds"
    document["kind"] = "mirax"
    assert '"qupath_origin": "level0"' in read(document).to_json()
