"""Labels that a person takes for the same are the same, and that is said; others stay apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastropath.data.alike import Joined, cleaned, joined, similar, skeleton
from gastropath.data.index import find_tiles
from gastropath.tissue_classes import TISSUE_CLASSES


@pytest.mark.parametrize(
    "other",
    [
        "tum",
        "Tum",
        " TUM",
        "TUM\u00a0",
        "\ufeffTUM",
        "T\u200bUM",
        "\u0422UM",
        "\uff34\uff35\uff2d",
        "TU\u039c",
        "TUM\u00ad",
    ],
)
def test_values_that_print_alike_have_one_skeleton(other: str):
    assert skeleton(other) == skeleton("TUM")


@pytest.mark.parametrize("other", ["TUM1", "TUM 2", "TU M", "T", "TUM²", "TÜM", "P01", "-TUM"])
def test_values_that_print_differently_stay_apart(other: str):
    assert skeleton(other) != skeleton("TUM")


def test_letters_are_composed_and_outer_blanks_removed():
    assert cleaned("  Mu\u0308ller\u200b\n") == "Müller"
    assert cleaned("\u200b \u00a0") == ""
    assert cleaned("a b") == "a b"


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str):
    assert cleaned(cleaned(text)) == cleaned(text)


def test_a_known_spelling_is_preferred_then_a_tissue_class_then_the_most_frequent():
    assert joined(["tum", "tum", "TUM"])[0] == ("TUM",) * 3
    assert joined(["a1", "A1", "a1"])[0] == ("a1",) * 3
    assert joined(["tum", "TUM"], ["tum"])[0] == ("tum", "tum")
    assert joined(["tum"], ["TUM", "NOR"]) == (("TUM",), (Joined("TUM", "tum", 1),))
    assert joined(["a", "A"], ["a", "A"]) == (("a", "A"), ())
    assert joined(["", "x"]) == (("", "x"), ())


def test_the_sentence_counts_and_shows_what_cannot_be_seen():
    assert Joined("TUM", "tum", 2).sentence("label") == (
        "2 tiles with the label 'tum' count as 'TUM': the two differ in case only"
    )
    assert r"'\u0422UM' counts as 'TUM': the two print alike" in Joined("TUM", "\u0422UM", 1).sentence("label")


def test_labels_of_a_table_are_joined_and_that_is_said(tmp_path: Path):
    rows = ["1.png,TUM", "2.png,TUM ", "3.png,tum", "4.png,NOR", "5.png,\u0422UM"]
    (tmp_path / "t.csv").write_text("path,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    index = find_tiles([tmp_path / "t.csv"])
    assert index.counts() == {"NOR": 1, "TUM": 4}
    assert index.notes[0] == "warning: 1 tile with the label 'tum' counts as 'TUM': the two differ in case only"
    assert len(index.notes) == 2


def test_folders_whose_names_differ_in_case_only_are_one_class(tmp_path: Path):
    for folder in ("TUM", "tum", "STR"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").touch()
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell them apart")
    index = find_tiles([tmp_path])
    assert index.counts() == {"STR": 1, "TUM": 2}
    assert any("'tum' counts as 'TUM'" in note for note in index.notes)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Tumour", "tumor"), ("stroma", "storma"), ("lymphocyte", "Lymphocytes"), ("smooth muscle", "smooth_muscle")],
)
def test_two_spellings_of_a_class_are_told_as_a_warning(tmp_path: Path, one: str, other: str):
    (tmp_path / "t.csv").write_text(f"path,label\n1.png,{one}\n2.png,{other}\n3.png,TUM\n")
    assert similar([one, other, "TUM"]) == [(one, other)]
    (note,) = find_tiles([tmp_path / "t.csv"]).notes
    assert note.startswith("warning: the classes ")
    assert "(1 tile) may be one, spelled in two ways" in note


def test_classes_that_are_several_are_not_taken_for_two_spellings():
    assert similar([tissue.code for tissue in TISSUE_CLASSES]) == []
    assert similar(["class1", "class2", "grade_a", "grade_b", "typical", "atypical", "macro", "micro"]) == []
    assert similar(["Grad 3a", "Grad 3b", "stage 10", "stage 1", "T1", "T2", "polyp", "polys"]) == []


def test_one_tile_counts_and_several_count():
    assert Joined("TUM", "tum", 1).sentence("label").startswith("1 tile with the label 'tum' counts as 'TUM'")
