"""Of duplicates in different parts just so many are left out that none is left on two sides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.data.duplicates.duplicates import Duplicates, NearPair
from gastropath.data.split.copies import Copies

TEST_FIRST = np.arange(3)


def copies_of(n: int, identical: list[tuple[int, ...]] = [], near: list[tuple[int, int]] = []) -> Copies:  # noqa: B006
    return Copies.of(Duplicates(n, tuple(identical), tuple(NearPair(a, b, 0.05) for a, b in near)))


@pytest.mark.parametrize(
    ("parts", "left_out"),
    [
        ([0, 0, 0], []),
        ([0, 0, 2], [2]),
        ([0, 2, 2], [0]),
        ([0, 1, 2], [0, 1]),
        ([1, 1, 2], [2]),
        ([0, 2, -1], [0]),
        ([0, 1, -1], [0]),
        ([1, 2, -1], [0]),
    ],
)
def test_the_part_with_most_copies_keeps_them_and_of_equals_test_then_val(parts: list[int], left_out: list[int]):
    redundant = copies_of(3, [(0, 1, 2)]).redundant(np.array(parts), TEST_FIRST)
    assert np.flatnonzero(redundant).tolist() == left_out


def test_only_the_link_of_a_chain_is_left_out():
    redundant = copies_of(5, near=[(0, 1), (1, 2), (2, 3), (3, 4)]).redundant(np.array([0, 0, 0, 2, 2]), TEST_FIRST)
    assert np.flatnonzero(redundant).tolist() == [3]


def test_a_near_duplicate_of_a_picture_is_one_of_all_its_copies():
    copies = copies_of(5, [(0, 1, 2)], [(0, 3)])
    assert np.flatnonzero(copies.redundant(np.array([0, 0, 0, 2, 2]), TEST_FIRST)).tolist() == [3]
    assert np.flatnonzero(copies.redundant(np.array([2, 0, -1, 2, 2]), TEST_FIRST)).tolist() == [1]


def test_without_duplicates_nothing_is_left_out():
    assert not copies_of(4).redundant(np.array([0, 1, 2, 0]), TEST_FIRST).any()
    assert not copies_of(0).redundant(np.zeros(0, np.int64), TEST_FIRST).any()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_pair_is_left_on_two_sides_and_nothing_is_left_out_without_need(data: st.DataObject):
    n = data.draw(st.integers(1, 14))
    pixels = data.draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    first = {p: pixels.index(p) for p in pixels}
    heads = sorted(first.values())
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(heads), st.sampled_from(heads)), max_size=8))
    near = [NearPair(min(pair), max(pair), 0.05) for pair in pairs if pair[0] != pair[1]]
    duplicates = Duplicates.of([str(p) for p in pixels], near)
    parts = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)))
    order = np.array(data.draw(st.permutations(range(n))))
    redundant = np.zeros(n, bool)
    redundant[order] = Copies.of(duplicates).take(order).redundant(parts[order], TEST_FIRST)
    assert not redundant[parts < 0].any()
    kept = np.where(redundant, -1, parts)
    assert duplicates.pairs_across(kept) == 0
    for row in np.flatnonzero(redundant):  # put back alone, each would be on two sides with one that stays
        assert duplicates.pairs_across(np.where(np.arange(n) == row, parts, kept)) > 0
    for group in duplicates.groups:
        held = Counter(part for part in parts[list(group)].tolist() if part >= 0)
        if held:
            best = max(held, key=lambda part: (held[part], part))
            assert not redundant[[row for row in group if parts[row] == best]].any()
