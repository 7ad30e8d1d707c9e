"""The table and its description hold what the contract says, and are read back as they were written, or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.data.audit.audit import Audit, audit_tiles
from gastropath.data.audit.record import TileRecord
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.split.division import make_split
from gastropath.data.split.groups import with_groups
from gastropath.data.split.split import Split, read_split, split_of_run
from gastropath.data.split.units import Method
from gastropath.errors import CannotReadTable, CannotWrite

METHODS: tuple[Method, ...] = ("block", "group", "random")
"""Those that divide tiles by themselves; published parts have tests of their own."""

Row = tuple[str, str, str]
"""Label, group (or nothing), and pixels of a tile."""


def audit_of(rows: list[Row], root: str = "/tiles", extra: dict[str, tuple[str, ...]] | None = None) -> Audit:
    n = len(rows)
    index = TileIndex(
        Path(root),
        tuple(f"{i:05}.png" for i in range(n)),
        tuple(r[0] for r in rows),
        tuple(r[1] for r in rows),
        extra=extra or {},
    )
    return Audit(index, tuple(TileRecord(64, 64, "RGB", 9, pixels) for _, _, pixels in rows))


def singles(counts: dict[str, int]) -> list[Row]:
    return [(code, "", f"{code}{i}") for code, n in counts.items() for i in range(n)]


def written(split: Split, folder: Path) -> Path:
    split.write(folder / "split.csv")
    return folder / "split.csv"


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "split.csv").read_bytes(), (folder / "split.json").read_bytes()


TILES = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["", "", "g1", "g2"]), st.integers(0, 60)), max_size=40
).map(lambda rows: [*((a, g, str(n)) for a, g, n in rows), *singles({"A": 6, "B": 6, "C": 6})])


@settings(max_examples=60, deadline=None)
@given(TILES, st.sampled_from(METHODS), st.sampled_from([None, 2, 3]), st.booleans(), st.booleans())
def test_a_split_is_read_back_as_it_was_written_and_writes_the_same_bytes(
    rows: list[Row], method: Method, folds: int | None, searched: bool, with_extra: bool
):
    extra = {"note": tuple(f'{i}, "x"' for i in range(len(rows))), "empty": ("",) * len(rows)} if with_extra else {}
    audit = audit_of(rows, extra=extra)
    audit = replace(audit, near=(NearPair(len(rows) - 2, len(rows) - 1, 0.1),) if searched else None)
    split = make_split(audit, method, seed=3, folds=folds)
    with tempfile.TemporaryDirectory() as folder:
        path = written(split, Path(folder))
        before = files(Path(folder))
        assert read_split(path, audit.index) == split
        assert read_split(path, audit.index, audit) == split
        assert split_of_run(Path(folder), audit.index) == split
        plain = replace(audit.index, extra={})
        again = read_split(path, plain)
        assert again == split  # further columns come from the table, even where the data has none
        written(again, Path(folder))
        assert files(Path(folder)) == before


def test_the_table_and_its_description_hold_what_the_contract_says(tmp_path: Path):
    rows = [(label, "P1" if i == 0 else "", pixels) for i, (label, _, pixels) in enumerate(singles({"A": 20, "B": 20}))]
    path = written(make_split(audit_of(rows), "group", seed=4), tmp_path)
    lines = path.read_text().splitlines()
    assert lines[0] == "path,label,group,part,fold"
    assert lines[1].startswith("00000.png,A,P1,")
    assert len(lines) == 41
    described = json.loads((tmp_path / "split.json").read_text())
    assert list(described) == [
        *("format_version", "method", "seed", "fractions", "tiles", "groups", "block", "gap", "purged", "folds"),
        *("kept_together", "grouped_by"),
        *("duplicate_pairs_across_parts", "identical_pairs_across_parts", "near_pairs_across_parts"),
        *("index_sha256", "split_sha256", "synthetic"),
    ]  # fmt: skip
    assert (described["method"], described["seed"]) == ("group", 4)
    assert described["tiles"] == {"train": 28, "val": 6, "test": 6}
    assert sum(described["groups"].values()) == 1
    assert described["duplicate_pairs_across_parts"] == described["identical_pairs_across_parts"] == 0
    assert described["near_pairs_across_parts"] is None
    assert (described["block"], described["gap"], described["folds"]) == (None, None, None)
    assert described["purged"] == {"gap": 0, "copies": 0}


def test_the_description_of_a_split_by_block_says_what_was_left_out(tmp_path: Path):
    audit = audit_of(singles({"A": 80, "B": 100}))
    audit = replace(audit, near=(NearPair(0, 70, 0.1), NearPair(5, 179, 0.1)))
    split = make_split(audit, "block", folds=4)
    path = written(split, tmp_path)
    described = json.loads((tmp_path / "split.json").read_text())
    assert described["block"] == {"A": 4, "B": 5}
    assert described["gap"] == {"A": 1, "B": 1}
    assert described["purged"]["gap"] > 0
    lines = path.read_text().splitlines()[1:]
    assert len(lines) == 180 - sum(described["purged"].values())
    cells = [line.split(",")[4] for line in lines]
    assert set(cells) == {"0", "1", "2", "3", ""}
    assert described["folds"] == {"k": 4, "left_out": cells.count("")}
    assert described["near_pairs_across_parts"] == 0


def test_further_columns_follow_the_known_ones_and_never_stand_in_their_place(tmp_path: Path):
    extra = {"scanner": ("x",) * 40, "fold": ("9",) * 40, "part": ("train",) * 40}
    path = written(make_split(audit_of(singles({"A": 20, "B": 20}), extra=extra), "group"), tmp_path)
    lines = path.read_text().splitlines()
    assert lines[0] == "path,label,group,part,fold,scanner"
    assert all(line.endswith(",,x") for line in lines[1:])


def test_where_table_and_data_have_the_same_column_the_table_counts(tmp_path: Path):
    audit = audit_of(singles({"A": 9, "B": 9}), extra={"note": ("data",) * 18, "more": ("data",) * 18})
    (tmp_path / "own.csv").write_text("note,path,label,part\ntable,00003.png,A,train\n,00001.png,A,test\n")
    read = read_split(tmp_path / "own.csv", audit.index)
    assert dict(read.index.extra) == {"note": ("table", ""), "more": ("data", "data")}
    assert list(read.index.extra) == ["note", "more"]


def test_a_table_named_like_its_description_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(CannotWrite, match=r"ends in \.csv"):
        make_split(audit_of(singles({"A": 9, "B": 9})), "group").write(tmp_path / "split.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,label\n00000.png,A\n", "no column 'part'"),
        ("path,label,part\n00000.png,A,training\n", "line 2: part is 'training'; expected one of train, val, test"),
        ("path,label,part\n00000.png,B,train\n", "00000.png is 'B' here but 'A' in the data"),
        ("path,label,part\n00000.png,A,train\n00000.png,A,test\n", "line 3: 00000.png is listed twice"),
        ("path,label,part\nother.png,A,train\n", "of its 1 tile, none is among the data's 18"),
        ("path,label,part\n", "of its 0 tiles, none"),
        ("path,label,part,fold\n00000.png,A,train,x\n", "line 2: fold is 'x'; expected a number from 0, or nothing"),
        ("path,label,part,fold\n00000.png,A,train,-1\n", "fold is '-1'"),
        ("path,label,part,note,note\n00000.png,A,train,1,2\n", "has column 'note' twice"),
        ("path,label,part,group,group\n00000.png,A,train,1,2\n", "has column 'group' twice"),
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
    assert (split.method, split.seed) == ("file", None)
    assert split.duplicate_pairs_across_parts == split.identical_pairs_across_parts == 1
    assert split.near_pairs_across_parts is None
    near = replace(audit_of(rows), near=(NearPair(0, 2, 0.1),))
    found = read_split(tmp_path / "own.csv", near.index, near)
    assert (found.identical_pairs_across_parts, found.near_pairs_across_parts) == (1, 2)
    assert read_split(tmp_path / "own.csv", near.index).duplicate_pairs_across_parts is None


def random_split(tmp_path: Path) -> tuple[Audit, Path]:
    rows = [*singles({"A": 20, "B": 20}), *[("A", "", "same") for _ in range(9)]]
    audit = replace(audit_of(rows), near=(NearPair(0, 1, 0.1), NearPair(2, 39, 0.1)))
    split = make_split(audit, "random", seed=11)
    assert split.identical_pairs_across_parts
    return audit, written(split, tmp_path)


def test_a_random_split_stays_known_as_one_and_its_leaks_too(tmp_path: Path):
    audit, path = random_split(tmp_path)
    unsearched = Audit(audit.index, audit.records)
    expected = make_split(audit, "random", seed=11)
    assert read_split(path, audit.index) == expected
    assert read_split(path, audit.index, unsearched) == expected
    written(read_split(path, audit.index), tmp_path)
    assert read_split(path, audit.index) == expected


def test_a_further_column_does_not_make_a_table_unknown(tmp_path: Path):
    audit, path = random_split(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ",mine", *(line + ",x" for line in lines[1:])]) + "\n")
    read = read_split(path, audit.index)
    assert (read.method, read.seed) == ("random", 11)
    assert set(read.index.extra["mine"]) == {"x"}


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.replace(",train,", ",test,", 1),
        lambda table: table.replace(",train,\n", ",train,1\n", 1),
        lambda table: "".join(table.splitlines(keepends=True)[:-1]),
        lambda table: table.replace(",A,,", ",A,P1,", 1),
    ],
)
def test_of_a_table_that_was_edited_nothing_is_taken_over(tmp_path: Path, change: Callable[[str], str]):
    audit, path = random_split(tmp_path)
    path.write_text(change(path.read_text()))
    read = read_split(path, audit.index)
    assert (read.method, read.seed, read.duplicate_pairs_across_parts) == ("file", None, None)
    assert read_split(path, audit.index, audit).duplicate_pairs_across_parts
    assert split_of_run(tmp_path, audit.index) is None


def test_of_other_tiles_nothing_is_taken_over(tmp_path: Path):
    audit, path = random_split(tmp_path)
    fewer = read_split(path, audit.index.take(range(1, 49)))
    assert (fewer.method, fewer.duplicate_pairs_across_parts) == ("file", None)


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"method": "random", "seed": 1}', "\ud800", None])
def test_a_file_of_another_kind_beside_a_users_own_table_is_no_obstacle(tmp_path: Path, text: str | None):
    audit, path = random_split(tmp_path)
    if text is None:
        (tmp_path / "split.json").unlink()
    else:
        (tmp_path / "split.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert read_split(path, audit.index).method == "file"


def test_parts_and_folds_of_another_length_than_the_tiles_cannot_be_made():
    index = audit_of(singles({"A": 2})).index
    for parts, folds in ((("train",), ()), (("train", "val"), ("0",))):
        with pytest.raises(ValueError, match="differ in length"):
            Split(index, parts, "file", None, folds=folds)


def test_the_split_of_a_run_is_found_only_for_its_own_tiles(tmp_path: Path):
    rows = singles({"A": 20, "B": 20})
    audit = audit_of(rows)
    split = make_split(audit, "group", seed=5)
    assert split_of_run(tmp_path, audit.index) is None
    written(split, tmp_path)
    assert split_of_run(tmp_path, audit_of(rows, "/moved").index) == replace(
        split, index=audit_of(rows, "/moved").index
    )
    assert split_of_run(tmp_path, audit.index.take(range(39))) is None
    grouped = [(label, "new", pixels) for label, _, pixels in rows]
    assert split_of_run(tmp_path, audit_of(grouped).index) == split  # the run's groups are those it began with
    swapped = [("B" if label == "A" else "A", group, pixels) for label, group, pixels in rows]
    assert split_of_run(tmp_path, audit_of(swapped).index) is None


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "[]", '{"method": "group"}', "[" * 2000),
        *({"method": 2}, {"seed": []}, {"purged": None}, {"gap": {"A": "x"}}, {"index_sha256": 1}),
        {"identical_pairs_across_parts": 1.5},
    ],
)
def test_a_damaged_description_is_named(tmp_path: Path, damage: str | dict[str, Any]):
    audit = audit_of(singles({"A": 9, "B": 9}))
    written(make_split(audit, "group"), tmp_path)
    whole = json.loads((tmp_path / "split.json").read_text())
    (tmp_path / "split.json").write_text(damage if isinstance(damage, str) else json.dumps(whole | damage))
    with pytest.raises(CannotReadTable, match=r"split\.json: is not the description of a split") as raised:
        split_of_run(tmp_path, audit.index)
    assert "\n" not in str(raised.value)


NAMES = [
    b"a, b 1.png",
    b'"quoted" 2.png',
    "🔬 µ 3.png".encode(),
    b"caf\xe9 4.png",
    b"line\nfeed\r 5.png",
    b"n" * 250 + b"6.png",
    "🔬".encode() * 62 + b"777.png",
    b" ' ; \t 8.png",
]


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such names")
@pytest.mark.parametrize("method", METHODS)
def test_any_file_name_goes_through_the_split_and_back(
    noise_tiles: Callable[..., Path], tmp_path: Path, method: Method
):
    assert [len(name) for name in NAMES[5:7]] == [255, 255]
    root = noise_tiles({'TUM, "🔬"': 12, "STR": 12}, size=16)
    for number, name in enumerate(NAMES):
        file = sorted(file for file in root.glob("*/*.png") if os.fsencode(file.name) not in NAMES)[number % 2 - 1]
        file.rename(file.with_name(os.fsdecode(name)))
    bare = find_tiles([root])
    groups = tmp_path / "groups.csv"
    groups.write_bytes(
        b"path,patient\n" + b"".join(b'"' + name.replace(b'"', b'""') + b'","P, 1"\n' for name in NAMES[:2])
    )
    index = with_groups(bare, groups)
    assert index.groups.count("P, 1") == 2
    split = make_split(audit_tiles(index), method, folds=2)
    path = written(split, tmp_path)
    before = files(tmp_path)
    assert {os.fsencode(Path(p).name) for p in split.index.paths} >= set(NAMES)
    read = read_split(path, bare)  # the groups come back from the table
    assert (read, split_of_run(tmp_path, bare)) == (split, split)
    written(read, tmp_path)
    assert files(tmp_path) == before
    assert all(file.is_file() for file in read.index.files())
    as_data = tmp_path / "tiles" / "split.csv"  # a split is a table of tiles, too
    as_data.write_bytes(before[0])
    assert find_tiles([as_data]).paths == split.index.paths
    assert find_tiles([as_data]).extra == {
        "part": split.parts, "fold": split.folds, "pixel_sha256": split.index.pixels,
    }  # fmt: skip


def pictured(rows: list[Row], names: list[str] | None = None) -> Audit:
    """An audit whose tiles have been read, under other names where some are given."""
    audit = audit_of(rows)
    index = replace(audit.index, pixels=tuple(record.pixel_sha256 for record in audit.records))
    return replace(audit, index=replace(index, paths=tuple(names)) if names else index)


@pytest.mark.parametrize("method", ["group", "random"])
@given(st.permutations(range(40)))
@settings(max_examples=20, deadline=None)
def test_names_and_their_order_have_no_say_in_a_split(method: Method, order: list[int]):
    rows = [(label, f"P{i % 9}", pixels) for i, (label, _, pixels) in enumerate(singles({"A": 20, "B": 20}))]
    plain = make_split(pictured(rows), method, seed=3, folds=3)
    other = pictured([rows[i] for i in order], [f"{'x' * (i % 3)}{i * 37 % 101}/tile.{i}" for i in order])
    renamed = make_split(other, method, seed=3, folds=3)

    def parts(split: Split) -> dict[str, tuple[str, str]]:
        return dict(zip(split.index.pixels, zip(split.parts, split.folds, strict=True), strict=True))

    assert parts(renamed) == parts(plain)
    assert renamed.sha256() == plain.sha256()
    assert renamed.index.sha256() == plain.index.sha256()


def test_a_table_finds_tiles_that_were_renamed_and_refuses_those_that_were_replaced(tmp_path: Path):
    rows = singles({"A": 12, "B": 12})
    audit = pictured(rows)
    split = make_split(audit, "group", seed=1)
    path = written(split, tmp_path)
    swapped = [*audit.index.paths[1:], audit.index.paths[0]]  # each tile has the name of the one before
    again = read_split(path, pictured(rows, swapped).index)
    assert dict(zip(again.index.pixels, again.parts, strict=True)) == dict(
        zip(split.index.pixels, split.parts, strict=True)
    )
    assert again.method == "group"
    pixels = ("new", *audit.index.pixels[1:])
    with pytest.raises(CannotReadTable, match=r"1 of its 24 tiles is another picture than when it was made \(00000"):
        read_split(path, replace(audit.index, pixels=pixels))
    some = audit.index.take(range(6, 24))
    assert len(read_split(path, some).index) == 18
