"""A table of patients or slides is understood as people write it, and what contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.split.groups import with_groups
from gastropath.errors import CannotReadTable

INDEX = TileIndex(
    Path("/t"), ("A/1.png", "A/2.png", "B/2.png", "B/3, 🔬.png"), ("A", "A", "B", "B"), ("old", "", "", "")
)


COLUMNS = [
    *("group", "patient", "patient_id", "slide", "slide_id", "Patient_ID", " SLIDE ", "PATIENT ID", "patient-no"),
    *("PatientID", "Case", "case_submitter_id", "Subject", "donor_id", "WSI", "patients"),
]


def grouped(tmp_path: Path, text: str) -> tuple[str, ...]:
    (tmp_path / "groups.csv").write_text(text, encoding="utf-8")
    return with_groups(INDEX, tmp_path / "groups.csv").groups


@pytest.mark.parametrize("column", COLUMNS)
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
        ("path,grup\nA/1.png,P\n", "has none of the columns group, patient, case, subject"),
        ("file,group\nA/1.png,P\n", "no column 'path'"),
        ("path,group,Group\nA/1.png,P,Q\n", "has columns 'group' and 'Group'; keep one"),
        (
            "path,group\nA/1.png,P\nA/9.png,P\nC/1.png,P\n",
            r"2 of its 3 paths are not among the tiles \(line 3: A/9.png\)",
        ),
        (
            "path,group\n2.png,P\n",
            "line 2: 2 tiles are named 2.png, such as A/2.png and B/2.png; write the path",
        ),
        ("path,patient\nA/1.png,P\n1.png,Q\n", "line 3: 1.png has patient 'Q' here but 'P' in an earlier line"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_one_line(tmp_path: Path, text: str, reason: str):
    with pytest.raises(CannotReadTable, match=reason) as raised:
        grouped(tmp_path, text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_the_data_s_own_table_keeps_patients_together(tmp_path: Path, column: str):
    (tmp_path / "tiles.csv").write_text(f"path,label,{column}\na.png,TUM,P1\nb.png,TUM, P1 \nc.png,STR,\n")
    index = find_tiles([tmp_path / "tiles.csv"])
    assert index.groups == ("P1", "P1", "")
    assert index.grouped_by == f"column {column!r} of tiles.csv"
    assert index.notes == (
        f"groups (patients or slides) are taken from column {column!r} of tiles.csv: 1 group; 1 tile without one",
    )


def test_of_several_columns_one_is_chosen_and_the_others_are_said_to_be_unused(tmp_path: Path):
    (tmp_path / "tiles.csv").write_text(
        "path,label,Slide,PATIENT,age_group,group,note\na,TUM,s1,P1,1,,x\nb,TUM,s2,P1,2,,y\nc,STR,s3,P2,3,,z\n"
    )
    index = find_tiles([tmp_path / "tiles.csv"])
    assert index.groups == ("P1", "P1", "P2")  # the column group is empty
    assert list(index.extra) == ["Slide", "PATIENT", "age_group", "note"]
    taken, slide, age = index.notes
    assert taken.endswith("column 'PATIENT' of tiles.csv: 2 groups")
    assert slide == "column 'Slide' of tiles.csv is not used: 'PATIENT' keeps tiles together"
    assert age.startswith(
        "warning: column 'age_group' of tiles.csv looks like one of patients or slides and is not used"
    )


@pytest.mark.parametrize("column", ["patiant", "patient_hash", "idSlide", "surgical_case_ref", "biopsy_site"])
def test_a_column_that_looks_like_groups_and_is_not_used_is_warned_of(tmp_path: Path, column: str):
    (tmp_path / "tiles.csv").write_text(f"path,label,{column}\na,TUM,1\nb,STR,2\n")
    index = find_tiles([tmp_path / "tiles.csv"])
    assert index.groups == ("", "")
    (note,) = index.notes
    assert note.startswith(f"warning: column {column!r} of tiles.csv looks like one of patients or slides")
    assert "rename it to group" in note


@pytest.mark.parametrize("column", ["scanner", "note", "mpp", "width", "source", "part", "fold", "stain", "age"])
def test_other_columns_are_not_warned_of(tmp_path: Path, column: str):
    (tmp_path / "tiles.csv").write_text(f"path,label,{column}\na,TUM,\nb,STR,\n")
    assert find_tiles([tmp_path / "tiles.csv"]).notes == ()


def test_two_columns_of_one_name_are_refused_where_they_differ(tmp_path: Path):
    table = tmp_path / "tiles.csv"
    table.write_text("path,label,Patient_ID,patient id\na,TUM,1,2\n")
    with pytest.raises(CannotReadTable, match="has columns 'Patient_ID' and 'patient id'; keep one of them"):
        find_tiles([table])
    table.write_text("path,label,Patient_ID,patient id\na,TUM,1,1\nb,STR,2,2\n")
    assert find_tiles([table]).groups == ("1", "2")


def test_groups_that_print_alike_stay_together_and_that_is_said(tmp_path: Path):
    rows = ["a,TUM,P1", "b,TUM,p1", "c,STR,\u0420\u0031", "d,STR,P\u200b1", "e,STR,P01"]
    (tmp_path / "tiles.csv").write_text("path,label,patient\n" + "\n".join(rows) + "\n", encoding="utf-8")
    index = find_tiles([tmp_path / "tiles.csv"])
    assert index.groups == ("P1", "P1", "P1", "P1", "P01")
    said = " ".join(index.notes)
    assert "1 tile with the group 'p1' counts as 'P1': the two differ in case only" in said
    assert r"'\u04201' counts as 'P1': the two print alike" in said


def test_a_table_of_groups_says_what_it_replaces(tmp_path: Path):
    (tmp_path / "tiles.csv").write_text("path,label,slide\na,TUM,s1\nb,STR,s2\n")
    (tmp_path / "groups.csv").write_text("path,Patient\na,P1\n")
    index = with_groups(find_tiles([tmp_path / "tiles.csv"]), tmp_path / "groups.csv")
    assert index.groups == ("P1", "s2")
    assert index.notes == (
        "groups (patients or slides) are taken from column 'Patient' of groups.csv, of 1 tile from column 'slide' of "
        "tiles.csv: 2 groups",
    )


@pytest.mark.parametrize("path", ["A/m\u00fc.png", "A/mu\u0308.png", "m\u00fc.png", "mu\u0308.png"])
@pytest.mark.parametrize("found", ["A/m\u00fc.png", "A/mu\u0308.png"])
def test_a_path_may_be_composed_or_not(tmp_path: Path, path: str, found: str):
    (tmp_path / "groups.csv").write_text(f"path,group\n{path},P1\n", encoding="utf-8")
    index = TileIndex(Path("/t"), (found, "A/2.png"), ("A", "A"), ("", ""))
    assert with_groups(index, tmp_path / "groups.csv").groups == ("P1", "")
