"""Groups of duplicates, and how many pairs a division puts on two sides, are what comparing all with all would give."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastropath.data.duplicates.duplicates import Duplicates, NearPair, linked

PIXELS = st.lists(st.sampled_from(["", "a", "b", "c", "d", "e", "f"]), max_size=25)


@st.composite
def found(draw: st.DrawFn) -> tuple[list[str], Duplicates]:
    """Pixels of some tiles, and near-duplicates among those that differ: of equal ones, the first stands for all."""
    pixels = draw(PIXELS)
    firsts = [i for i, picture in enumerate(pixels) if picture and pixels.index(picture) == i]
    possible = list(combinations(firsts, 2))
    near = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    return pixels, Duplicates.of(pixels, [NearPair(a, b, 0.1) for a, b in near])


def pairs_by_hand(pixels: list[str], duplicates: Duplicates) -> list[tuple[int, int]]:
    """Compare all with all: the slow and obvious way."""
    near = {frozenset((pixels[pair.a], pixels[pair.b])) for pair in duplicates.near}
    return [
        (i, j)
        for i, j in combinations(range(len(pixels)), 2)
        if pixels[i] and pixels[j] and (pixels[i] == pixels[j] or frozenset((pixels[i], pixels[j])) in near)
    ]


def walked(n: int, links: list[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Sets of linked rows, found by walking along the links."""
    neighbours: dict[int, set[int]] = {i: set() for i in range(n)}
    for a, b in links:
        neighbours[a].add(b)
        neighbours[b].add(a)
    sets, left = [], set(range(n))
    while left:
        reached, front = set(), {min(left)}
        while front:
            reached |= front
            front = {j for i in front for j in neighbours[i]} - reached
        left -= reached
        if len(reached) > 1:
            sets.append(tuple(sorted(reached)))
    return tuple(sets)


def test_equal_pixels_are_a_group_and_a_refused_tile_is_in_none():
    duplicates = Duplicates.of(["b", "a", "", "b", "", "c", "b", "a"])
    assert duplicates.identical == ((0, 3, 6), (1, 7))
    assert duplicates.groups == ((0, 3, 6), (1, 7))
    assert duplicates.n == 8


def test_a_chain_of_near_and_identical_tiles_is_one_group():
    near = [NearPair(1, 3, 0.1), NearPair(0, 1, 0.2)]
    assert Duplicates.of(["a", "b", "x", "c", "c", "y", "b"], near).groups == ((0, 1, 3, 4, 6),)


def test_no_tiles_have_no_duplicates():
    none = Duplicates.of([])
    assert (none.n, none.identical, none.groups, none.pairs_across(np.array([], int))) == (0, (), (), 0)


@given(found())
def test_groups_are_what_walking_from_pair_to_pair_reaches(case: tuple[list[str], Duplicates]):
    pixels, duplicates = case
    assert duplicates.groups == walked(len(pixels), pairs_by_hand(pixels, duplicates))


@given(found(), st.data())
def test_pairs_across_parts_are_counted_as_by_comparing_all_with_all(
    case: tuple[list[str], Duplicates], data: st.DataObject
):
    pixels, duplicates = case
    parts = data.draw(st.lists(st.integers(-1, 3), min_size=len(pixels), max_size=len(pixels)))
    expected = sum(0 <= parts[i] != parts[j] >= 0 for i, j in pairs_by_hand(pixels, duplicates))
    assert duplicates.pairs_across(np.array(parts, int)) == expected


@given(found())
def test_the_blocks_hold_every_pair_once(case: tuple[list[str], Duplicates]):
    pixels, duplicates = case
    listed = []
    for one, other, same in duplicates.pairs():
        if same:
            np.testing.assert_array_equal(one, other)
            listed += combinations(one.tolist(), 2)
        else:
            listed += [(min(a, b), max(a, b)) for a in one.tolist() for b in other.tolist()]
    assert sorted(listed) == pairs_by_hand(pixels, duplicates)


@given(st.data(), st.integers(0, 30))
def test_linked_rows_are_those_that_can_be_walked_to(data: st.DataObject, n: int):
    row = st.integers(0, max(n - 1, 0))
    links = data.draw(st.lists(st.tuples(row, row), max_size=40)) if n else []
    assert linked(n, links) == walked(n, links)


def test_a_long_chain_is_linked_whatever_its_order():
    links = [(i, i + 1) for i in range(20_000)]
    whole = (tuple(range(20_001)),)
    assert linked(20_001, links) == linked(20_001, links[::-1]) == whole


@pytest.mark.parametrize("parts", [[0, 0, 0], [-1, -1, -1], [0, 0, -1]])
def test_nothing_is_across_where_there_is_one_part(parts: list[int]):
    assert Duplicates.of(["a", "a", "a"]).pairs_across(np.array(parts)) == 0
