"""The table of pairs: the gravest first, every duplicate in it, and no more rows than somebody can read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planting import flipped_or_turned

from gastropath.data.duplicates.duplicates import Duplicates, NearPair, linked
from gastropath.data.duplicates.keypoints import oriented
from gastropath.data.duplicates.pairs import MORE_COLUMNS, PAIR_COLUMNS, TURNS, pairs_of, write_pairs
from gastropath.tables import Row, read_table


def table(tmp_path: Path, labels: str, duplicates: Duplicates, paths: list[str] | None = None) -> list[Row]:
    """Write and read the pairs of tiles called ``0``, ``1`` and so on, a letter each for their labels."""
    file = tmp_path / "duplicates.csv"
    write_pairs(file, paths or [str(i) for i in range(len(labels))], list(labels), duplicates)
    columns, rows = read_table(file, PAIR_COLUMNS)
    assert columns == [*PAIR_COLUMNS, *MORE_COLUMNS]
    return rows


def test_the_columns_are_those_of_the_contract():
    assert (*PAIR_COLUMNS, *MORE_COLUMNS) == (
        *("path_a", "path_b", "kind", "distance", "label_a", "label_b"),
        *("conflict", "duplicate_group", "turn", "zoom", "shift_right", "shift_down", "overlap"),
    )


def test_conflicts_come_first_then_identical_tiles_then_the_closest(tmp_path: Path):
    near = [NearPair(0, 1, 0.20), NearPair(0, 2, 0.05), NearPair(3, 4, 0.30), NearPair(5, 6, 0.10)]
    duplicates = Duplicates.of([*"abcdefg", "h", "h", "i", "i"], near)
    rows = table(tmp_path, "TTTSTTSTTST", duplicates)
    assert [(row["path_a"], row["path_b"], row["kind"], row["conflict"]) for row in rows] == [
        ("9", "10", "identical", "yes"),
        ("5", "6", "near", "yes"),
        ("3", "4", "near", "yes"),
        ("7", "8", "identical", ""),
        ("0", "2", "near", ""),
        ("0", "1", "near", ""),
    ]
    assert [row["distance"] for row in rows] == ["0.0000", "0.1000", "0.3000", "0.0000", "0.0500", "0.2000"]
    assert [row["label_a"] + row["label_b"] for row in rows] == ["ST", "TS", "ST", "TT", "TT", "TT"]


def test_a_row_says_how_the_second_tile_lies_on_the_first(tmp_path: Path):
    pair = NearPair(0, 1, 0.1234, orientation=5, zoom=1.0512, shift=(-0.0004, -0.0713), overlap=0.9)
    (row,) = table(tmp_path, "TT", Duplicates.of("ab", [pair]))
    assert row["distance"] == "0.1234"
    assert row["turn"] == "turned left by 90 degrees"
    assert (row["zoom"], row["shift_right"], row["shift_down"], row["overlap"]) == ("1.051", "0.000", "-0.071", "0.900")
    (row,) = table(tmp_path, "TT", Duplicates.of("aa"))
    assert (row["turn"], row["zoom"], row["shift_right"], row["shift_down"], row["overlap"]) == (
        *("none", "1.000"),
        *("0.000", "0.000", "1.000"),
    )


def test_no_turn_or_shift_is_written_with_a_minus_before_nothing(tmp_path: Path):
    (row,) = table(tmp_path, "TT", Duplicates.of("ab", [NearPair(0, 1, 0.1, shift=(-0.0002, -0.0))]))
    assert (row["shift_right"], row["shift_down"]) == ("0.000", "0.000")


def test_the_words_for_turns_say_what_is_done_to_a_tile():
    tile = np.arange(9).reshape(3, 3)
    done = {TURNS[g]: oriented(tile, g) for g in range(8)}
    expected = {
        "none": tile,
        "mirrored left-right": np.fliplr(tile),
        "mirrored top-bottom": np.flipud(tile),
        "turned by 180 degrees": np.rot90(tile, 2),
        "mirrored on the diagonal": tile.T,
        "turned left by 90 degrees": np.rot90(tile),
        "turned right by 90 degrees": np.rot90(tile, -1),
        "mirrored on the other diagonal": np.rot90(tile, 2).T,
    }
    assert done.keys() == expected.keys()
    for words, picture in expected.items():
        np.testing.assert_array_equal(done[words], picture, err_msg=words)
    coloured = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(flipped_or_turned(coloured, 5), np.rot90(coloured))


def test_a_group_has_one_number_whatever_its_pairs_are(tmp_path: Path):
    duplicates = Duplicates.of(["a", "b", "c", "d", "b", "e", "f"], [NearPair(0, 1, 0.1), NearPair(3, 5, 0.2)])
    rows = table(tmp_path, "TTTTSTT", duplicates)
    assert {frozenset((row["path_a"], row["path_b"])): row["duplicate_group"] for row in rows} == {
        frozenset("01"): "1",
        frozenset("04"): "1",
        frozenset("14"): "1",
        frozenset("35"): "2",
    }


@pytest.mark.parametrize(("n", "rows"), [(2, 1), (10, 45), (11, 10), (1000, 999)])
def test_of_many_identical_tiles_each_is_listed_with_the_first(n: int, rows: int, tmp_path: Path):
    listed = table(tmp_path, "T" * n, Duplicates.of(["a"] * n))
    assert len(listed) == rows
    assert {path for row in listed for path in (row["path_a"], row["path_b"])} == {str(i) for i in range(n)}


def test_a_conflict_in_a_large_group_is_listed_wherever_it_is(tmp_path: Path):
    rows = table(tmp_path, "T" * 20 + "S" + "T" * 10, Duplicates.of(["a"] * 31))
    assert [row["conflict"] for row in rows] == ["yes"] + [""] * 29
    assert rows[0]["path_b"] == "20"


def test_a_near_pair_stands_for_the_identical_tiles_on_both_sides(tmp_path: Path):
    duplicates = Duplicates.of(["a", "b", "a", "b", "b"], [NearPair(0, 1, 0.1)])
    near = {(r["path_a"], r["path_b"]) for r in table(tmp_path, "TTTTT", duplicates) if r["kind"] == "near"}
    assert near == {(a, b) for a in "02" for b in "134"}
    many = Duplicates.of(["a"] * 50 + ["b"] * 50, [NearPair(0, 50, 0.1)])
    assert len(table(tmp_path, "T" * 100, many)) == 49 + 49 + 1


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40), st.data())
def test_the_listed_pairs_link_the_same_groups_as_all_pairs(pixels: list[str], data: st.DataObject):
    firsts = [pixels.index(picture) for picture in sorted(set(pixels))]
    pairs = [(min(a, b), max(a, b)) for a in firsts for b in firsts if a != b]
    near = data.draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3)) if pairs else []
    duplicates = Duplicates.of(pixels, [NearPair(a, b, 0.1) for a, b in near])
    assert linked(len(pixels), [(a, b) for a, b, _ in pairs_of(duplicates)]) == duplicates.groups


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such names")
@pytest.mark.parametrize(
    "name",
    [
        b"two  words.png",
        b"comma, quote\" and 'apostrophe'.png",
        b"line\nfeed and\rreturn.png",
        " leading, 🔬 µm – ümlaut ".encode() + b".png",
        b"caf\xe9 \xff.png",
        b"n" * 251 + b".png",
    ],
)
def test_any_file_name_stands_in_the_table_as_it_is(name: bytes, tmp_path: Path):
    paths = [os.fsdecode(b"TUM/" + name), os.fsdecode(b"STR/" + name)]
    (row,) = table(tmp_path, "TS", Duplicates.of("aa"), paths)
    assert [row["path_a"], row["path_b"]] == paths


def test_without_duplicates_there_is_a_table_with_columns_only(tmp_path: Path):
    assert table(tmp_path, "TTS", Duplicates.of("abc")) == []
