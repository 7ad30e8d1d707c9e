"""Neighbouring file numbers are known as such, cut into blocks of equal size, and kept apart by the gap."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.data.index import TileIndex
from gastropath.data.split.blocks import Neighbours, default_block, default_gap, unnumbered


def index_of(*paths: str, labels: str = "", groups: tuple[str, ...] = ()) -> TileIndex:
    n = len(paths)
    return TileIndex(Path("/t"), paths, tuple(labels or "A" * n), groups or ("",) * n)


def neighbours(*paths: str, gap: int = 0, labels: str = "", groups: tuple[str, ...] = ()) -> Neighbours:
    index = index_of(*paths, labels=labels, groups=groups)
    return Neighbours.of(index, dict.fromkeys(index.classes, gap))


def of_numbers(numbers: list[int], gap: int = 0) -> Neighbours:
    return neighbours(*(f"A/A_{n}.png" for n in numbers), gap=gap)


NUMBERS = st.lists(st.integers(0, 60), min_size=1, max_size=40)


def test_a_class_has_about_twenty_blocks_and_the_full_data_set_a_gap_of_sixteen():
    assert [default_block(n) for n in (1, 13, 40, 400, 3887)] == [1, 1, 2, 20, 194]
    assert [default_gap(block) for block in (1, 3, 4, 20, 194)] == [0, 0, 1, 5, 16]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ADI/ADI_1.png", "ADI/ADI_10.png"),
        ("ADI/ADI_1.png", "ADI/ADI_2.tif"),
        ("ADI/ADI_0001.png", "ADI/ADI_2.png"),
        ("1.png", "2.png"),
        ("a/9_tile.png", "a/10_tile.png"),
        ("s1/x2_y3.png", "s1/x2_y4.png"),
        ("a/tile 1, 'x'.png", "a/tile 2, 'x'.png"),
        ("🔬/µ1🔬.png", "🔬/µ2🔬.png"),
    ],
)
def test_names_that_differ_only_in_their_last_number_are_of_one_series(one: str, other: str):
    assert neighbours(one, other).series.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("one", "other", "labels"),
    [
        ("a/A_1.png", "b/A_2.png", "AA"),
        ("a/A_1.png", "a/B_2.png", "AA"),
        ("a/A_1_x.png", "a/A_2_y.png", "AA"),
        ("a/A1_1.png", "a/A2_2.png", "AA"),
        ("a/A_1.png", "a/A_2.png", "AB"),
    ],
)
def test_other_folders_names_and_classes_are_of_other_series(one: str, other: str, labels: str):
    assert neighbours(one, other, labels=labels).series.tolist() == [0, 1]


def test_a_tile_without_a_number_with_a_hash_or_with_a_group_has_no_neighbours():
    found = neighbours("a/ADI-TCGA.png", f"a/{'1' * 19}.png", "a/1.png", "a/2.png", groups=("", "", "P1", ""))
    assert found.series.tolist() == [-1, -1, -1, 0]
    assert unnumbered(index_of("a/x.png", "a/1.png", "b/y.png", groups=("", "", "P1"))) == ["a/x.png"]


def sharing(found: Neighbours, length: int) -> list[bool]:
    block = found.blocks(np.full(len(found.series), length))
    return found.share_a_block(block).tolist()


def test_neighbours_are_claimed_only_where_there_are_some():
    assert sharing(neighbours("a/1.png", "a/2.png", "a/x.png", "b/3.png"), 2) == [True, True, False, False]
    assert sharing(neighbours("a/1.png", "a/2.png"), 1) == [False, False]  # blocks of one file
    kather = [f"a/{i:X}_CRC.tif_Row_{150 * i}_Col_301.png" for i in range(40, 60)]
    assert not any(sharing(neighbours(*kather), 4))


def test_numbers_that_are_hashes_or_drawn_at_random_are_no_neighbours(rng):
    drawn = rng.integers(0, 10**8, 60).tolist()
    assert not any(sharing(of_numbers(drawn), 5))
    assert all(sharing(of_numbers(sorted(rng.choice(31_096, 160, replace=False).tolist())), 8))


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.integers(1, 9))
def test_blocks_are_runs_of_numbers_of_the_wanted_length(numbers: list[int], length: int):
    block = of_numbers(numbers).blocks(np.full(len(numbers), length))
    by_number = sorted(zip(numbers, block.tolist(), strict=True))
    for (n, b), (m, c) in pairwise(by_number):
        assert c in (b, b + 1)
        assert n < m or b == c
    if len(set(numbers)) == len(numbers):
        sizes = np.bincount(block)
        assert len(sizes) == max(1, round(len(numbers) / length))
        assert sizes.max() - sizes.min() <= 1


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.integers(0, 9), st.data())
def test_near_is_what_lies_within_the_gap(numbers: list[int], gap: int, data: st.DataObject):
    chosen = data.draw(st.lists(st.booleans(), min_size=len(numbers), max_size=len(numbers)))
    near = of_numbers(numbers, gap).near_to(np.array(chosen))
    for n, found in zip(numbers, near, strict=True):
        assert found == any(abs(n - m) <= gap for m, taken in zip(numbers, chosen, strict=True) if taken)


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.integers(0, 9), st.integers(1, 9), st.data())
def test_without_those_that_follow_another_part_closely_parts_lie_apart(
    numbers: list[int], gap: int, length: int, data: st.DataObject
):
    found = of_numbers(numbers, gap)
    block = found.blocks(np.full(len(numbers), length))
    n_blocks = int(block.max()) + 1
    part_of = data.draw(st.lists(st.integers(0, 2), min_size=n_blocks, max_size=n_blocks))
    part = np.array(part_of)[block]
    dropped = found.after_another(part)
    kept = [(n, p) for n, p, drop in zip(numbers, part, dropped, strict=True) if not drop]
    assert all(p == q or abs(n - m) > gap for n, p in kept for m, q in kept)
    assert min(numbers) in [n for n, _ in kept]
    if len(set(part)) == 1:
        assert not dropped.any()


def test_tiles_without_neighbours_are_near_to_nothing():
    found = neighbours("a/x.png", "a/y.png", gap=5)
    both = np.array([True, False])
    assert not found.near_to(both).any()
    assert not found.after_another(np.array([0, 1])).any()
    assert found.blocks(np.array([1, 1])).tolist() == [-1, -1]


def test_series_do_not_touch_each_other():
    found = neighbours("a/1.png", "b/2.png", gap=5)
    assert found.near_to(np.array([True, False])).tolist() == [True, False]
    assert not found.after_another(np.array([0, 1])).any()
    assert len(set(found.blocks(np.array([9, 9])).tolist())) == 2
