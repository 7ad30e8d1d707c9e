"""Tables are read as spreadsheets write them, and what cannot be a class is refused at once, with its row."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.data.understood import TABLES, Table

from gastropath.data.index import find_tiles
from gastropath.data.split.groups import with_groups
from gastropath.data.split.split import read_split
from gastropath.errors import CannotReadTable, NoTilesFound


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    for name in ("Über/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_as_people_have_them_are_understood(tiles: Path, table: Table, caplog):
    (tiles / table.file).write_bytes(table.content)
    index = find_tiles([tiles / table.file])
    assert index.paths == ("Über/1.png", "b/2.png")
    assert index.labels == ("TUM", "STR")
    assert index.groups == ("P1", "P2")
    assert not index.left_out
    assert len(caplog.records) == table.warned


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("t" * 201, "has 201 characters; a class code has at most 200"),
        ('"TU\nM"', "holds a line break or another control character"),
        ("TU\tM", "holds a line break or another control character"),
    ],
)
def test_a_label_that_cannot_be_a_class_is_refused_with_its_row_and_what_to_do(tiles: Path, label: str, reason: str):
    (tiles / "t.csv").write_text(f"path,label\nb/2.png,STR\nÜber/1.png,{label}\n")
    with pytest.raises(
        CannotReadTable, match=f"t.csv, line 3: label .* cannot be a class code: it {reason}; write ano"
    ):
        find_tiles([tiles / "t.csv"])


@pytest.mark.parametrize("name", [b"t" * 201, b"caf\xe9", b"TU\tM"])
def test_a_folder_that_cannot_be_a_class_is_refused_with_what_to_do(tmp_path: Path, name: bytes):
    (tmp_path / os.fsdecode(name)).mkdir()
    (tmp_path / os.fsdecode(name) / "1.png").touch()
    with pytest.raises(NoTilesFound, match=r"cannot be a class code: it .*; rename the folder"):
        find_tiles([tmp_path])


def test_a_spreadsheet_is_refused_with_how_to_save_it(tiles: Path):
    (tiles / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(NoTilesFound, match="save it as CSV UTF-8 in the spreadsheet"):
        find_tiles([tiles / "t.xlsx"])
    (tiles / "t.xlsx").rename(tiles / "t.csv")
    with pytest.raises(CannotReadTable, match="save it as CSV UTF-8 in the spreadsheet"):
        find_tiles([tiles / "t.csv"])


def test_tables_of_groups_and_of_parts_may_have_backslashes_and_semicolons_too(tiles: Path):
    index = find_tiles([tiles])
    (tiles / "g.csv").write_text("Path;Patient\nb\\2.png;P7\n", encoding="cp1252")
    assert with_groups(index, tiles / "g.csv").groups[index.paths.index("b/2.png")] == "P7"
    (tiles / "s.csv").write_text("path;label;part\nÜber\\1.png;Über;train\nb\\2.png;b;test\n", encoding="utf-16")
    assert read_split(tiles / "s.csv", index).parts == ("train", "test")


def test_a_resolution_with_a_comma_is_a_number(tiles: Path):
    (tiles / "t.csv").write_text("path;label;mpp\nb/2.png;STR;0,25\n")
    assert find_tiles([tiles / "t.csv"]).mpp() == (0.25,)
