"""What was read once is not decoded again, and what changed since always is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.data.audit import audit as auditing
from gastropath.data.audit import readings, record
from gastropath.data.audit.appearance import appearance
from gastropath.data.audit.audit import audit_tiles, read_tiles, with_pixels
from gastropath.data.audit.readings import KeptReadings, forget
from gastropath.data.colour import histograms
from gastropath.data.colour.histograms import histograms_of
from gastropath.data.index import find_tiles
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile


@pytest.fixture
def tiles(noise_tiles, monkeypatch) -> Path:
    monkeypatch.setattr(readings, "_UNSURE_NS", 0)
    folder = noise_tiles({"TUM": 4, "STR": 3})
    Image.new("RGB", (64, 64), "white").save(folder / "STR" / "blank.png")
    time.sleep(0.02)  # a file system gives what is written at once the same time
    return folder


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []
    inspect = record.inspect

    def counting(file: Path):
        names.append(file.name)
        return inspect(file)

    monkeypatch.setattr(record, "inspect", counting)
    return names


def test_a_second_reading_finds_the_same_and_decodes_nothing(tiles: Path, tmp_path: Path, decoded: list[str]):
    index = find_tiles([tiles])
    fresh = audit_tiles(index)
    first = audit_tiles(index, cache=tmp_path)
    decoded.clear()
    second = audit_tiles(index, cache=tmp_path)
    assert second == first == fresh
    assert decoded == []
    for row, points in fresh.points.items():
        for name in ("position", "orientation", "description"):
            kept = getattr(second.points[row], name)
            np.testing.assert_array_equal(kept, getattr(points, name))
            assert kept.dtype == getattr(points, name).dtype
    assert second.points.keys() == fresh.points.keys()


def test_hashes_are_shared_by_commands_that_want_more_or_less(tiles: Path, tmp_path: Path, decoded: list[str]):
    index = find_tiles([tiles])
    plain = with_pixels(index, cache=tmp_path)
    assert len(decoded) == len(index)
    audit_tiles(index, cache=tmp_path)  # keypoints were not sought before
    assert len(decoded) == 2 * len(index)
    assert with_pixels(index, cache=tmp_path) == plain
    assert with_pixels(index.take([0, 3]), cache=tmp_path).pixels == (plain.pixels[0], plain.pixels[3])
    assert with_pixels(plain) is plain
    assert len(decoded) == 2 * len(index)


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_tile_replaced_in_place_by_one_of_the_same_size_is_read_again(
    tiles: Path, tmp_path: Path, decoded: list[str], keep_time: bool, rng
):
    for file in list((tiles / "TUM").iterdir()):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
    index = find_tiles([tiles])
    time.sleep(0.02)
    before = with_pixels(index, cache=tmp_path)
    changed = tiles / "TUM" / "TUM_2.bmp"
    stamp = changed.stat()
    decoded.clear()
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(changed)
    assert changed.stat().st_size == stamp.st_size
    if keep_time:
        os.utime(changed, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    after = with_pixels(index, cache=tmp_path)
    assert decoded == ["TUM_2.bmp"]
    differing = [a for a, old, new in zip(index.paths, before.pixels, after.pixels, strict=True) if old != new]
    assert differing == ["TUM/TUM_2.bmp"]


def test_tiles_that_change_their_names_are_not_taken_for_each_other(tiles: Path, tmp_path: Path):
    index = find_tiles([tiles])
    before = with_pixels(index, cache=tmp_path)
    one, two = tiles / "TUM" / "TUM_1.png", tiles / "TUM" / "TUM_2.png"
    one.rename(tiles / "x")
    two.rename(one)
    (tiles / "x").rename(two)
    after = with_pixels(find_tiles([tiles]), cache=tmp_path)
    assert after.pixels != before.pixels
    assert after.pixels == with_pixels(find_tiles([tiles])).pixels


def test_a_file_changed_a_moment_ago_is_read_again(tiles: Path, tmp_path: Path, decoded: list[str], monkeypatch):
    monkeypatch.setattr(readings, "_UNSURE_NS", 10**12)
    index = find_tiles([tiles])
    with_pixels(index, cache=tmp_path)
    with_pixels(index, cache=tmp_path)
    assert len(decoded) == 2 * len(index)


def test_damage_to_what_is_kept_costs_a_reading_and_nothing_else(tiles: Path, tmp_path: Path):
    index = find_tiles([tiles])
    before = with_pixels(index, cache=tmp_path)
    (kept,) = (tmp_path / readings.FOLDER).iterdir()
    whole = kept.read_bytes()
    for content in (b"", b"not an archive", whole[: len(whole) // 2]):
        kept.write_bytes(content)
        assert with_pixels(index, cache=tmp_path) == before


def test_other_software_reads_again(tiles: Path, tmp_path: Path, decoded: list[str], monkeypatch):
    index = find_tiles([tiles])
    with_pixels(index, cache=tmp_path)
    monkeypatch.setattr(readings, "reader", lambda: "another Pillow")
    with_pixels(index, cache=tmp_path)
    assert len(decoded) == 2 * len(index)


def test_a_cache_that_cannot_be_written_is_done_without(tiles: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    index = find_tiles([tiles])
    assert with_pixels(index, cache=tmp_path / "file") == with_pixels(index)


def test_a_file_that_cannot_be_read_is_tried_again(tiles: Path, tmp_path: Path, decoded: list[str]):
    (tiles / "TUM" / "bad.png").write_bytes(b"no picture")
    index = find_tiles([tiles])
    with_pixels(index, cache=tmp_path)
    decoded.clear()
    with_pixels(index, cache=tmp_path)
    assert decoded == ["bad.png"]


def test_readings_of_two_processes_are_both_kept(tiles: Path, tmp_path: Path, decoded: list[str]):
    index = find_tiles([tiles])
    code = (
        "import sys; from pathlib import Path; from gastropath.data.audit import readings\n"
        "from gastropath.data.audit.audit import with_pixels; from gastropath.data.index import find_tiles\n"
        "readings._UNSURE_NS = 0; index = find_tiles([Path(sys.argv[1])])\n"
        "with_pixels(index.take(range(0, len(index), 2)), cache=Path(sys.argv[2]))"
    )
    mine = KeptReadings.of(tmp_path, index.root)
    subprocess.run([sys.executable, "-c", code, str(tiles), str(tmp_path)], check=True)
    odd = index.take(range(1, len(index), 2))
    mine.keep((path, readings.read(odd.root / path, with_points=False)) for path in odd.paths)
    decoded.clear()
    with_pixels(index, cache=tmp_path)
    assert decoded == []


def test_what_is_forgotten_is_read_again(tiles: Path, tmp_path: Path, decoded: list[str]):
    index = find_tiles([tiles])
    with_pixels(index, cache=tmp_path)
    forget(tmp_path, index.root)
    forget(tmp_path, index.root)
    with_pixels(index, cache=tmp_path)
    assert len(decoded) == 2 * len(index)


def test_an_interrupted_reading_is_kept_as_far_as_it_came(tiles: Path, tmp_path: Path, decoded: list[str]):
    index = find_tiles([tiles])

    def stop(what: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_tiles(index, with_points=False, cache=tmp_path, progress=stop)
    decoded.clear()
    with_pixels(index, cache=tmp_path)
    assert len(decoded) == len(index) - 3


def test_an_index_with_pixels_of_another_length_cannot_be_made(tiles: Path):
    with pytest.raises(ValueError, match="pixels differ in length"):
        replace(find_tiles([tiles]), pixels=("0",))


def test_colours_and_measures_of_tiles_that_were_read_are_known_without_their_files(
    tiles: Path, tmp_path: Path, decoded: list[str], monkeypatch
):
    fresh = find_tiles([tiles])
    expected, looks = histograms_of(fresh), appearance(fresh)
    with_pixels(fresh, cache=tmp_path)
    monkeypatch.setattr(histograms, "load_tile", None)
    decoded.clear()
    for cache in (tmp_path, tmp_path):  # kept by an earlier command, or read just now
        index = with_pixels(fresh, cache=cache)
        np.testing.assert_array_equal(histograms_of(index), expected)
        assert appearance(index.take(range(len(index)))) == looks
    assert decoded == []


def test_colours_are_of_what_a_tile_shows_whatever_it_is_called(tiles: Path, tmp_path: Path, monkeypatch):
    index = find_tiles([tiles])
    before = dict(zip(index.paths, histograms_of(with_pixels(index, cache=tmp_path)), strict=True))
    one, two = tiles / "TUM" / "TUM_1.png", tiles / "TUM" / "TUM_2.png"
    one.rename(tiles / "x")
    two.rename(one)
    (tiles / "x").rename(two)
    monkeypatch.setattr(histograms, "load_tile", None)
    after = dict(zip(index.paths, histograms_of(with_pixels(find_tiles([tiles]), cache=tmp_path)), strict=True))
    np.testing.assert_array_equal(after["TUM/TUM_1.png"], before["TUM/TUM_2.png"])


def test_near_duplicates_are_sought_once_among_the_same_pictures(tiles: Path, tmp_path: Path, monkeypatch):
    _copy_with_noise(tiles)
    sought: list[int] = []
    find = auditing.find_near_duplicates
    monkeypatch.setattr(auditing, "find_near_duplicates", lambda *a, **k: sought.append(1) or find(*a, **k))
    index = find_tiles([tiles])
    first = audit_tiles(index, cache=tmp_path)
    assert first.near
    assert audit_tiles(index, cache=tmp_path) == first
    assert len(sought) == 1
    assert audit_tiles(index.take(range(1, len(index))), cache=tmp_path).near != first.near
    assert len(sought) == 2
    for file in (tmp_path / "near").iterdir():
        file.write_bytes(b"damaged")
    assert audit_tiles(index, cache=tmp_path) == first


def test_pairs_with_a_tile_that_changed_meanwhile_are_not_kept(tiles: Path, tmp_path: Path, rng):
    copy = _copy_with_noise(tiles)
    audit = read_tiles(find_tiles([tiles]), with_points=True)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(copy)
    assert auditing.search_near(audit, cache=tmp_path).near == ()
    assert not (tmp_path / "near").exists()


def _copy_with_noise(tiles: Path) -> Path:
    """Plant a near-duplicate."""
    drawn = draw_tile(
        "TUM", np.random.default_rng(0), appearance=draw_appearance(np.random.default_rng(1), shifted=False)
    )
    Image.fromarray(drawn).save(tiles / "TUM" / "TUM_8.png")
    Image.fromarray(drawn).save(tiles / "TUM" / "TUM_9.jpg", quality=90)
    time.sleep(0.02)
    return tiles / "TUM" / "TUM_9.jpg"
