"""Tiles of one folder are found in another, from whichever side one looks."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.cli.main import main
from gastropath.data.audit.against import Against, compare
from gastropath.data.audit.audit import Audit, audit_tiles
from gastropath.data.audit.record import TileRecord
from gastropath.data.audit_page.page import audit_page
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.data.duplicates.pairs import MORE_COLUMNS, PAIR_COLUMNS
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.results.prediction import Refusal
from gastropath.tables import Row, read_table

Run = Callable[..., int]


def drawn(seed: int, code: str = "TUM") -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False)))


def folder(root: Path, tiles: dict[str, Image.Image], quality: dict[str, int] | None = None) -> Path:
    """Save tiles under their names; those with a quality as JPEG."""
    for name, tile in tiles.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if quality and name in quality:
            tile.save((root / name).with_suffix(".jpg"), quality=quality[name])
        else:
            tile.save(root / name)
    return root


@pytest.fixture(scope="module")
def two_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders that share one tile pixel by pixel, one re-encoded and turned, and one re-encoded as another class.

    Each holds tiles of its own, and copies of them that the other has not.
    """
    root = tmp_path_factory.mktemp("two")
    same, near, conflict, mine, yours = (drawn(seed) for seed in range(5))
    here = {
        "TUM/same.png": same,
        "TUM/near.png": near,
        "TUM/conflict.png": conflict,
        **dict.fromkeys(("STR/mine.png", "STR/mine again.png", "STR/mine once more.png"), mine),
    }
    there = {
        "TUM/renamed.bmp": same,
        "TUM/turned.png": near.transpose(Image.Transpose.ROTATE_90),
        "STR/other class.png": conflict,
        **dict.fromkeys(("STR/yours.png", "STR/yours again.png"), yours),
    }
    return (
        folder(root / "here", here, {"STR/mine again.png": 80}),
        folder(root / "there", there, {"TUM/turned.png": 85, "STR/other class.png": 85}),
    )


def compared(here: Path, there: Path, *, near: bool = True) -> Against:
    return compare(audit_tiles(find_tiles([here]), near=near), find_tiles([there]), near=near)


def rows_of(against: Against, tmp_path: Path) -> list[Row]:
    against.write(tmp_path / "against.csv")
    columns, rows = read_table(tmp_path / "against.csv", PAIR_COLUMNS)
    assert columns == [*PAIR_COLUMNS, *MORE_COLUMNS]
    return rows


def test_what_two_folders_share_is_listed_with_conflicts_first_and_nothing_else(
    two_folders: tuple[Path, Path], tmp_path: Path
):
    rows = rows_of(compared(*two_folders), tmp_path)
    assert [(row["path_a"], row["path_b"], row["kind"], row["conflict"], row["turn"]) for row in rows] == [
        ("TUM/conflict.png", "STR/other class.jpg", "near", "yes", "none"),
        ("TUM/same.png", "TUM/renamed.bmp", "identical", "", "none"),
        ("TUM/near.png", "TUM/turned.jpg", "near", "", "turned right by 90 degrees"),
    ]
    assert [(row["label_a"], row["label_b"]) for row in rows] == [("TUM", "STR"), ("TUM", "TUM"), ("TUM", "TUM")]
    assert len({row["duplicate_group"] for row in rows}) == 3


def test_duplicates_inside_one_folder_are_not_shared(two_folders: tuple[Path, Path], tmp_path: Path):
    against = compared(*two_folders)
    listed = {row[side] for row in rows_of(against, tmp_path) for side in ("path_a", "path_b")}
    assert not any(name in path for path in listed for name in ("mine", "yours"))
    assert len(against.audit.duplicates.groups) == 1


def test_the_other_way_round_the_same_tiles_are_shared(two_folders: tuple[Path, Path], tmp_path: Path):
    here, there = two_folders
    forth, back = compared(here, there), compared(there, here)
    assert forth.shared() == back.shared()[::-1]
    mirrored = {(row["path_b"], row["path_a"]) for row in rows_of(back, tmp_path)}
    assert {(row["path_a"], row["path_b"]) for row in rows_of(forth, tmp_path)} == mirrored
    summary = forth.summary()
    assert (summary["n_tiles"], summary["pairs"], summary["tiles_here"], summary["tiles_there"]) == (5, 3, 3, 3)
    assert summary["refused"] == {}


def test_near_duplicates_are_left_out_where_they_are_not_wanted(two_folders: tuple[Path, Path], tmp_path: Path):
    against = compared(*two_folders, near=False)
    assert [row["kind"] for row in rows_of(against, tmp_path)] == ["identical"]


def test_folders_with_nothing_in_common_share_nothing(tmp_path: Path):
    here = folder(tmp_path / "here", {"TUM/1.png": drawn(1), "STR/2.png": drawn(2, "STR")})
    there = folder(tmp_path / "there", {"TUM/1.png": drawn(3), "STR/2.png": drawn(4, "STR")})
    against = compared(here, there)
    assert against.shared() == (set(), set())
    assert rows_of(against, tmp_path) == []
    assert against.summary()["pairs"] == 0


def test_a_folder_is_found_in_itself_tile_by_tile(two_folders: tuple[Path, Path]):
    here, _ = two_folders
    against = compared(here, here)
    everything = set(range(6))
    assert against.shared() == (everything, everything)


def test_a_near_copy_of_a_tile_that_the_other_folder_holds_exactly_is_shared_too(tmp_path: Path):
    tile = drawn(1)
    here = folder(tmp_path / "here", {"TUM/exact.png": tile, "TUM/near.png": tile}, {"TUM/near.png": 80})
    there = folder(tmp_path / "there", {"TUM/tile.png": tile, "TUM/twin.png": tile, "TUM/none.png": drawn(2)})
    forth, back = compared(here, there), compared(there, here)
    assert forth.shared() == ({0, 1}, {1, 2})
    assert back.shared() == ({1, 2}, {0, 1})
    assert {(row["path_a"], row["path_b"], row["kind"]) for row in rows_of(forth, tmp_path)} == {
        ("TUM/exact.png", "TUM/tile.png", "identical"),
        ("TUM/exact.png", "TUM/twin.png", "identical"),
        ("TUM/near.jpg", "TUM/tile.png", "near"),
        ("TUM/near.jpg", "TUM/twin.png", "near"),
    }


def made_up(here: str, there: str, near: list[tuple[int, int]]) -> Against:
    """Two folders without files: a letter is the pixels of a tile, a dot one that was refused."""

    def audit(pixels: str) -> Audit:
        n = len(pixels)
        index = TileIndex(Path("/tiles"), tuple(map(str, range(n))), ("T",) * n, ("",) * n)
        records = (
            TileRecord(refusal=Refusal("damaged", "x")) if p == "." else TileRecord(9, 9, "RGB", 9, p) for p in pixels
        )
        return Audit(index, tuple(records))

    return Against(audit(here), audit(there), tuple(NearPair(a, len(here) + b, 0.1) for a, b in near))


@pytest.mark.parametrize(
    ("here", "there", "near", "pairs"),
    [
        ("ab", "cb", [], {(1, 1)}),
        ("aab", "ca", [], {(0, 1), (1, 1)}),
        ("..a", ".b", [], set()),
        ("aab", "cc", [(0, 0)], {(0, 0), (0, 1), (1, 0), (1, 1)}),
        ("ab", "ba", [(0, 0), (1, 1)], {(0, 0), (0, 1), (1, 0), (1, 1)}),
        ("ab", "", [], set()),
    ],
)
def test_equal_tiles_stand_for_each_other_on_both_sides(
    here: str, there: str, near: list[tuple[int, int]], pairs: set[tuple[int, int]]
):
    against = made_up(here, there, near)
    listed = [(a, b - len(here)) for a, b, _ in against.pairs()]
    assert set(listed) == pairs
    assert len(listed) == len(pairs) == against.summary()["pairs"]
    assert against.shared() == ({a for a, _ in pairs}, {b for _, b in pairs})


def test_of_many_equal_tiles_each_is_listed_without_listing_all_pairs():
    against = made_up("a" * 40, "b" + "a" * 50, [(0, 0)])
    listed = list(against.pairs())
    assert {a for a, _, _ in listed} == set(range(40))
    assert {b for _, b, near in listed if not near} == set(range(41, 91))
    assert len(listed) == 40 + (40 + 50 - 1)
    assert against.summary()["pairs"] == 40 * 50 + 40


def test_a_refused_tile_of_the_other_folder_is_named(tmp_path: Path):
    here = folder(tmp_path / "here", {"TUM/1.png": drawn(1), "STR/2.png": drawn(2)})
    there = folder(tmp_path / "there", {"TUM/1.png": drawn(1)})
    (there / "TUM" / "cut.png").write_bytes((there / "TUM" / "1.png").read_bytes()[:2000])
    summary = compared(here, there).summary()
    assert summary["refused"] == {"truncated": ["TUM/cut.png"]}
    assert summary["reasons"] == {"truncated": "the file ends before the picture does"}
    assert (summary["tiles_here"], summary["tiles_there"]) == (1, 1)


def test_the_page_shows_what_is_shared_before_all_but_label_conflicts(two_folders: tuple[Path, Path]):
    against = compared(*two_folders)
    html = audit_page(against.audit, against=against).render()
    assert f"3 tiles of {two_folders[1]} also found here." in html
    assert re.findall("<h2[^>]*>([^<]*)<", html)[:2] == ["Label conflicts", "Tiles shared with the other folder"]
    assert "Pair 1 of 3: here and there; near-duplicates" in html


@pytest.fixture
def gastropath(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder; returns its exit status."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["gastropath", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


def test_the_command_warns_and_writes_what_is_shared(
    gastropath: Run, two_folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    here, there = two_folders
    assert gastropath("audit", here, "--against", there, "--out", "out") == 0
    told = " ".join("".join(capfd.readouterr()).split())
    assert "3 of the 5 tiles" in told
    assert "warning" in told
    _, rows = read_table(tmp_path / "out" / "against.csv", PAIR_COLUMNS)
    assert len(rows) == 3
    summary = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))["against"]
    assert summary["folder"] == str(there)
    assert summary["tiles_there"] == 3
    assert "Tiles shared with the other folder" in (tmp_path / "out" / "audit.html").read_text("utf-8")


def test_without_another_folder_nothing_is_said_of_one(gastropath: Run, two_folders: tuple[Path, Path], tmp_path: Path):
    alone = ("audit", two_folders[0], "--out", "out", "--no-near", "--overwrite")
    assert gastropath(*alone, "--against", two_folders[1]) == 0
    assert (tmp_path / "out" / "against.csv").is_file()
    assert gastropath(*alone) == 0
    assert not (tmp_path / "out" / "against.csv").exists()
    assert "against" not in json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))


def test_a_folder_to_compare_with_that_is_not_there_is_refused_before_anything_is_read(
    gastropath: Run, two_folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    assert gastropath("audit", two_folders[0], "--against", "nowhere", "--out", "out") == 1
    assert "nowhere: there is no such file or folder" in " ".join(capfd.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such names")
@pytest.mark.parametrize("name", ["comma, quote\" and 'apostrophe'.png", "🔬 two  words.png", "n" * 251 + ".png"])
def test_any_file_name_is_listed(name: str, two_folders: tuple[Path, Path], tmp_path: Path):
    there = tmp_path / "there" / "TUM"
    there.mkdir(parents=True)
    shutil.copy(two_folders[0] / "TUM" / "same.png", there / name)
    (row,) = rows_of(compared(two_folders[0], tmp_path / "there", near=False), tmp_path)
    assert (row["path_a"], row["path_b"]) == ("TUM/same.png", f"TUM/{name}")
