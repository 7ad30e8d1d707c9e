"""Nothing the model learned from is in the test, every class is in every part, the same seed gives the same bytes."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.data.audit import Audit, audit_tiles
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.split import PARTS, Method, Split, make_split, read_split, split_of_run
from gastropath.data.tile_record import TileRecord
from gastropath.errors import CannotReadTable, CannotWrite, TooFewTiles

Row = tuple[str, str, str]
"""Label, group (or nothing), and pixels of a tile."""


def audit_of(rows: list[Row], root: str = "/tiles") -> Audit:
    n = len(rows)
    index = TileIndex(
        Path(root), tuple(f"{i:05}.png" for i in range(n)), tuple(r[0] for r in rows), tuple(r[1] for r in rows)
    )
    return Audit(index, tuple(TileRecord(64, 64, "RGB", 9, pixels, "0" * 16) for _, _, pixels in rows))


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
        ([("A", "g1", str(i)) for i in range(30)] + singles({"B": 9}), r"class 'A' has 30 tiles in 1 groups"),
        ([("A", "", "same") for _ in range(30)] + singles({"B": 9}), r"class 'A' has 30 tiles in 1 groups"),
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
    assert split.describe()["groups"] == {"train": 1, "val": 1, "test": 1}


def test_a_refused_tile_is_in_no_part(tmp_path: Path):
    audit = audit_of(singles({"A": 20, "B": 20}))
    bad = Audit(audit.index, (TileRecord(refusal="is damaged"), *audit.records[1:]))
    split = make_split(bad, "group")
    assert len(split.parts) == 39
    assert "00000.png" not in split.index.paths


def written(split: Split, folder: Path) -> Path:
    split.write(folder / "split.csv")
    return folder / "split.csv"


@settings(max_examples=60, deadline=None)
@given(DIVISIBLE, st.sampled_from(["group", "random"]))
def test_a_split_is_read_back_as_it_was_written(rows: list[Row], method: Method):
    audit = audit_of(rows)
    split = make_split(audit, method, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        path = written(split, Path(folder))
        read = read_split(path, audit.index, audit)
        of_run = split_of_run(Path(folder), audit.index)
    assert (read.index, read.parts) == (split.index, split.parts)
    assert read.duplicate_pairs_across_parts == split.duplicate_pairs_across_parts
    assert of_run == split


def test_the_table_and_its_description_hold_what_the_contract_says(tmp_path: Path):
    rows = [(label, "P1" if i == 0 else "", pixels) for i, (label, _, pixels) in enumerate(singles({"A": 20, "B": 20}))]
    path = written(make_split(audit_of(rows), "group", seed=4), tmp_path)
    lines = path.read_text().splitlines()
    assert lines[0] == "path,label,group,part,fold"
    assert lines[1].startswith("00000.png,A,P1,")
    assert len(lines) == 41
    described = json.loads((tmp_path / "split.json").read_text())
    assert described["method"] == "group"
    assert described["seed"] == 4
    assert described["tiles"] == {"train": 28, "val": 6, "test": 6}
    assert sum(described["groups"].values()) == 1
    assert described["duplicate_pairs_across_parts"] == 0


def test_a_table_named_like_its_description_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(CannotWrite, match=r"ends in \.csv"):
        make_split(audit_of(singles({"A": 9, "B": 9})), "group").write(tmp_path / "split.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,label\n00000.png,A\n", "no column 'part'"),
        ("path,label,part\n00000.png,A,training\n", "row 1: part is 'training'; expected one of train, val, test"),
        ("path,label,part\n00000.png,B,train\n", "00000.png is 'B' here but 'A' in the data"),
        ("path,label,part\n00000.png,A,train\n00000.png,A,test\n", "row 2: 00000.png is listed twice"),
        ("path,label,part\nother.png,A,train\n", "none of its 1 tiles is among the data's 18"),
        ("path,label,part\n", "none of its 0 tiles"),
    ],
)
def test_a_table_that_does_not_fit_the_data_is_refused(tmp_path: Path, text: str, reason: str):
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(CannotReadTable, match=reason):
        read_split(tmp_path / "own.csv", audit_of(singles({"A": 9, "B": 9})).index)


def test_a_users_own_table_is_taken_and_its_leaks_are_counted(tmp_path: Path):
    rows: list[Row] = [("A", "", "p"), ("A", "", "p"), ("B", "", "q"), ("B", "", "q")]
    (tmp_path / "own.csv").write_text(
        "path,label,part\n00000.png,A,train\n00001.png,A,test\n00003.png,B,val\nelsewhere.png,B,val\n"
    )
    split = read_split(tmp_path / "own.csv", audit_of(rows).index, audit_of(rows))
    assert split.index.paths == ("00000.png", "00001.png", "00003.png")
    assert split.method == "file"
    assert split.duplicate_pairs_across_parts == 1


def test_the_split_of_a_run_is_found_only_for_its_own_tiles(tmp_path: Path):
    rows = singles({"A": 20, "B": 20})
    audit = audit_of(rows)
    split = make_split(audit, "group", seed=5)
    assert split_of_run(tmp_path, audit.index) is None
    written(split, tmp_path)
    assert split_of_run(tmp_path, audit_of(rows, "/moved").index) == Split(
        audit_of(rows, "/moved").index, split.parts, "group", 5, 0
    )
    assert split_of_run(tmp_path, audit.index.take(range(39))) is None
    grouped = [(label, "new", pixels) for label, _, pixels in rows]
    assert split_of_run(tmp_path, audit_of(grouped).index) is None
    swapped = [("B" if label == "A" else "A", group, pixels) for label, group, pixels in rows]
    assert split_of_run(tmp_path, audit_of(swapped).index) is None


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"method": "group"}', '{"index_sha256": 1, "method": 2, "seed": []}']
)
def test_a_damaged_description_is_named(tmp_path: Path, damage: str):
    audit = audit_of(singles({"A": 9, "B": 9}))
    written(make_split(audit, "group"), tmp_path)
    (tmp_path / "split.json").write_text(damage)
    with pytest.raises(CannotReadTable, match=r"split\.json: is not the description of a split"):
        split_of_run(tmp_path, audit.index)


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such names")
def test_any_file_name_goes_through_the_split_and_back(noise_tiles: Callable[..., Path], tmp_path: Path):
    root = noise_tiles({"TUM": 4, "STR": 4}, size=16)
    names = [
        b"a, b.png",
        b'"quoted".png',
        "🔬 µ.png".encode(),
        b"caf\xe9.png",
        b"line\nfeed\r.png",
        b"n" * 251 + b".png",
    ]
    for number, name in enumerate(names):
        file = sorted((root / ("TUM", "STR")[number % 2]).glob("???_*.png"))[0]
        file.rename(file.with_name(os.fsdecode(name)))
    audit = audit_tiles(find_tiles([root]))
    split = make_split(audit, "group")
    path = written(split, tmp_path)
    assert {os.fsencode(Path(p).name) for p in read_split(path, audit.index).index.paths} >= set(names)
    assert split_of_run(tmp_path, find_tiles([root])) == split


@pytest.mark.real
def test_the_real_tiles_are_split_with_their_groups_together(real_tiles: Path):
    audit = audit_tiles(find_tiles([real_tiles]))
    split = make_split(audit, "group")
    part_of: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(split.index.groups, split.parts, strict=True):
        part_of[group].add(part)
    assert all(len(parts) == 1 for parts in part_of.values())
    assert all(split.part(part).classes == split.index.classes for part in PARTS)
