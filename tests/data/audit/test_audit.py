"""The audit reads every tile once and shows what it found."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.accessibility import of_a_file

from gastropath import decoding
from gastropath.data.audit.audit import DETAIL, INDEX_COLUMNS, MEASURES, Audit, audit_tiles, sample_rows
from gastropath.data.audit.record import BLANK, BLURRED, GLASS, GREY, REFUSED, TileRecord, read_tile_record
from gastropath.data.audit_page.page import audit_page
from gastropath.data.index import TileIndex, find_tiles
from gastropath.results.prediction import Refusal
from gastropath.tables import read_table

Noise = Callable[..., Path]


def of(labels: str, problems: str = "", hashes: str = "") -> Audit:
    """An audit without files: one letter a tile; ``x`` in ``problems`` is a refused one."""
    n = len(labels)
    index = TileIndex(Path("/tiles"), tuple(f"{i}.png" for i in range(n)), tuple(labels), ("",) * n)
    records = [
        TileRecord(refusal=Refusal("damaged", "is damaged"))
        if problems[i : i + 1] == "x"
        else TileRecord(224, 224, "RGB", 9, hashes[i] if hashes else str(i))
        for i in range(n)
    ]
    return Audit(index, tuple(records))


@pytest.fixture
def planted(noise_tiles: Noise) -> Path:
    """Eleven good tiles, one identical pair across classes, and three files that are none."""
    root = noise_tiles({"TUM": 6, "STR": 3, "own class": 2})
    shutil.copy(root / "TUM" / "TUM_1.png", root / "STR" / "copy.png")
    whole = (root / "TUM" / "TUM_2.png").read_bytes()
    (root / "TUM" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "TUM" / "text.png").write_text("no picture")
    (root / "STR" / "zero.png").touch()
    return root


def test_the_files_of_an_audit_hold_what_the_contract_says(planted: Path, tmp_path: Path):
    audit = audit_tiles(find_tiles([planted]))
    audit.write(tmp_path / "out")
    columns, rows = read_table(tmp_path / "out" / "index.csv", INDEX_COLUMNS)
    assert columns == [
        *("path", "label", "group", "width", "height", "mode", "bytes", "pixel_sha256", "problem"),
        *("problem_detail", "white_share", "sharpness", "mean_red", "mean_green", "mean_blue", "saturation"),
    ]
    assert len(rows) == 15
    for row in rows:
        file = planted / row["path"]
        assert file.is_file()
        assert int(row["bytes"]) == file.stat().st_size
        assert row["label"] == file.parent.name
        if row["problem"]:
            assert (row["width"], row["height"], row["mode"], row["pixel_sha256"]) == ("0", "0", "", "")
        else:
            assert (row["width"], row["height"], row["mode"]) == ("64", "64", "RGB")
            assert re.fullmatch("[0-9a-f]{64}", row["pixel_sha256"])
            assert 0 <= float(row["white_share"]) <= 1
            assert float(row["sharpness"]) > 0.5
            assert all(100 < float(row[name]) < 155 for name in ("mean_red", "mean_green", "mean_blue"))
            assert 0 < float(row["saturation"]) < 255
    problems = {Path(row["path"]).name: (row["problem"], row["problem_detail"]) for row in rows if row["problem"]}
    assert problems == {
        "cut.png": ("truncated", "is truncated: the file ends before the picture does"),
        "text.png": ("not_an_image", "is not an image; expected PNG, JPEG, TIFF, WebP, BMP or JPEG 2000"),
        "zero.png": ("empty", "is empty (0 bytes)"),
    }
    summary = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))
    assert summary["format_version"] == 2
    assert summary["n_tiles"] == 15
    assert summary["n_readable"] == 12
    assert summary["classes"]["TUM"] == {"name": "tumour epithelium", "tiles": 8, "readable": 6}
    assert summary["identical"] == {"groups": 1, "tiles": 2, "groups_across_classes": 1}
    assert summary["sizes"] == {"64x64": 12}
    assert summary["modes"] == {"RGB": 12}
    assert summary["problems"] == {}
    assert summary["near"] == {"pairs": 0}
    assert summary["duplicate_groups"] == 1
    assert summary["label_conflicts"] == [["STR/copy.png", "TUM/TUM_1.png"]]
    assert summary["refused"] == {
        "truncated": ["TUM/cut.png"],
        "not_an_image": ["TUM/text.png"],
        "empty": ["STR/zero.png"],
    }
    assert set(summary["reasons"]) == {"truncated", "not_an_image", "empty"}


def test_every_code_of_an_audit_has_its_meaning_beside_it(tmp_path: Path):
    shades = {"white": 250, "black": 0}
    for label, shade in shades.items():
        (tmp_path / label).mkdir()
        Image.fromarray(np.full((32, 32, 3), shade, np.uint8)).save(tmp_path / label / "blank.png")
        (tmp_path / label / "notes.txt").touch()
    (tmp_path / "black" / "empty.png").touch()
    (tmp_path / "none").mkdir()
    summary = json.loads(json.dumps(audit_tiles(find_tiles([tmp_path], ["black", "white"])).summary()))
    assert summary["problems"] == {"blank": 2}
    assert summary["left_out"] == [
        {"code": "empty_class", "detail": "none", "n": 1},
        {"code": "other_suffix", "detail": ".txt", "n": 2},
    ]
    assert list(summary["reasons"]) == ["blank", "empty", "empty_class", "other_suffix"]
    assert all(" " in meaning for meaning in summary["reasons"].values())


def test_every_reason_to_refuse_an_image_has_a_meaning():
    codes = set(re.findall(r'code="(\w+)"', Path(decoding.__file__).read_text("utf-8")))
    assert codes | {"damaged", "replaced"} == set(REFUSED)


@pytest.mark.parametrize("near", [False, True])
def test_progress_counts_each_stage_to_its_end(planted: Path, near: bool):
    told: list[tuple[str, int, int]] = []
    audit_tiles(find_tiles([planted]), near=near, progress=lambda *step: told.append(step))
    stages = [what for what, _ in groupby(what for what, _, _ in told)]
    assert stages == ["reading tiles", "searching for copies"][: 1 + near]
    for stage in stages:
        done = [step for step in told if step[0] == stage]
        assert done == [(stage, i, len(done)) for i in range(1, len(done) + 1)]
    assert told[14] == ("reading tiles", 15, 15)


def test_without_the_search_only_identical_tiles_are_duplicates(planted: Path):
    audit = audit_tiles(find_tiles([planted]), near=False)
    assert audit.near is None
    assert audit.summary()["near"] is None
    assert len(audit.duplicates.identical) == 1
    assert "Near-duplicates were not searched for." in audit_page(audit).render()


def test_further_columns_of_a_table_survive_and_measures_are_new(noise_tiles: Noise, tmp_path: Path):
    root = noise_tiles({"TUM": 1, "STR": 1})
    columns = ("path", "label", "group", "hospital", "sharpness", "flags", "refusal", "problem")
    (root / "tiles.csv").write_text(
        ",".join(columns)
        + '\nTUM/TUM_1.png,TUM,P1,"Harbin, 🏥",9,folded,asked twice,old\nSTR/STR_1.png,STR,P2,,9,,,old\n',
        encoding="utf-8",
    )
    first = tmp_path / "first"
    audit_tiles(find_tiles([root / "tiles.csv"])).write(first)
    found, rows = read_table(first / "index.csv", INDEX_COLUMNS)
    assert found == [*INDEX_COLUMNS, DETAIL, *MEASURES, "hospital", "flags", "refusal"]
    assert [row["hospital"] for row in rows] == ["Harbin, 🏥", ""]
    assert [(row["flags"], row["refusal"]) for row in rows] == [("folded", "asked twice"), ("", "")]
    assert [row["group"] for row in rows] == ["P1", "P2"]
    assert all(row["problem"] == "" and 0 < float(row["sharpness"]) < 9 for row in rows)
    shutil.copy(first / "index.csv", root / "index.csv")
    audit_tiles(find_tiles([root / "index.csv"])).write(tmp_path / "second")
    assert (tmp_path / "second" / "index.csv").read_bytes() == (first / "index.csv").read_bytes()


def test_equal_pictures_have_equal_hashes_however_they_are_encoded(tmp_path: Path, rng: np.random.Generator):
    pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.bmp")
    image.save(tmp_path / "c.webp", lossless=True)
    image.convert("RGBA").save(tmp_path / "d.png", compress_level=0)
    hashes = {read_tile_record(file).pixel_sha256 for file in sorted(tmp_path.iterdir())}
    assert len(hashes) == 1
    Image.fromarray(pixels.reshape(30, 20, 3)).save(tmp_path / "e.png")
    assert read_tile_record(tmp_path / "e.png").pixel_sha256 not in hashes


def test_a_file_that_is_gone_is_refused_like_any_other(tmp_path: Path):
    record = read_tile_record(tmp_path / "gone.png")
    assert record.refusal == Refusal("unreadable", "cannot be read: No such file or directory")
    assert record.bytes == 0


def test_identical_tiles_are_grouped_and_refused_ones_are_not():
    audit = of("TTTSSS", problems="    xx", hashes="abaa--")
    assert audit.duplicates.identical == ((0, 2, 3),)


@pytest.mark.parametrize(
    ("labels", "problems", "ratio", "words"),
    [
        ("TTTSSS", "", 1.0, "balanced"),
        ("TTTSS", "", 1.5, "balanced"),
        ("TTTS", "", 3.0, "mildly imbalanced"),
        ("TTTTS", "", 4.0, "imbalanced"),
        ("T" * 11 + "S", "", 11.0, "severely imbalanced"),
        ("TTTSSS", "xx", 3.0, "mildly imbalanced"),
        ("TTT", "", 1.0, "there is only one class"),
        ("TTS", "  x", float("inf"), "no tile of S could be read"),
        ("TS", "xx", None, "no tile could be read"),
        ("", "", None, "no tile could be read"),
    ],
)
def test_the_verdict_on_imbalance_fits_the_readable_tiles(labels: str, problems: str, ratio: float | None, words: str):
    audit = of(labels, problems)
    found, verdict = audit.imbalance()
    assert verdict.startswith(words)
    assert np.isnan(found) if ratio is None else found == ratio
    finite = ratio is not None and np.isfinite(ratio)
    assert audit.summary()["imbalance"] == {"ratio": ratio if finite else None, "verdict": verdict}
    assert words in audit_page(audit).render().lower().replace("no tile of s ", "no tile of S ")


def test_samples_are_spread_over_a_class():
    index = of("T" * 100 + "S" * 3).index
    assert sample_rows(index, range(103), "T", 4) == [0, 25, 50, 75]
    assert sample_rows(index, range(103), "S", 8) == [100, 101, 102]
    assert sample_rows(index, range(50, 103), "T", 2) == [50, 75]
    assert sample_rows(index, [], "T", 4) == []


def pictures(html: str) -> list[Image.Image]:
    return [
        Image.open(io.BytesIO(base64.b64decode(data)))
        for data in re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    ]


def test_the_page_shows_classes_samples_sizes_copies_and_refusals(planted: Path):
    html = audit_page(audit_tiles(find_tiles([planted]))).render()
    for expected in (
        *(
            "12 tiles in 3 classes",
            "TUM (tumour epithelium)",
            "own class",
            "6 (50.0%)",
            "n = 12, without 3 files that could not be read",
            "64 x 64",
        ),
        *("3 files could not be read", "TUM/cut.png", "is truncated", "STR/zero.png", "is empty (0 bytes)"),
        *("1 label conflict: the same picture in different classes.", "1 picture has more than one label"),
        *("1 group of duplicates: 1 tile is a copy, 1 of them with identical pixels.", "None found with one label."),
        "Label conflict 1 of 1: STR and TUM; identical pixels",
    ):
        assert expected in html
    assert len(pictures(html)) == 6 + 4 + 2 + 2  # samples, and the label conflict
    assert all(max(picture.size) <= 160 for picture in pictures(html))


def test_the_page_begins_with_classes_that_may_be_one_and_with_what_was_left_out(noise_tiles: Noise):
    root = noise_tiles({"Tumour": 1, "tumor": 1, "STR": 1})
    (root / "loose.png").touch()
    html = audit_page(audit_tiles(find_tiles([root]))).render()
    summary = html[: html.index("Label conflicts")]
    assert "The classes &#39;Tumour&#39; (1 tile) and &#39;tumor&#39; (1 tile) may be one" in summary
    assert f"Left out: images that lie in no folder of a class: 1 (1 in {root.name})." in summary


def test_the_page_of_a_hundred_classes_stays_small(noise_tiles: Noise):
    root = noise_tiles({f"class {n:03}": 3 for n in range(100)}, size=32)
    html = audit_page(audit_tiles(find_tiles([root]))).render()
    assert len(pictures(html)) == 100
    assert len(html) < 2_000_000


def test_a_file_name_is_text_on_the_page(noise_tiles: Noise):
    root = noise_tiles({"TUM": 1, "STR": 1})
    name = "<img src=x onerror=alert(1)>&amp;\"'.png"
    shutil.copy(root / "TUM" / "TUM_1.png", root / "TUM" / name)
    (root / "STR" / name).write_text("no picture")
    html = audit_page(audit_tiles(find_tiles([root]))).render()
    assert "<img src=x" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such names")
@pytest.mark.parametrize(
    "name",
    [
        b"two  words.png",
        b"comma, quote\" and 'apostrophe'.png",
        b"line\nfeed and\rreturn.png",
        b"semicolon;tab\there.png",
        " leading, 🔬 µm – ümlaut ".encode() + b".png",
        b"caf\xe9 \xff.png",
        b"=cmd|x.png",
        b"n" * 251 + b".png",
    ],
)
def test_any_file_name_goes_through_the_table_and_back(noise_tiles: Noise, tmp_path: Path, name: bytes):
    root = noise_tiles({"TUM": 1, "STR": 1})
    shutil.move(root / "TUM" / "TUM_1.png", root / "TUM" / os.fsdecode(name))
    audit = audit_tiles(find_tiles([root]))
    audit.write(tmp_path / "out")
    audit_page(audit).write(tmp_path / "out" / "audit.html")
    _, rows = read_table(tmp_path / "out" / "index.csv", INDEX_COLUMNS)
    assert [(root / row["path"]).is_file() for row in rows] == [True, True]
    assert {os.fsencode(Path(row["path"]).name) for row in rows} == {name, b"STR_1.png"}
    shutil.copy(tmp_path / "out" / "index.csv", root / "index.csv")
    assert find_tiles([root / "index.csv"]).paths == audit.index.paths
    (tmp_path / "out" / "audit.html").read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such names")
def test_a_refused_file_with_a_name_that_is_no_utf8_stands_in_the_json(noise_tiles: Noise, tmp_path: Path):
    root = noise_tiles({"TUM": 1, "STR": 1})
    (root / "TUM" / os.fsdecode(b"caf\xe9.png")).touch()
    audit_tiles(find_tiles([root])).write(tmp_path / "out")
    refused = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))["refused"]
    assert [os.fsencode(path) for path in refused["empty"]] == [b"TUM/caf\xe9.png"]


@pytest.mark.real
def test_the_page_of_the_real_tiles_is_small_and_whole(real_tiles: Path):
    audit = audit_tiles(find_tiles([real_tiles]))
    html = audit_page(audit).render()
    flagged = [len(audit.flagged(name)) for name in (BLANK, GLASS, BLURRED, GREY)]
    assert audit.refused() == {}
    assert len(pictures(html)) == 10 * 8 + sum(min(24, n) for n in flagged)
    assert "No two tiles show the same picture." in html
    assert "1 blank tile (bare glass) is not compared" in html
    assert len(html) < 1_500_000


@pytest.mark.browser
def test_the_page_fits_every_width_and_axe_finds_nothing(chromium: str, planted: Path, tmp_path: Path):
    shutil.copy(planted / "TUM" / "TUM_3.png", planted / "own class" / ("long_name" * 25 + ".png"))
    (planted / "TUM" / ("refused_" * 25 + ".png")).touch()
    audit = audit_tiles(find_tiles([planted]))
    audit_page(audit).write(tmp_path / "audit.html")
    assert audit.conflicts()
    assert not of_a_file(chromium, tmp_path / "audit.html")
