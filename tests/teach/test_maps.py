"""Maps are read back as they were written, and what is wrong with one is said in a line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawing import CODES, Squares  # pyright: ignore[reportMissingImports]
from view_driver import SIDE, Looked

from gastropath.errors import CannotReadTable, NoTilesFound
from gastropath.teach.maps import find_maps, read_map, readable_maps


@pytest.fixture
def copied(squares_map: Looked, tmp_path: Path) -> Path:
    """A copy of a map, to be damaged."""
    return Path(shutil.copytree(squares_map.folder, tmp_path / "maps" / "copied"))


def change_rows(folder: Path, change: Callable[[list[dict[str, str]]], object]) -> None:
    """Change the rows of ``tiles.csv``."""
    file = folder / "tiles.csv"
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    columns = list(rows[0])
    change(rows)
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, columns)
        writer.writeheader()
        writer.writerows(rows)


def test_every_tile_has_its_place_and_its_answer(squares_map: Looked, squares: Squares):
    found = read_map(squares_map.folder)
    x, y, width, height = found.grid.rectangles(found.numbers).T
    truth = squares.number(x + width / 2, y + height / 2)
    assert found.classes == CODES
    assert (found.labels == truth).mean() > 0.99
    np.testing.assert_allclose(found.probabilities.max(axis=1), found.confidence, atol=1e-6)
    assert sorted(found.numbers.tolist()) == list(range(len(found.grid)))
    assert (width[x + SIDE <= squares.width] == SIDE).all()
    assert not found.has_gaps


def test_areas_are_those_of_the_summary(squares_map: Looked):
    found = read_map(squares_map.folder)
    mm2 = found.summary.mpp.x * found.summary.mpp.y / 1e6
    areas = found.grid.areas_px(found.numbers) * mm2
    for place, code in enumerate(found.classes):
        accepted = (found.labels == place) & (found.decisions == 0)
        assert areas[accepted].sum() == pytest.approx(found.summary.area_mm2.classes[code], abs=1e-5)


def test_maps_are_found_in_folders_and_unfinished_ones_are_passed_over(squares_map: Looked, copied: Path):
    shutil.copytree(copied, copied.parent / "deeper" / "other")
    shutil.copytree(copied, copied.parent / ".slide-copied" / "outputs")
    assert find_maps([copied.parent]) == [copied, copied.parent / "deeper" / "other"]
    assert find_maps([squares_map.folder, copied.parent, copied])[:2] == [squares_map.folder, copied]


def test_a_folder_without_a_map_is_refused(tmp_path: Path):
    with pytest.raises(NoTilesFound, match="holds no map"):
        find_maps([tmp_path])
    with pytest.raises(NoTilesFound, match="no such folder"):
        find_maps([tmp_path / "nowhere"])


def test_a_damaged_map_does_not_stop_the_others(squares_map: Looked, copied: Path):
    (copied / "summary.json").write_text("{")
    readable, failed = readable_maps([copied, squares_map.folder])
    assert list(readable) == [squares_map.folder]
    assert "is not valid JSON" in failed[copied].reason


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("predicted_label", "TMU", "did you mean 'TUM'"),
        ("decision", "doubted", "column decision holds 'doubted'"),
        ("decision", "refused", "has a label for a refused tile"),
        ("confidence", "much", "column confidence: could not convert"),
        ("x_px", "7", "line 3: has a tile that is none of the grid"),
        ("x_px", "nan", "line 3: has a tile that is none of the grid"),
        ("width_px", "-1", "line 3: has a tile that is none of the grid"),
        ("y_px", "1e300", "line 3: has a tile that is none of the grid"),
    ],
)
def test_a_cell_that_cannot_be_is_named(copied: Path, column: str, value: str, said: str):
    change_rows(copied, lambda rows: rows[1].update({column: value}))
    with pytest.raises(CannotReadTable, match=said):
        read_map(copied)


def test_a_tile_that_stands_twice_is_refused(copied: Path):
    change_rows(copied, lambda rows: rows.append(rows[0]))
    with pytest.raises(CannotReadTable, match="has a tile twice"):
        read_map(copied)


def test_table_and_summary_of_different_models_are_refused(copied: Path):
    document = json.loads((copied / "summary.json").read_text())
    document["tiles"]["accepted"]["MUC"] = 0
    (copied / "summary.json").write_text(json.dumps(document))
    with pytest.raises(CannotReadTable, match="other classes"):
        read_map(copied)


def test_a_map_without_a_tile_is_a_map(copied: Path):
    change_rows(copied, list.clear)
    assert len(read_map(copied)) == 0


def test_refused_tiles_have_no_answer(copied: Path):
    nothing = {"predicted_label": "", "confidence": "", "decision": "refused", "detail": "is damaged there"}
    change_rows(copied, lambda rows: rows[4].update(nothing | {f"prob_{code}": "" for code in CODES}))
    found = read_map(copied)
    assert (found.labels[4], found.reasons[4]) == (-1, "is damaged there")
    assert np.isnan([found.confidence[4], *found.probabilities[4]]).all()
