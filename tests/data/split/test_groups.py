"""A table of patients or slides is understood as people write it, and what contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gastropath.data.index import TileIndex
from gastropath.data.split.groups import with_groups
from gastropath.errors import CannotReadTable

INDEX = TileIndex(
    Path("/t"), ("A/1.png", "A/2.png", "B/2.png", "B/3, 🔬.png"), ("A", "A", "B", "B"), ("old", "", "", "")
)


def grouped(tmp_path: Path, text: str) -> tuple[str, ...]:
    (tmp_path / "groups.csv").write_text(text, encoding="utf-8")
    return with_groups(INDEX, tmp_path / "groups.csv").groups


@pytest.mark.parametrize("column", ["group", "patient", "patient_id", "slide", "slide_id", "Patient_ID", " SLIDE "])
def test_the_column_may_be_named_after_what_it_holds(tmp_path: Path, column: str):
    assert grouped(tmp_path, f"note,path,{column}\nx,A/2.png,P1\ny,A/1.png,P2\n") == ("P2", "P1", "", "")


def test_slides_of_a_patient_belong_together_so_the_patient_counts(tmp_path: Path):
    assert grouped(tmp_path, "slide,path,patient\ns1,A/1.png,P1\ns2,A/2.png,P1\n") == ("P1", "P1", "", "")


def test_a_bare_file_name_is_enough_where_one_tile_has_it(tmp_path: Path):
    assert grouped(tmp_path, 'path,group\n1.png,P1\n"3, 🔬.png",P2\n') == ("P1", "", "", "P2")


def test_tiles_that_are_not_listed_or_listed_without_a_group_keep_theirs(tmp_path: Path):
    assert grouped(tmp_path, "path,group\nA/1.png,\nA/2.png,P1\n") == ("old", "P1", "", "")


def test_a_repeated_row_says_nothing_new(tmp_path: Path):
    assert grouped(tmp_path, "path,group\nA/2.png,P1\nA/2.png,P1\nA/2.png,\n") == ("old", "P1", "", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,grup\nA/1.png,P\n", "has none of the columns group, patient, patient_id, slide, slide_id"),
        ("file,group\nA/1.png,P\n", "no column 'path'"),
        ("path,group,Group\nA/1.png,P,Q\n", "has column 'group' twice"),
        (
            "path,group\nA/1.png,P\nA/9.png,P\nC/1.png,P\n",
            r"2 of its 3 paths are not among the tiles \(row 2: A/9.png\)",
        ),
        (
            "path,group\n2.png,P\n",
            "row 1: 2 tiles are named 2.png, such as A/2.png and B/2.png; write the path",
        ),
        ("path,patient\nA/1.png,P\n1.png,Q\n", "row 2: 1.png has patient 'Q' here but 'P' in an earlier row"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_one_line(tmp_path: Path, text: str, reason: str):
    with pytest.raises(CannotReadTable, match=reason) as raised:
        grouped(tmp_path, text)
    assert "\n" not in str(raised.value)
