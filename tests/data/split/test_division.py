"""Nothing the model learned from is in the test, every class is in every part, the same seed gives the same bytes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.data.audit.audit import Audit, audit_tiles
from gastropath.data.audit.record import TileRecord
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.split.blocks import default_block, default_gap
from gastropath.data.split.division import TOLERANCE, make_split
from gastropath.data.split.split import FRACTIONS, PARTS, Split
from gastropath.data.split.units import Method
from gastropath.errors import TooFewTiles, UnknownSetting
from gastropath.results.prediction import Refusal
from gastropath.results.split import FoldCounts

METHODS: tuple[Method, ...] = ("block", "group", "random")
"""Those that divide tiles by themselves; published parts have tests of their own."""

Row = tuple[str, str, str]
"""Label, group (or nothing), and pixels of a tile."""


def audit_of(rows: list[Row], root: str = "/tiles") -> Audit:
    n = len(rows)
    index = TileIndex(
        Path(root), tuple(f"{i:05}.png" for i in range(n)), tuple(r[0] for r in rows), tuple(r[1] for r in rows)
    )
    return Audit(index, tuple(TileRecord(64, 64, "RGB", 9, pixels) for _, _, pixels in rows))


def numbered(
    counts: dict[str, int], pixels: dict[int, str] | None = None, near: list[tuple[int, int]] | None = None
) -> Audit:
    """An audit of ``A/A_1.png`` and so on; ``pixels`` and ``near`` say what is a copy of what, by row."""
    paths = [f"{code}/{code}_{i}.png" for code, n in counts.items() for i in range(1, n + 1)]
    labels = tuple(path.split("/")[0] for path in paths)
    index = TileIndex(Path("/tiles"), tuple(paths), labels, ("",) * len(paths))
    shown = [(pixels or {}).get(i, path) for i, path in enumerate(paths)]
    records = tuple(TileRecord(64, 64, "RGB", 9, picture) for picture in shown)
    return Audit(index, records, None if near is None else tuple(NearPair(a, b, 0.05) for a, b in near))


def singles(counts: dict[str, int]) -> list[Row]:
    return [(code, "", f"{code}{i}") for code, n in counts.items() for i in range(n)]


def units(rows: list[Row]) -> list[set[int]]:
    """Rows that must stay together, found by walking along groups and pixels: the slow and obvious way."""
    linked: dict[str, set[int]] = defaultdict(set)
    for i, (_, group, pixels) in enumerate(rows):
        linked["pixels " + pixels].add(i)
        if group:
            linked["group " + group].add(i)
    found, left = [], set(range(len(rows)))
    while left:
        unit, front = set(), {left.pop()}
        while front:
            unit |= front
            front = {j for together in linked.values() if together & front for j in together} - unit
        left -= unit
        found.append(unit)
    return found


def possible(rows: list[Row]) -> bool:
    """Tell whether the units can be dealt to three parts with every class in each, by trying all ways."""
    codes = sorted({row[0] for row in rows})
    full = (1 << len(codes)) - 1
    states = {(0, 0, 0)}
    for unit in units(rows):
        mask = sum(1 << codes.index(code) for code in {rows[i][0] for i in unit})
        states = {tuple(sorted((*s[:p], s[p] | mask, *s[p + 1 :]))) for s in states for p in range(3)}
    return len(codes) > 1 and (full, full, full) in states


TILES = st.lists(
    st.tuples(
        st.sampled_from("ABC"), st.sampled_from(["", "", "g1", "g2", "g3", "g4", "g5", "g6"]), st.integers(0, 25)
    ),
    min_size=1,
    max_size=40,
).map(lambda rows: [(label, group, str(pixels)) for label, group, pixels in rows])

DIVISIBLE = TILES.map(lambda rows: [*rows, *singles({"A": 3, "B": 3, "C": 3})])


@settings(max_examples=200, deadline=None)
@given(TILES | DIVISIBLE, st.integers(0, 3))
def test_groups_and_identical_tiles_stay_together_and_every_class_is_in_every_part(rows: list[Row], seed: int):
    try:
        split = make_split(audit_of(rows), "group", seed=seed)
    except TooFewTiles as refusal:
        assert not possible(rows), refusal  # noqa: PT017
        return
    for unit in units(rows):
        assert len({split.parts[i] for i in unit}) == 1
    for part in PARTS:
        assert split.part(part).classes == split.index.classes
    assert split.duplicate_pairs_across_parts == 0


@settings(max_examples=80, deadline=None)
@given(DIVISIBLE, st.integers(0, 3))
def test_a_random_split_counts_the_pairs_of_identical_tiles_it_parts(rows: list[Row], seed: int):
    split = make_split(audit_of(rows), "random", seed=seed)
    pairs = [(i, j) for i in range(len(rows)) for j in range(i) if rows[i][2] == rows[j][2]]
    assert split.duplicate_pairs_across_parts == sum(split.parts[i] != split.parts[j] for i, j in pairs)
    for part in PARTS:
        assert split.part(part).classes == split.index.classes


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCDE"), st.integers(3, 90), min_size=2), st.integers(0, 5))
def test_each_class_is_divided_seventy_fifteen_fifteen(counts: dict[str, int], seed: int):
    for method in ("group", "random"):
        split = make_split(audit_of(singles(counts)), method, seed=seed)
        for part, fraction in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
            for code, n in split.part(part).counts().items():
                assert abs(n - fraction * counts[code]) <= 1.5, (part, code, n, counts[code])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=60, max_size=120), st.integers(0, 5))
def test_small_groups_leave_the_fractions_as_they_are(sizes: list[int], seed: int):
    rows = [("AB"[g % 2], f"g{g}", f"{g} {i}") for g, size in enumerate(sizes) for i in range(size)]
    split = make_split(audit_of(rows), "group", seed=seed)
    counts = Counter(label for label, _, _ in rows)
    for part, fraction in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
        for code, n in split.part(part).counts().items():
            assert abs(n / counts[code] - fraction) < 0.06


def test_chains_of_groups_and_copies_stay_together():
    # g1 - g2 by one picture, g2 - g3 by another, and g3 - a tile without a group by a third.
    chain = [("A", "g1", "p"), ("B", "g2", "p"), ("A", "g2", "q"), ("B", "g3", "q"), ("A", "g3", "r"), ("B", "", "r")]
    rows = chain + singles({"A": 40, "B": 40})
    for seed in range(5):
        assert len(set(make_split(audit_of(rows), "group", seed=seed).parts[:6])) == 1


def test_an_empty_group_ties_nothing_together():
    split = make_split(audit_of(singles({"A": 20, "B": 20})), "group")
    assert Counter(split.parts) == {"train": 28, "val": 6, "test": 6}


@pytest.mark.parametrize("method", ["group", "random"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_split(tmp_path: Path, method: Method):
    rows = [(label, f"g{i // 3}", pixels) for i, (label, _, pixels) in enumerate(singles({"A": 40, "B": 50, "C": 33}))]
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_split(audit_of(rows), method, seed=seed).write(tmp_path / f"{name}.csv")
        written.append(((tmp_path / f"{name}.csv").read_bytes(), (tmp_path / f"{name}.json").read_bytes()))
    assert written[0] == written[1]
    assert written[0][0] != written[2][0]


@settings(max_examples=40, deadline=None)
@given(st.permutations(["g1", "g2", "g3", "g4", "g5", "g6"]))
def test_the_names_of_groups_do_not_matter(names: list[str]):
    rows = [("AB"[i % 2], f"g{1 + i % 6}", str(i)) for i in range(36)]
    renamed = [(label, names[int(group[1]) - 1], pixels) for label, group, pixels in rows]
    assert make_split(audit_of(rows), "group").parts == make_split(audit_of(renamed), "group").parts


def test_where_the_tiles_lie_does_not_matter():
    rows = singles({"A": 30, "B": 30})
    assert make_split(audit_of(rows, "/x"), "group").parts == make_split(audit_of(rows, "/y"), "group").parts


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (singles({"A": 2, "B": 30}), r"class 'A' has 2 tiles; it needs at least 3"),
        (singles({"A": 1, "B": 30}), r"class 'A' has 1 tile; it needs at least 3"),
        (singles({"A": 30}), r"only class 'A' found; a classifier needs at least two"),
        ([], r"no readable tile found"),
        ([("A", "g1", str(i)) for i in range(30)] + singles({"B": 9}), r"class 'A' has 30 tiles in 1 group"),
        ([("A", "", "same") for _ in range(30)] + singles({"B": 9}), r"class 'A' has 30 tiles in 1 group"),
        (
            [(code, f"g{g}", f"{code}{g}") for g, codes in enumerate(["AB", "AC", "BC", "ABC"]) for code in codes],
            r"cannot be put into the \w+ part without emptying another",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused_with_the_class_and_the_remedy(rows: list[Row], reason: str):
    with pytest.raises(TooFewTiles, match=reason) as raised:
        make_split(audit_of(rows), "group")
    assert "\n" not in str(raised.value)
    assert not possible(rows)


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_divide_in_one_way_only_are_divided_that_way(seed: int):
    # Largest first, as most sets are best divided, ends in a part without C here.
    groups = ["BBBC", "AAC", "AB", "AABBC", "C"]
    rows = [(code, f"g{g}", f"{g} {i}") for g, codes in enumerate(groups) for i, code in enumerate(codes)]
    split = make_split(audit_of(rows), "group", seed=seed)
    assert all(split.part(part).classes == ("A", "B", "C") for part in PARTS)


def test_three_groups_of_every_class_are_dealt_one_to_each_part():
    rows = [(code, f"g{g}", f"{code}{g}{i}") for code in "ABCDEFGH" for g in range(3) for i in range(4)]
    split = make_split(audit_of(rows), "group")
    assert Counter(split.parts) == {"train": 32, "val": 32, "test": 32}
    assert split.describe().groups == {"train": 1, "val": 1, "test": 1}


def test_a_refused_tile_is_in_no_part(tmp_path: Path):
    audit = audit_of(singles({"A": 20, "B": 20}))
    bad = Audit(audit.index, (TileRecord(refusal=Refusal("damaged", "is damaged")), *audit.records[1:]))
    split = make_split(bad, "group")
    assert len(split.parts) == 39
    assert "00000.png" not in split.index.paths


def number_of(path: str) -> int:
    return int(path.split("_")[1].split(".")[0])


def sides(split: Split) -> Iterator[tuple[str, ...]]:
    """The parts, and the folds where there are any: whatever is promised of the one holds of the other."""
    yield split.parts
    if split.folds:
        yield split.folds


def assert_nothing_is_on_two_sides(split: Split, audit: Audit) -> None:
    rows = {path: i for i, path in enumerate(audit.index.paths)}
    for side in sides(split):
        number = {part: i for i, part in enumerate(sorted(set(side) - {""}))} | {"": -1}
        parts = np.full(len(rows), -1)
        for path, part in zip(split.index.paths, side, strict=True):
            parts[rows[path]] = number[part]
        assert audit.duplicates.pairs_across(parts) == 0
        by_group = defaultdict(set)
        for group, part in zip(split.index.groups, side, strict=True):
            if group and part:
                by_group[group].add(part)
        assert all(len(found) == 1 for found in by_group.values())


def assert_neighbours_lie_apart(split: Split) -> None:
    assert split.gap is not None
    for side in sides(split):
        for code in split.index.classes:
            own = sorted(
                (number_of(path), part)
                for path, label, group, part in zip(
                    split.index.paths, split.index.labels, split.index.groups, side, strict=True
                )
                if label == code and part and not group
            )
            for (n, part), (m, other) in pairwise(own):
                assert part == other or m - n > split.gap[code], (code, n, m)


def assert_every_class_has_its_share(split: Split, unit: dict[str, int]) -> None:
    """Each share is within the tolerance and one unit of the wanted one."""
    wanted: dict[str, float] = dict(zip(PARTS, FRACTIONS, strict=True))
    for side in sides(split):
        names = sorted(set(side) - {""})
        for code in split.index.classes:
            held = Counter(p for p, label in zip(side, split.index.labels, strict=True) if label == code and p)
            assert set(held) == set(names)
            n = held.total()
            for part, found in held.items():
                assert abs(found / n - wanted.get(part, 1 / len(names))) <= TOLERANCE + (unit[code] + 1) / n, (
                    code,
                    part,
                )


COUNTS = st.dictionaries(st.sampled_from("ABCD"), st.integers(13, 130), min_size=2)


@st.composite
def with_copies(draw: st.DrawFn) -> Audit:
    """Numbered tiles of which up to a tenth are copies, near or identical, of any tiles."""
    counts = draw(COUNTS)
    n = sum(counts.values())
    pixels: dict[int, str] = {}
    near: set[tuple[int, int]] = set()
    for _ in range(draw(st.integers(0, n // 20))):
        row = draw(st.integers(0, n - 1))
        other = min(n - 1, row + draw(st.integers(1, 9) | st.integers(1, n)))
        if draw(st.booleans()):
            pixels[row] = pixels[other] = pixels.get(row, pixels.get(other, f"copy {row}"))
        elif row != other:
            near.add((row, other))
    bare = numbered(counts, pixels)
    first: dict[int, int] = {row: group[0] for group in bare.duplicates.identical for row in group}
    heads = [tuple(sorted((first.get(a, a), first.get(b, b)))) for a, b in sorted(near)]
    return numbered(counts, pixels, [(a, b) for a, b in dict.fromkeys(heads) if a != b])


@settings(max_examples=60, deadline=None)
@given(with_copies(), st.none() | st.integers(2, 5), st.integers(0, 3))
def test_by_block_neighbours_and_copies_are_on_one_side_and_every_class_has_its_share(
    audit: Audit, folds: int | None, seed: int
):
    split = make_split(audit, "block", seed=seed, folds=folds)
    assert_nothing_is_on_two_sides(split, audit)
    assert_neighbours_lie_apart(split)
    assert split.block is not None
    copied = Counter(audit.index.labels[i] for group in audit.duplicates.groups for i in group)
    assert_every_class_has_its_share(split, {code: n + copied[code] for code, n in split.block.items()})
    assert split.duplicate_pairs_across_parts == 0
    assert len(split.index) == len(audit.index) - sum(split.purged.values())


@settings(max_examples=60, deadline=None)
@given(with_copies(), st.none() | st.integers(2, 5), st.integers(0, 3))
def test_by_group_copies_are_on_one_side_and_no_tile_is_left_out(audit: Audit, folds: int | None, seed: int):
    split = make_split(audit, "group", seed=seed, folds=folds)
    assert_nothing_is_on_two_sides(split, audit)
    assert split.index == audit.index
    assert "" not in split.folds


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(1, 12), st.integers(0, 6), st.integers(2, 6), st.integers(0, 3))
def test_block_gap_and_folds_are_kept_or_refused(counts: dict[str, int], block: int, gap: int, folds: int, seed: int):
    audit = numbered(counts)
    try:
        split = make_split(audit, "block", seed=seed, block=block, gap=gap, folds=folds)
    except TooFewTiles as refusal:
        assert re.search(r"class '[ABCD]' (has|would have) ", str(refusal))  # noqa: PT017
        assert "smaller " in str(refusal)  # noqa: PT017
        # where blocks are many and gaps small beside them, enough is left of every class
        assert gap * 3 > block or min(counts.values()) < 4 * max(folds, 3) * block
        return
    assert split.gap == dict.fromkeys(counts, gap)
    assert split.block == dict.fromkeys(counts, block)
    assert_neighbours_lie_apart(split)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCD"), st.integers(3, 400), min_size=2), st.integers(0, 5))
def test_by_block_a_set_of_any_size_divides_and_loses_less_than_a_quarter(counts: dict[str, int], seed: int):
    split = make_split(numbered(counts), "block", seed=seed)
    assert_neighbours_lie_apart(split)
    assert len(split.index) > 0.75 * sum(counts.values())
    assert split.gap == {code: default_gap(default_block(n)) for code, n in sorted(counts.items())}
    if min(counts.values()) >= 13:
        assert_every_class_has_its_share(split, {code: default_block(n) for code, n in counts.items()})


def test_by_block_whole_blocks_are_in_a_part():
    split = make_split(numbered({"A": 400, "B": 400}), "block")
    for code in "AB":
        own = {number_of(p): part for p, part in zip(split.index.paths, split.parts, strict=True) if p[0] == code}
        for start in range(1, 401, 20):
            assert len({own[n] for n in range(start, start + 20) if n in own}) == 1
    assert split.block == {"A": 20, "B": 20}
    assert split.gap == {"A": 5, "B": 5}
    assert 0 < split.purged["gap"] <= 2 * 12 * 5
    assert (
        min(Counter(split.parts)[part] for part in ("val", "test")) >= 100
    )  # what is left out is of the training part


def test_by_block_a_known_group_counts_instead_of_the_number():
    audit = numbered({"A": 60, "B": 60})
    groups = tuple(f"P{number_of(path) % 10}" if path < "B" else "" for path in audit.index.paths)
    grouped = Audit(replace(audit.index, groups=groups), audit.records)
    split = make_split(grouped, "block", block=5, gap=3)
    assert_nothing_is_on_two_sides(split, grouped)
    assert_neighbours_lie_apart(split)
    assert split.index.counts()["A"] == 60


def test_by_block_tiles_without_numbers_are_divided_one_by_one():
    names = [f"{code}/{'x' * i}.png" for code in "AB" for i in range(1, 21)]
    index = TileIndex(Path("/t"), tuple(names), tuple(name[0] for name in names), ("",) * 40)
    split = make_split(Audit(index, tuple(TileRecord(9, 9, "RGB", 9, name) for name in names)), "block")
    assert Counter(split.parts) == {"train": 28, "val": 6, "test": 6}
    assert split.block is None
    assert split.gap is None


def test_by_block_copies_with_other_labels_are_parted_from_each_other_no_more_than_others():
    pixels = {i: f"pair {i % 40}" for i in (0, 1, 2, 40, 41, 42)}
    audit = numbered({"A": 40, "B": 40}, pixels)
    for seed in range(10):
        assert_nothing_is_on_two_sides(make_split(audit, "block", seed=seed, folds=4), audit)


def test_by_block_a_class_too_small_to_lose_copies_keeps_them_together():
    audit = numbered({"A": 6, "B": 30}, {0: "x", 3: "x", 1: "y", 4: "y", 2: "z", 5: "z"})
    for seed in range(10):
        split = make_split(audit, "block", seed=seed)
        assert_nothing_is_on_two_sides(split, audit)
        assert all("A" in split.part(part).labels for part in PARTS)


def test_two_copies_of_one_tile_in_a_class_of_thirteen_are_no_obstacle():
    audit = numbered(dict.fromkeys("ABCDEFGH", 13), {0: "x", 7: "x", 20: "y", 25: "y"}, [(40, 45)])
    for seed in range(20):
        split = make_split(audit, "block", seed=seed, folds=5)
        assert_nothing_is_on_two_sides(split, audit)
        assert min(split.part("val").counts().values()) >= 1


@pytest.mark.parametrize("method", METHODS)
def test_folds_do_not_change_the_parts_and_divide_every_class_evenly(method: Method):
    audit = numbered({"A": 100, "B": 60, "C": 25})
    plain, folded = (make_split(audit, method, seed=4, folds=k) for k in (None, 5))
    assert (plain.index, plain.parts, plain.folds) == (folded.index, folded.parts, ())
    assert set(folded.folds) - {""} == set("01234")
    assert_every_class_has_its_share(folded, {"A": 5, "B": 3, "C": 1})
    assert folded.describe().folds == FoldCounts(k=5, left_out=folded.folds.count(""))
    assert plain.describe().folds is None
    if method != "block":
        assert "" not in folded.folds


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_tiles_does_not_matter(method: Method, seed: int):
    audit = numbered({"A": 90, "B": 40}, {0: "x", 5: "x", 88: "x", 10: "y", 60: "y"}, [(20, 30), (30, 75)])
    order = np.random.default_rng(seed).permutation(130)
    row = np.argsort(order)
    moved = [(int(row[pair.a]), int(row[pair.b])) for pair in audit.near or ()]
    near = tuple(NearPair(min(pair), max(pair), 0.05) for pair in moved)
    shuffled = Audit(audit.index.take(order), tuple(audit.records[i] for i in order), near)
    found = []
    for given_audit in (audit, shuffled):
        split = make_split(given_audit, method, seed=1, folds=4)
        found.append({p: cells for p, *cells in zip(split.index.paths, split.parts, split.folds, strict=True)})
    assert found[0] == found[1]


@pytest.mark.parametrize("method", METHODS)
def test_near_duplicates_count_where_they_were_searched_for_and_are_unknown_elsewhere(method: Method):
    copies = {i: f"pair {i // 2}" for i in range(40)}
    searched = numbered({"A": 60, "B": 60}, copies, [(i, i + 2) for i in range(0, 36, 4)])
    split = make_split(searched, method)
    identical, near = split.identical_pairs_across_parts, split.near_pairs_across_parts
    assert (identical == near == 0) == (method != "random")
    assert split.duplicate_pairs_across_parts == (identical or 0) + (near or 0)
    unsearched = make_split(Audit(searched.index, searched.records), method)
    assert unsearched.near_pairs_across_parts is None
    assert unsearched.duplicate_pairs_across_parts == unsearched.identical_pairs_across_parts


def test_a_random_split_counts_near_duplicates_as_the_obvious_way_does():
    near = [(i, i + 7) for i in range(0, 50, 3)]
    audit = numbered({"A": 40, "B": 40}, near=near)
    split = make_split(audit, "random", seed=2)
    assert split.near_pairs_across_parts == sum(split.parts[a] != split.parts[b] for a, b in near)
    assert split.identical_pairs_across_parts == 0


@pytest.mark.parametrize(
    ("settings_", "reason"),
    [
        ({"gap": 40}, r"class 'A' would have no tile in the train part: \d+ of its 100 tiles would be left out"),
        ({"block": 60}, r"class 'A' has 100 tiles in 2 blocks; .* choose a smaller block"),
        ({"folds": 20, "block": 10}, r"class 'A' has \d+ tiles in 10 blocks; .* each of 20 folds.* fewer folds"),
        ({"folds": 10, "block": 10, "gap": 10}, r"class 'A' has 70 tiles in 7 blocks; .* fewer folds"),
    ],
)
def test_a_gap_or_blocks_that_leave_too_little_are_refused_with_the_class_and_the_remedy(settings_, reason: str):
    with pytest.raises(TooFewTiles, match=reason) as raised:
        make_split(numbered({"A": 100, "B": 100}), "block", **settings_)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("settings_", [{"folds": 1}, {"folds": 21}, {"block": 0}, {"gap": -1}])
def test_a_setting_out_of_range_is_refused(settings_):
    with pytest.raises(UnknownSetting, match="out of range"):
        make_split(numbered({"A": 100, "B": 100}), "block", **settings_)


def test_the_full_data_set_loses_few_tiles_to_blocks():
    codes = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
    rng = np.random.default_rng(5)
    pixels: dict[int, str] = {}
    groups = 0
    while groups < 932:  # mostly neighbours, as ADI_1523 = ADI_1526 = ADI_1534
        start = int(rng.integers(8 * 3887))
        last = start // 3887 * 3887 + 3886
        reach = 15 if rng.random() < 0.8 else 3887
        rows = {start, *(min(last, start + int(d)) for d in rng.integers(1, reach, rng.integers(1, 4)))}
        if len(rows) > 1 and not rows & pixels.keys():
            pixels |= dict.fromkeys(rows, f"copy {groups}")
            groups += 1
    audit = numbered(dict.fromkeys(codes, 3887), pixels)
    assert len(audit.duplicates.identical) == 932
    split = make_split(audit, "block", folds=5)
    assert_nothing_is_on_two_sides(split, audit)
    assert_neighbours_lie_apart(split)
    assert split.gap == dict.fromkeys(codes, 16)
    assert sum(split.purged.values()) < 0.06 * len(audit.index)
    assert split.folds.count("") < 0.06 * len(audit.index)
    for part, fraction in zip(PARTS, FRACTIONS, strict=True):
        for code, n in split.part(part).counts().items():
            assert abs(n / split.index.counts()[code] - fraction) < 0.03


@pytest.mark.real
def test_the_real_tiles_are_split_with_their_groups_together(real_tiles: Path):
    audit = audit_tiles(find_tiles([real_tiles]))
    split = make_split(audit, "group", folds=3)
    part_of: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(split.index.groups, split.parts, strict=True):
        part_of[group].add(part)
    assert all(len(parts) == 1 for parts in part_of.values())
    assert all(split.part(part).classes == split.index.classes for part in PARTS)
