"""One slide and many, from Python: what is done is not done again, and everything is counted once."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import CODES, ByColour, Squares
from PIL import Image

from gastropath.errors import (
    CannotReadSlide,
    CannotReadSpacing,
    CannotReadTable,
    CannotResume,
    OutputExists,
    UnknownSetting,
)
from gastropath.jobs.folder import JobFolder
from gastropath.parallel import HERE
from gastropath.results.prediction import Refusal
from gastropath.results.predictions import Predictions
from gastropath.results.summary import SlideSummary
from gastropath.slides.block_reader import WAY_OF_READING
from gastropath.slides.block_store import BlockStore
from gastropath.slides.blocks import Selection
from gastropath.slides.cohort import map_slides
from gastropath.slides.mapping import map_picture, map_slide
from gastropath.slides.source.picture import open_picture
from gastropath.slides.source.slide import open_slide
from gastropath.slides.task import SlideSettings

OLD = Path(__file__).parents[1] / "results" / "written_by_0_1_0"
EVERYTHING = SlideSettings(mask=False, features=True)
SIDE = 64
"""Of a tile of the classifier by colour, in pixels of a slide at its resolution."""


class Failing(ByColour):
    """Ends like a killed process after some blocks."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.left = blocks

    def predict(self, tiles: np.ndarray, *, features: bool = False) -> Predictions:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().predict(tiles, features=features)


class Renamed(ByColour):
    """The classifier by colour with other class codes."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        super().__init__()
        classes = tuple(
            entry.model_copy(update={"code": code}) for entry, code in zip(self.card.classes, codes, strict=True)
        )
        self.card, self.classes = self.card.model_copy(update={"classes": classes}), codes

    def predict(self, tiles: np.ndarray, *, features: bool = False) -> Predictions:
        return replace(super().predict(tiles, features=features), classes=self.classes)


class Counting:
    """The threads of this process, and what they were given."""

    remote = False

    def __init__(self) -> None:
        self.inputs: list[Any] = []

    def each(self, function: Callable, inputs: Iterable, *, workers: int | None = None) -> Iterator:
        def noted() -> Iterator[Any]:
            for item in inputs:
                self.inputs.append(item)
                yield item

        return HERE.each(function, noted(), workers=workers)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """A slide of 24 x 16 tiles and their neighbours: two blocks of 16 x 16 and more."""
    return Squares(40 * SIDE, 20 * SIDE, 1.5 * SIDE).write(tmp_path / "squares.tiff", 0.5)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_an_uninterrupted_call_reads_no_block_again(slide, by_colour, tmp_path, monkeypatch):
    monkeypatch.setattr(BlockStore, "read", None)
    found = map_slide(slide, tmp_path / "maps" / "a", by_colour, EVERYTHING)
    assert [file.name for file in found.files] == [
        "tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json", "features.h5",
    ]  # fmt: skip
    assert set(found.files) == set(found.folder.iterdir())
    assert SlideSummary.parse((found.folder / "summary.json").read_bytes(), "") == found.summary
    assert [entry.name for entry in (tmp_path / "maps").iterdir()] == ["a"]


def test_blocks_that_are_done_are_not_classified_again_and_the_files_are_the_same(slide, by_colour, tmp_path):
    whole = map_slide(slide, tmp_path / "whole", by_colour, EVERYTHING)
    n_blocks = len(by_colour.seen)
    with pytest.raises(KeyboardInterrupt):
        map_slide(slide, tmp_path / "out", Failing(n_blocks - 1), EVERYTHING)  # pyright: ignore[reportArgumentType]
    kept = len(list((tmp_path / ".slide-out").glob("*.npz")))
    again = ByColour()
    found = map_slide(slide, tmp_path / "out", again, EVERYTHING)  # pyright: ignore[reportArgumentType]
    assert kept > 0
    assert len(again.seen) == n_blocks - kept
    assert contents(found.folder) == contents(whole.folder)
    assert not (tmp_path / ".slide-out").exists()


def test_work_that_outlived_its_result_is_removed(slide, by_colour, tmp_path, monkeypatch):
    forget = JobFolder.forget

    def killed_at_the_end(job: JobFolder) -> None:
        if job.has_begun:
            raise KeyboardInterrupt
        forget(job)

    with monkeypatch.context() as patched:
        patched.setattr(JobFolder, "forget", killed_at_the_end)
        with pytest.raises(KeyboardInterrupt):
            map_slide(slide, tmp_path / "out", by_colour)
    assert (tmp_path / ".slide-out").is_dir()
    before = contents(tmp_path / "out")
    map_slide(slide, tmp_path / "out", by_colour)
    assert contents(tmp_path / "out") == before
    assert not (tmp_path / ".slide-out").exists()


def test_going_on_with_another_model_or_other_settings_is_refused(slide, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        map_slide(slide, tmp_path / "out", Failing(1), EVERYTHING)  # pyright: ignore[reportArgumentType]
    other = ByColour()
    other.card = other.card.model_copy(update={"files": {"model.tflite": "1" * 64}})
    with pytest.raises(CannotResume, match=r"another model; `?features`? was on, now off"):
        map_slide(slide, tmp_path / "out", other, SlideSettings(mask=False))  # pyright: ignore[reportArgumentType]
    found = map_slide(slide, tmp_path / "out", other, overwrite=True)  # pyright: ignore[reportArgumentType]
    assert found.summary.model.sha256 == "1" * 64


@pytest.mark.parametrize("before", [None, "all of it whole"])
def test_tiles_that_were_read_otherwise_are_not_mixed_with_new_ones(slide, by_colour, tmp_path, before):
    with pytest.raises(KeyboardInterrupt):
        map_slide(slide, tmp_path / "out", Failing(1))  # pyright: ignore[reportArgumentType]
    record = tmp_path / ".slide-out" / "fingerprint.json"
    made = json.loads(record.read_text())
    if before is None:  # a version that did not say it
        del made["reading"]
    else:
        made["reading"] = before
    record.write_text(json.dumps(made))
    with pytest.raises(CannotResume, match=r"\(another version of GastroPath read its tiles otherwise\)"):
        map_slide(slide, tmp_path / "out", by_colour)
    found = map_slide(slide, tmp_path / "out", by_colour, overwrite=True)
    assert found.summary.job is not None
    assert found.summary.job.reading == WAY_OF_READING


def test_a_finished_map_stands_however_its_tiles_were_read(slide, by_colour, tmp_path, monkeypatch):
    first = map_slide(slide, tmp_path / "out", by_colour)
    document = json.loads((first.folder / "summary.json").read_text())
    del document["job"]["reading"]
    (first.folder / "summary.json").write_text(json.dumps(document))
    monkeypatch.setattr("gastropath.slides.task.open_slide", None)
    again = map_slide(slide, tmp_path / "out", by_colour)
    assert again.summary.job is not None
    assert again.summary.job.reading == ""


def test_what_0_1_0_left_unfinished_is_begun_anew(slide, by_colour, tmp_path):
    work = tmp_path / ".slide-out"
    work.mkdir()
    (work / "job.json").write_text("{}")
    (work / "000000.npz").write_bytes(b"in another format")
    map_slide(slide, tmp_path / "out", by_colour)
    assert not work.exists()


def as_0_1_0_wrote_it(folder: Path) -> None:
    """Write ``summary.json`` as version 1 was."""
    document = json.loads((folder / "summary.json").read_text())
    for key in ("format_version", "reasons"):
        del document[key]
    del document["job"]["reading"]
    document["area_mm2"] = {**document["area_mm2"]["classes"], "not sure": document["area_mm2"]["abstained"]}
    job = document["job"]
    job["slide"]["folder"] = job.pop("found_in")
    job["settings"]["everything"] = not job["settings"].pop("mask")
    (folder / "summary.json").write_text(json.dumps(document))


def test_a_map_that_0_1_0_finished_is_not_made_again(slide, by_colour, tmp_path, monkeypatch):
    first = map_slide(slide, tmp_path / "squares", by_colour, EVERYTHING)
    as_0_1_0_wrote_it(first.folder)
    before = contents(first.folder)
    monkeypatch.setattr("gastropath.slides.task.open_slide", None)
    (again,) = map_slides([slide], tmp_path, by_colour, EVERYTHING).mapped
    assert first.summary.job is not None
    job = first.summary.job.model_copy(update={"reading": ""})
    assert again == replace(first, summary=first.summary.model_copy(update={"job": job}))
    assert contents(first.folder) == before
    with pytest.raises(OutputExists, match="mask was off, now on"):
        map_slide(slide, first.folder, by_colour, SlideSettings(features=True))


def test_the_table_of_0_1_0_is_brought_up_when_slides_are_added(slide, by_colour, tmp_path):
    shutil.copy(OLD / "slides.csv", tmp_path / "slides.csv")
    with (tmp_path / "slides.csv").open("a") as file:
        file.write("torn.svs,torn,failed,is a damaged slide" + "," * 16 + "\n")
    map_slides([slide], tmp_path, by_colour)
    with (tmp_path / "slides.csv").open() as file:
        rows = {row["slide"]: row for row in csv.DictReader(file)}
    drawn = rows["gastropath-demo/drawn-slide/drawn.tif"]
    assert (drawn["abstained_mm2"], drawn["area_mm2_TUM"], drawn["detail"]) == ("0.602112", "0.551936", "")
    assert rows["torn.svs"]["detail"] == "is a damaged slide"
    assert rows["torn.svs"]["reason"] == ""
    assert "area_mm2_not sure" not in drawn


def test_a_class_called_not_sure_is_counted_once_everywhere(slide, tmp_path):
    codes = ("TUM", "not sure", "STR", "abstained")
    plain = map_slides([slide], tmp_path / "plain", ByColour(), EVERYTHING)  # pyright: ignore[reportArgumentType]
    named = map_slides([slide], tmp_path / "named", Renamed(codes), EVERYTHING)  # pyright: ignore[reportArgumentType]
    theirs, ours = plain.mapped[0], named.mapped[0]
    other_name: dict[str, str] = dict(zip(CODES, codes, strict=True))
    assert ours.summary.tiles.abstained == theirs.summary.tiles.abstained > 0
    assert ours.summary.tiles.classified == theirs.summary.tiles.classified
    assert ours.summary.tiles.accepted == {other_name[c]: n for c, n in theirs.summary.tiles.accepted.items()}
    assert ours.summary.area_mm2.classes == {other_name[c]: n for c, n in theirs.summary.area_mm2.classes.items()}
    assert ours.summary.area_mm2.abstained == theirs.summary.area_mm2.abstained
    assert ours.summary.share_of_answered_area["not sure"] == theirs.summary.share_of_answered_area["LYM"]
    (row,) = csv.DictReader(named.table.open())
    assert float(row["area_mm2_not_sure"]) == pytest.approx(ours.summary.area_mm2.classes["not sure"])
    assert float(row["abstained_mm2"]) == pytest.approx(ours.summary.area_mm2.abstained)
    features = json.loads((ours.folder / "tiles.geojson").read_text())["features"]
    names = [feature["properties"]["classification"]["name"] for feature in features]
    assert names.count("not sure") == ours.summary.tiles.accepted["not sure"]
    assert names.count("not sure (abstained)") == ours.summary.tiles.abstained


def test_the_colours_of_a_map_do_not_depend_on_what_classes_are_called(slide, tmp_path):
    opened = open_slide(slide)
    shown = [
        map_picture(opened, model, mask=False).shown  # pyright: ignore[reportArgumentType]
        for model in (ByColour(), Renamed(("TUM", "not sure", "STR", "NOR")))
    ]
    np.testing.assert_array_equal(shown[0], shown[1])


def test_a_picture_in_memory_gives_the_files_of_the_command(by_colour, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(Squares(900, 700, 96).render(0, 0, 900, 700)).save(path)
    settings = SlideSettings(mpp=0.5)
    done = map_slide(path, tmp_path / "out", by_colour, settings)
    found = map_picture(open_picture(path.read_bytes(), path.name, 0.5), by_colour)
    written = contents(done.folder)
    assert list(found.files) == ["tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json"]
    for name in ("tiles.csv", "tiles.geojson", "overlay.png", "tissue.png"):
        assert found.files[name] == written[name], name
    assert found.summary == done.summary.model_copy(update={"job": None})
    assert json.loads(found.files["summary.json"])["job"] is None


def test_tiles_that_the_mask_leaves_out_are_not_sent_to_workers(by_colour, tmp_path):
    pixels = np.full((2000, 3000, 3), 243, np.uint8)
    pixels[100:900, 100:900] = (205, 140, 185)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    pool = Counting()
    found = map_slide(tmp_path / "a.png", tmp_path / "out", by_colour, SlideSettings(mpp=0.5), pool)
    tiles = found.summary.tiles
    assert sum(len(selection.numbers) for selection in pool.inputs) == tiles.classified < tiles.in_grid / 2
    assert all(len(selection.numbers) for selection in pool.inputs)
    assert tiles.left_out == {"glass": tiles.in_grid - tiles.classified}
    assert set(found.summary.reasons) == {"glass"}


def test_progress_is_called_for_every_block_and_ends_with_the_last(slide, by_colour, tmp_path):
    calls: list[tuple[str, int, int]] = []
    map_slide(slide, tmp_path / "out", by_colour, progress=lambda *call: calls.append(call))
    assert [done for _, done, _ in calls] == list(range(1, calls[-1][2] + 1))
    assert {what for what, _, _ in calls} == {"classifying"}


def test_many_slides_give_a_result_with_what_failed_and_why(slide, by_colour, tmp_path):
    torn = tmp_path / "torn.svs"
    torn.write_bytes(b"nothing")
    spaceless = Squares(300, 300, 50).write(tmp_path / "spaceless.tiff", None)
    found = map_slides([slide, torn, slide, spaceless], tmp_path / "maps", by_colour)
    assert [done.path for done in found.mapped] == [slide]
    assert [(failed.path, type(failed.error)) for failed in found.failed] == [
        (torn, CannotReadSlide), (spaceless, CannotReadSpacing),
    ]  # fmt: skip
    assert found.failed[1].error.reason.startswith("does not state its micrometres per pixel")
    with found.table.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["status"], row["reason"]) for row in rows] == [
        ("done", ""), ("failed", "cannot_read_slide"), ("failed", "cannot_read_spacing"),
    ]  # fmt: skip
    assert [row["folder"] for row in found.rows] == ["squares", "", ""]
    none = map_slides([torn, spaceless], tmp_path / "none", by_colour)
    assert (none.mapped, len(none.failed)) == ((), 2)
    assert none.failed[0].error.reason.startswith("is not an image")
    assert {entry.name for entry in (tmp_path / "none").iterdir()} <= {"slides.csv", ".slides.csv.lock"}
    with pytest.raises(UnknownSetting, match="slides: "):
        map_slides([], tmp_path / "none", by_colour)


def test_a_table_that_is_not_one_is_refused_before_the_work(slide, by_colour, tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "slides.csv").write_text("a,b\n")
    with pytest.raises(CannotReadTable, match=r"slides\.csv"):
        map_slides([slide], tmp_path / "maps", by_colour)
    assert not by_colour.seen


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [({"mpp": 0}, "mpp"), ({"mpp": float("nan")}, "mpp"), ({"stride_um": 0.5}, "stride_um"),
     ({"stride_um": float("inf")}, "stride_um")],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_by_name(settings, parameter):
    with pytest.raises(UnknownSetting) as refused:
        SlideSettings(**settings)
    assert refused.value.parameter == parameter


def test_a_kept_block_is_what_it_was(tmp_path, rng):
    probabilities = rng.dirichlet(np.ones(4), 5).astype(np.float32)
    probabilities[[1, 4]] = np.nan
    block = Predictions.of(
        CODES,
        probabilities,
        refusals=[None, Refusal("damaged", "cannot be read: ü"), None, None, Refusal("not_finite", "no number")],
        is_low_confidence=np.array([True, False, False, True, False]),
        is_out_of_distribution=np.array([False, False, True, True, False]),
        distances=rng.random(5),
        features=rng.random((5, 3), np.float32),
    )
    selection = Selection(7, np.arange(40, 45), np.ones(5), {})
    BlockStore(tmp_path, CODES).write(selection, block)
    store = BlockStore(tmp_path, CODES)
    assert selection in store
    assert replace(selection, place=8) not in store
    assert replace(selection, numbers=np.arange(40, 46)) not in store  # blocks of a version that made them otherwise
    found = store.read(selection)
    assert found.refusals == block.refusals
    for name in ("probabilities", "distances", "is_low_confidence", "is_out_of_distribution", "features"):
        np.testing.assert_array_equal(getattr(found, name), getattr(block, name))
        assert getattr(found, name).dtype == getattr(block, name).dtype
    empty = replace(selection, numbers=np.arange(0))
    BlockStore(tmp_path, CODES).write(empty, Predictions.none(CODES))
    assert len(BlockStore(tmp_path, CODES).read(empty)) == 0


def test_every_option_on_a_result_of_others_ends_in_what_differs(slide, by_colour, tmp_path):
    roi = tmp_path / "roi.geojson"
    for number, side in enumerate((500, 600)):
        ring = [[0, 0], [side, 0], [side, side], [0, side], [0, 0]]
        roi.with_stem(f"roi{number}").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    first, second = (roi.with_stem(f"roi{number}") for number in range(2))
    plain = SlideSettings(mask=False)
    others = {
        "another `roi`": replace(plain, roi=first),
        "`mpp` was not given, now 0.6": replace(plain, mpp=0.6),
        "`stride_um` was not given, now 20": replace(plain, stride_um=20),
        "`mask` was off, now on": replace(plain, mask=True),
        "`features` was off, now on": replace(plain, features=True),
        "`qupath_origin` was 'bounds', now 'level0'": replace(plain, qupath_origin="level0"),
        "another `qupath_classes`": replace(plain, qupath_names={"TUM": "Tumor"}),
    }
    map_slide(slide, tmp_path / "out", by_colour, plain)
    for message, settings in others.items():
        with pytest.raises(OutputExists) as caught:
            map_slide(slide, tmp_path / "out", by_colour, settings)
        assert f"made from other input ({message})" in caught.value.what
    map_slide(slide, tmp_path / "out", by_colour, replace(plain, roi=first), overwrite=True)
    with pytest.raises(OutputExists, match="another roi"):
        map_slide(slide, tmp_path / "out", by_colour, replace(plain, roi=second))


class OnlyOf(ByColour):
    """Knows one class alone."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._number = CODES.index(code)

    def predict(self, tiles, *, features=False):
        probabilities = np.zeros((len(tiles), len(CODES)), np.float32)
        probabilities[:, self._number] = 1
        return Predictions.of(CODES, probabilities)


@pytest.mark.parametrize(("code", "share"), [("TUM", 0.0), ("STR", None), ("NOR", None)])
def test_a_share_of_nothing_is_empty(slide, tmp_path, code, share):
    found = map_slides([slide], tmp_path / "out", OnlyOf(code), SlideSettings(mask=False))  # pyright: ignore[reportArgumentType]
    assert found.mapped[0].summary.tumour_stroma.stroma_share == share
    (row,) = csv.DictReader(found.table.open())
    assert row["stroma_share"] == ("" if share is None else f"{share:.6f}")
