"""The command ``slide``: many slides, interruption, and outputs that other software reads."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from drawing import Squares
from PIL import Image
from pydantic import BaseModel, ConfigDict

from gastropath.locks import alone

CODES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
OUTPUTS = ("tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json", "features.h5")


def gastropath(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def seen(folder: Path) -> set[str]:
    """Return the names in a folder but the one that calls lock while they write."""
    return {entry.name for entry in folder.iterdir()} - {".slides.csv.lock"}


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    return Squares(6000, 4000, 300).write(tmp_path_factory.mktemp("slide") / "squares.tiff", 0.5, (1.0, 4.0))


@pytest.fixture(scope="module")
def done(slide, tmp_path_factory) -> Path:
    """A folder with the result of one uninterrupted call."""
    folder = tmp_path_factory.mktemp("done")
    finished = gastropath("slide", slide, "--features", "--no-mask", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return folder / "slides"


class Polygon(BaseModel, extra="forbid", strict=True):
    type: str
    coordinates: list[list[list[int]]]


class Classification(BaseModel, extra="forbid", strict=True):
    name: str
    color: list[int]


class Properties(BaseModel, extra="forbid", strict=True):
    objectType: str
    classification: Classification
    measurements: dict[str, float]


class Feature(BaseModel, extra="forbid", strict=True):
    type: str
    geometry: Polygon
    properties: Properties


class Collection(BaseModel):
    """What QuPath takes: rings of whole pixels, a name and a colour of three numbers, measurements as an object."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: str
    features: list[Feature]


def test_the_geojson_keeps_to_what_qupath_reads(done):
    found = Collection.model_validate_json((done / "squares" / "tiles.geojson").read_bytes())
    assert found.type == "FeatureCollection"
    with (done / "squares" / "tiles.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(found.features) == len(rows)
    for feature, row in zip(found.features, rows, strict=True):
        (ring,) = feature.geometry.coordinates
        assert (feature.type, feature.geometry.type, feature.properties.objectType) == ("Feature", "Polygon", "tile")
        assert ring[0] == ring[-1] == [int(row["x_px"]), int(row["y_px"])]
        assert ring[2] == [int(row["x_px"]) + int(row["width_px"]), int(row["y_px"]) + int(row["height_px"])]
        places = {code: place for place, code in enumerate(CODES, start=1)}
        measured = feature.properties.measurements
        assert measured["best guess"] == places[row["predicted_label"]]
        assert measured["low confidence"] == ("low_confidence" in row["reason"])
        assert measured["unlike the training tiles"] == ("out_of_distribution" in row["reason"])
        assert measured["distance"] == pytest.approx(float(row["distance"]), abs=1e-4)
        expected = row["predicted_label"] if row["decision"] == "accepted" else "not sure"
        assert feature.properties.classification.name == expected
        assert all(0 <= value <= 255 for value in feature.properties.classification.color)


def test_features_lie_beside_their_coordinates(done):
    with h5py.File(done / "squares" / "features.h5") as file, (done / "squares" / "tiles.csv").open() as table:
        rows = list(csv.DictReader(table))
        features = np.asarray(file["features"])
        assert len(features) == len(rows)
        coords = np.array([[int(row["x_px"]), int(row["y_px"])] for row in rows])
        np.testing.assert_array_equal(np.asarray(file["coords"]), coords)
        assert np.isfinite(features).all()


def test_the_table_of_slides_adds_up(done):
    (row,) = csv.DictReader((done / "slides.csv").open())
    document = json.loads((done / "squares" / "summary.json").read_text())
    assert int(row["classified"]) == document["tiles"]["classified"] == document["tiles"]["in_grid"]
    areas = [float(value) for name, value in row.items() if name.startswith("area_mm2_")]
    assert sum(areas) + float(row["abstained_mm2"]) == pytest.approx(6000 * 4000 * 0.25 / 1e6, rel=1e-3)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(slide, done, tmp_path):
    command = [sys.executable, "-m", "gastropath", "slide", str(slide), "--features", "--no-mask"]
    kills = 0
    for moment in (1, 2, 4):  # blocks that are answered when it is killed
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list(tmp_path.glob("slides/.slide-squares/*.npz"))) < moment:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        assert not (tmp_path / "slides" / "squares").exists() or process.returncode == 0
    assert kills
    finished = gastropath("slide", slide, "--features", "--no-mask", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    for name in (*(f"squares/{output}" for output in OUTPUTS), "slides.csv"):
        assert (tmp_path / "slides" / name).read_bytes() == (done / name).read_bytes(), name
    assert seen(tmp_path / "slides") == seen(done) == {"squares", "slides.csv"}


def test_an_unfinished_call_with_other_options_is_refused_and_overwrite_starts_anew(slide, tmp_path):
    command = [sys.executable, "-m", "gastropath", "slide", str(slide), "--no-mask"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob("slides/.slide-squares/*.npz")):
        time.sleep(0.005)
    process.kill()
    process.wait()
    other = gastropath("slide", slide, "--no-mask", "--stride-um", "200", cwd=tmp_path)
    assert other.returncode == 1
    assert "--stride-um was not given, now 200" in other.stderr
    assert "--overwrite" in other.stderr
    assert gastropath("slide", slide, "--stride-um", "200", "--overwrite", cwd=tmp_path).returncode == 0


def test_a_finished_slide_is_passed_over_and_other_settings_are_refused(slide, done):
    before = (done / "squares" / "summary.json").stat().st_mtime_ns
    again = gastropath("slide", slide, "--features", "--no-mask", cwd=done.parent)
    assert again.returncode == 0
    assert (done / "squares" / "summary.json").stat().st_mtime_ns == before
    other = gastropath("slide", slide, cwd=done.parent)
    assert other.returncode == 1
    assert "made from other input (--mask was off, now on; --features was on, now off)" in other.stderr


def test_two_processes_do_not_work_on_one_slide(slide, tmp_path):
    work = tmp_path / "slides" / ".slide-squares"
    work.mkdir(parents=True)
    with alone(work, "gastropath slide"):
        other = gastropath("slide", slide, "--no-mask", cwd=tmp_path)
    assert other.returncode == 1
    assert "another gastropath slide is" in other.stderr
    assert not (tmp_path / "slides" / "squares").exists()
    assert gastropath("slide", slide, "--no-mask", cwd=tmp_path).returncode == 0
    assert seen(tmp_path / "slides") == {"slides.csv", "squares"}


def test_one_bad_slide_does_not_stop_the_others_and_equal_names_stay_apart(tmp_path):
    first, second = tmp_path / "a" / "case.tiff", tmp_path / "b" / "case.tiff"
    for path in (first, second):
        path.parent.mkdir()
    Squares(700, 500, 200).write(first, 0.5)
    Squares(900, 500, 200, seed=1).write(second, 0.5)
    bad = tmp_path / "bad.svs"
    bad.write_bytes(b"nothing")
    found = gastropath("slide", first, bad, second, "--no-mask", "--json", cwd=tmp_path)
    assert found.returncode == 3
    rows = json.loads(found.stdout)
    assert [(row["folder"], row["status"]) for row in rows] == [("case", "done"), ("", "failed"), ("case-2", "done")]
    assert "bad.svs" in found.stderr
    sizes = [
        json.loads((tmp_path / "slides" / name / "summary.json").read_text())["size_px"] for name in ("case", "case-2")
    ]
    assert sizes == [[700, 500], [900, 500]]
    table = list(csv.DictReader((tmp_path / "slides" / "slides.csv").open()))
    assert [row["status"] for row in table] == ["done", "failed", "done"]
    assert table[1]["reason"] == "cannot_read_slide"
    assert table[1]["detail"].startswith("is not an image")


def test_a_slide_alone_that_cannot_be_read_is_recorded(tmp_path):
    path = Squares(700, 500, 200).write(tmp_path / "a.tiff", None)
    found = gastropath("slide", path, cwd=tmp_path)
    assert found.returncode == 3
    assert found.stderr.strip().endswith("1 at 10x)")
    assert table(tmp_path / "slides")[str(path)]["reason"] == "cannot_read_spacing"
    assert seen(tmp_path / "slides") == {"slides.csv"}
    assert gastropath("slide", path, "--mpp", "0.5", cwd=tmp_path).returncode == 0
    assert [row["status"] for row in table(tmp_path / "slides").values()] == ["done"]


def test_a_large_picture_gives_the_same_map_as_the_slide_it_was_cut_from(tmp_path):
    squares = Squares(1500, 1000, 224)
    squares.write(tmp_path / "slide.tiff", 0.5)
    Image.fromarray(squares.render(0, 0, 1500, 1000)).save(tmp_path / "picture.png")
    for name in ("slide.tiff", "picture.png"):
        found = gastropath("slide", name, "--mpp", "0.5", "--no-mask", cwd=tmp_path)
        assert found.returncode == 0, found.stderr
    ours, theirs = (
        [{**row, "slide": ""} for row in csv.DictReader((tmp_path / "slides" / name / "tiles.csv").open())]
        for name in ("slide", "picture")
    )
    assert ours == theirs


@pytest.mark.real
def test_a_real_slide_is_mapped(real_slide, tmp_path):
    found = gastropath("slide", real_slide, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    document = json.loads((tmp_path / "slides" / real_slide.stem / "summary.json").read_text())
    assert document["tiles"]["in_grid"] == 140
    assert 40 < document["tiles"]["classified"] < 100
    assert document["tiles"]["left_out"]["glass"] > 40


def small(folder: Path, name: str, seed: int, mpp: float | None = 0.5) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Squares(900, 600, 300, seed).write(folder / name, mpp)


def test_slides_without_a_scale_are_refused_with_the_option_that_gives_it(tmp_path):
    unknown = [small(tmp_path, name, 1, None) for name in ("a.tiff", "b.tiff")]
    called = gastropath("slide", *unknown, "--out", "maps", cwd=tmp_path)
    assert called.returncode == 3
    assert called.stderr.count("give --mpp, e.g. --mpp 0.5") == 2
    assert "give mpp, e.g. mpp 0.5" in (tmp_path / "maps" / "slides.csv").read_text()


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "slides.csv").open() as file:
        return {row["slide"]: row for row in csv.DictReader(file)}


def test_every_call_finds_the_same_folder_for_a_slide_whatever_else_it_maps(tmp_path):
    one, two, other = (
        small(tmp_path / "a", "1.tiff", 1),
        small(tmp_path / "b", "1.tiff", 2),
        small(tmp_path, "2.tiff", 3),
    )
    first = gastropath("slide", one, two, one, "--no-mask", "--out", "maps", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert {path: row["folder"] for path, row in table(tmp_path / "maps").items()} == {str(one): "1", str(two): "1-2"}
    before = (tmp_path / "maps" / "1-2" / "summary.json").read_bytes()
    for some in ([two], [other, two], [two, one]):
        assert gastropath("slide", *some, "--no-mask", "--out", "maps", cwd=tmp_path).returncode == 0
    assert (tmp_path / "maps" / "1-2" / "summary.json").read_bytes() == before
    rows = table(tmp_path / "maps")  # over all calls
    assert {path: row["folder"] for path, row in rows.items()} == {str(one): "1", str(two): "1-2", str(other): "2"}
    assert {row["status"] for row in rows.values()} == {"done"}
    two = two.rename(small(tmp_path / "c", "2.tiff", 4).with_name("1.tiff"))  # moved, it is done as well
    assert gastropath("slide", two, "--no-mask", "--out", "maps", cwd=tmp_path).returncode == 0
    assert (tmp_path / "maps" / "1-2" / "summary.json").read_bytes() == before
    assert seen(tmp_path / "maps") == {"1", "1-2", "2", "slides.csv"}


def test_a_slide_that_changed_in_its_place_is_refused_even_at_the_same_size_and_time(tmp_path):
    path = tmp_path / "s" / "1.bmp"
    path.parent.mkdir()
    for seed in (1, 2):
        Image.fromarray(Squares(900, 600, 300, seed).render(0, 0, 900, 600)).save(path)
        os.utime(path, (1e9, 1e9))
        called = gastropath("slide", path, "--mpp", 0.5, "--no-mask", "--out", "maps", cwd=tmp_path)
        assert called.returncode == seed - 1, called.stderr
    assert "the slide has changed since" in called.stderr
    assert table(tmp_path / "maps")[str(path)]["status"] == "done"  # that result is still there


def test_what_is_wrong_with_a_folder_is_said_before_the_work(tmp_path):
    path = small(tmp_path, "1.tiff", 1)
    (tmp_path / "maps" / "1").mkdir(parents=True)
    (tmp_path / "maps" / "1" / "mine.txt").write_text("mine")
    plain = gastropath("slide", path, "--no-mask", "--out", "maps", cwd=tmp_path)
    over = gastropath("slide", path, "--no-mask", "--out", "maps", "--overwrite", cwd=tmp_path)
    assert (plain.returncode, over.returncode) == (1, 1)
    assert "is not the result of a slide" in plain.stderr
    assert "holds 'mine.txt'" in over.stderr
    assert "classifying" not in plain.stderr + over.stderr
    assert seen(tmp_path / "maps") == {"1"}
    folder = gastropath("slide", tmp_path / "maps", "--out", "else", cwd=tmp_path)
    assert "holds no slide (a file such as .svs" in folder.stderr


def test_other_settings_are_named_as_the_options_they_are(slide, done, tmp_path):
    called = gastropath("slide", slide, "--no-mask", "--stride-um", 56, "--out", done, cwd=tmp_path)
    assert called.returncode == 1
    assert "--stride-um was not given, now 56; --features was on, now off" in called.stderr


def test_they_are_where_several_slides_fail_too(tmp_path):
    slides = [small(tmp_path, name, 1) for name in ("a.tiff", "b.tiff")]
    assert gastropath("slide", *slides, "--no-mask", "--out", "maps", cwd=tmp_path).returncode == 0
    called = gastropath("slide", *slides, "--no-mask", "--stride-um", 56, "--out", "maps", cwd=tmp_path)
    assert called.returncode == 1
    assert called.stderr.count("--stride-um was not given, now 56") == 2


def test_a_resolution_at_which_nothing_can_be_seen_is_refused(tmp_path):
    called = gastropath("slide", small(tmp_path, "1.tiff", 1), "--mpp", 50, cwd=tmp_path)
    assert called.returncode == 3
    assert "at 50 µm/px a tile of 112 µm would be 2.2 pixels wide" in called.stderr


def test_slides_are_named_on_standard_input(tmp_path):
    Squares(300, 300, 100).write(tmp_path / "a.tiff", 0.5)
    command = [sys.executable, "-m", "gastropath", "slide", "-", "gone.svs", "--no-mask"]
    found = subprocess.run(command, input="a.tiff\n\n", capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 3
    with (tmp_path / "slides" / "slides.csv").open() as file:
        assert [(row["slide"], row["status"]) for row in csv.DictReader(file)] == [
            ("a.tiff", "done"),
            ("gone.svs", "failed"),
        ]
    nothing = subprocess.run(command[:5], input="", capture_output=True, text=True, cwd=tmp_path)
    assert nothing.returncode == 2
    assert "names no slide" in nothing.stderr
