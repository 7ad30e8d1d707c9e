"""A slide and a model are known again by their content, wherever they lie now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from view_driver import Looked

from gastropath.bundle.files import starter
from gastropath.teach.maps import read_summary
from gastropath.teach.originals import find_model, find_slide


def test_a_slide_is_found_where_the_table_says(starter_map: Looked):
    found = find_slide(starter_map.folder, read_summary(starter_map.folder))
    assert found.path == starter_map.slide


@pytest.mark.parametrize("name", ["few.tiff", "renamed.tiff"])
def test_a_slide_that_has_moved_is_found_under_any_name(starter_map: Looked, tmp_path: Path, name: str):
    folder = Path(shutil.copytree(starter_map.folder, tmp_path / "maps" / "few"))
    (tmp_path / "archive" / "2026").mkdir(parents=True)
    moved = Path(shutil.copy(starter_map.slide, tmp_path / "archive" / "2026" / name))
    assert find_slide(folder, read_summary(folder), [tmp_path / "archive"]).path == moved
    lost = find_slide(folder, read_summary(folder))
    assert lost.path is None
    assert "few.tiff is not where it was; give the folder it lies in by --slides" in lost.told


def test_another_slide_of_the_same_name_is_not_taken(starter_map: Looked, tmp_path: Path):
    content = bytearray(starter_map.slide.read_bytes())
    content[200] ^= 1
    (tmp_path / "few.tiff").write_bytes(content)
    folder = Path(shutil.copytree(starter_map.folder, tmp_path / "maps" / "few"))
    found = find_slide(folder, read_summary(folder), [tmp_path / "few.tiff"])
    assert found.path is None
    assert "is not the slide that was mapped: its content differs" in found.told


def test_the_starter_model_and_a_run_beside_the_maps_are_found_by_their_hash(starter_map: Looked, tmp_path: Path):
    summary = read_summary(starter_map.folder)
    assert find_model(starter_map.folder, summary).path == starter()
    folder = Path(shutil.copytree(starter_map.folder, tmp_path / "project" / "maps" / "few"))
    other = summary.model_copy(update={"model": summary.model.model_copy(update={"sha256": "ab" * 32})})
    missed = find_model(folder, other)
    assert missed.path is None
    assert "was not found; give it by --model" in missed.told
    bundle = Path(shutil.copytree(starter(), tmp_path / "project" / "run" / "model"))
    card = json.loads((bundle / "card.json").read_text())
    card["files"]["model.tflite"] = "ab" * 32
    (bundle / "card.json").write_text(json.dumps(card))
    (tmp_path / "project" / "damaged").mkdir()
    (tmp_path / "project" / "damaged" / "card.json").write_text('{"files": 3}')
    assert find_model(folder, other).path == bundle


def test_a_model_that_did_not_make_the_map_is_not_taken_for_it(starter_map: Looked, squares_map: Looked):
    assert find_model(starter_map.folder, read_summary(starter_map.folder), starter()).path == starter()
    found = find_model(squares_map.folder, read_summary(squares_map.folder), starter())
    assert found.path is None
    assert "was made with another model, 'by colour'" in found.told
