"""A workflow takes plain arguments and returns figures and paths; it writes nothing unasked."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gastropath
from gastropath.errors import OutputExists, UnknownSetting
from gastropath.progress import Stage
from gastropath.workflows.compare import distinct_names
from gastropath.workflows.export import export
from gastropath.workflows.predict import predict
from gastropath.workflows.slides import map_slides


@pytest.fixture
def tiles(noise_tiles, monkeypatch, tmp_path) -> Path:
    made = noise_tiles({"TUM": 12, "STR": 12})
    monkeypatch.chdir(tmp_path)
    return made


def test_without_out_figures_are_returned_and_nothing_is_written(tiles, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert gastropath.audit(str(tiles)).summary()["n_tiles"] == 24
    divided = gastropath.split([tiles], folds=3)
    assert divided.table is divided.description is None
    assert len(set(divided.split.folds) - {""}) == 3
    explained = gastropath.explain(tiles / "TUM", code="TUM")
    assert [one.code for one in explained.explanations] == ["TUM"] * 12
    heat = explained.explanations[0].heat
    assert heat is not None
    assert heat.shape == (224, 224)
    answers = predict([tiles / "TUM", tiles / "STR"])
    assert len(answers.predictions) == len(answers.files) == 24
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_written_is_named_in_the_result(tiles, tmp_path):
    audited = gastropath.audit(tiles, "audit")
    assert audited.page == Path("audit/audit.html")
    assert Path("audit/audit.html").is_file()
    divided = gastropath.split(tiles, "split.csv")
    assert divided.table is not None
    assert divided.description is not None
    assert divided.table.is_file()
    assert divided.description.is_file()
    explained = gastropath.explain(tiles / "TUM", None, "maps")
    assert explained.table is not None
    assert all(path.is_file() for path in (explained.table, *explained.overlays))
    assert len(explained.overlays) == 12
    with pytest.raises(OutputExists, match="overwrite"):
        gastropath.audit(tiles, "audit")


def test_a_loaded_model_serves_as_well_as_its_folder(tiles):
    model = gastropath.load()
    by_folder, by_model = predict(tiles / "TUM"), predict(tiles / "TUM", model)
    assert by_model.classifier is model
    assert np.array_equal(by_folder.predictions.probabilities, by_model.predictions.probabilities)


def test_damaged_files_are_named_in_every_result(tiles):
    (tiles / "TUM" / "torn.png").write_bytes((tiles / "TUM" / "TUM_1.png").read_bytes()[:300])
    assert list(gastropath.audit(tiles).refused) == ["TUM/torn.png"]
    assert list(gastropath.split(tiles).refused) == ["TUM/torn.png"]
    assert list(predict(tiles).refused) == list(gastropath.explain(tiles).refused) == [str(tiles / "TUM" / "torn.png")]


def test_progress_tells_the_stage_and_that_there_is_a_number_of_them(tiles):
    told: list[str] = []
    gastropath.audit(tiles, against=tiles, progress=lambda what, done, total: told.append(what))
    stages = list(dict.fromkeys(Stage.of_name(what).numbered for what in told))
    assert stages[:2] == ["stage 1 of 3: auditing tiles", "stage 2 of 3: comparing data sets"]
    assert told[0] == "auditing tiles"  # a text like any other


@pytest.fixture
def picture(tmp_path, rng) -> Path:
    """A small picture of noise in the colours of the stain."""
    file = tmp_path / "region.png"
    pixels = rng.integers(90, 230, (700, 900, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def test_a_slide_is_mapped_by_one_call(picture, tmp_path):
    found = gastropath.map_slide(picture, tmp_path / "maps", mpp=0.5, mask=False)
    assert found.folder == tmp_path / "maps" / "region"
    assert {"overlay.png", "tiles.csv", "summary.json"} <= {file.name for file in found.files}
    assert found.summary.tiles.classified == found.summary.tiles.in_grid > 0
    again = gastropath.map_slide(picture, tmp_path / "maps", mpp=0.5, mask=False)
    assert again.summary == found.summary


def test_a_slide_that_cannot_be_mapped_is_an_error_of_one_and_a_row_of_many(picture, tmp_path):
    broken = tmp_path / "broken.svs"
    broken.write_bytes(b"no slide")
    with pytest.raises(gastropath.errors.CannotReadSlide) as told:
        gastropath.map_slide(broken, tmp_path / "alone")
    assert str(told.value).startswith(f"{broken}: ")
    assert str(told.value).count(str(broken)) == 1
    found = map_slides([broken, picture, picture], tmp_path / "maps", mpp=0.5, mask=False)
    assert [slide.path for slide in found.failed] == [broken]
    assert [slide.path for slide in found.mapped] == [picture]
    assert [row["status"] for row in found.rows] == ["failed", "done"]
    assert found.table.is_file()


def test_runs_are_named_by_the_shortest_ends_that_tell_them_apart():
    assert distinct_names([Path("/a/run"), Path("/b/run"), Path("/c/other")]) == ["a/run", "b/run", "c/other"]
    assert distinct_names([Path("/a/one"), Path("/a/two")]) == ["one", "two"]
    assert distinct_names([Path("/a/run"), Path("/a/run")]) == ["run (1)", "run (2)"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda tiles: gastropath.split(tiles, by="random", gap=3), "block and gap are settings of by 'block'"),
        (lambda tiles: gastropath.split(tiles, by="group"), "by: no tile has a group; name a table"),
        (lambda tiles: export("run", precision="int4"), "precision: there is no 'int4'"),
        (lambda tiles: export("run", precision="int8"), "name its tiles with data"),
        (lambda tiles: gastropath.train(tiles, recipe="transfr"), "did you mean 'transfer'"),
        (lambda tiles: gastropath.train(tiles, settings={"epoch": 2}, recipe="baseline"), "did you mean 'epochs'"),
    ],
)
def test_an_error_speaks_of_parameters(tiles, call, told):
    with pytest.raises(UnknownSetting) as error:
        call(tiles)
    assert told in str(error.value)


def test_a_run_is_finished_by_one_call_and_not_done_again(finished_run, synthetic_tiles, tmp_path):
    run = shutil.copytree(finished_run, tmp_path / "run")
    again = gastropath.train(synthetic_tiles, run, resume=True)
    assert again.was_finished
    assert again.metrics == gastropath.load(again.bundle).card.metrics
    with pytest.raises(OutputExists, match="go on with this run by resume"):
        gastropath.train(synthetic_tiles, run)


def begun(data: Path, out: Path, monkeypatch, **options) -> list[str]:
    """Return the warnings with which a training run begins, and end it there."""
    from gastropath.cli import console, training
    from gastropath.workflows.train import train

    class Enough(Exception):
        pass

    def stop(beginning):
        training._tell_beginning(beginning)
        raise Enough

    said: list[str] = []
    monkeypatch.setattr(console, "note", said.append)
    with pytest.raises(Enough):
        train(data, out, on_begin=stop, **options)
    return [line for line in said if "several labels" in line]


def test_training_begins_with_the_pictures_that_have_several_labels(noise_tiles, monkeypatch, tmp_path):
    tiles = noise_tiles({"TUM": 12, "STR": 12, "NOR": 12})
    shutil.copy(tiles / "TUM" / "TUM_1.png", tiles / "STR" / "copy.png")
    shutil.copy(tiles / "TUM" / "TUM_2.png", tiles / "TUM" / "copy.png")  # the same label: no conflict
    assert begun(tiles, tmp_path / "run", monkeypatch) == [
        "warning: 2 tiles show 1 picture with several labels (1 of STR and TUM), of which at most one can be right; "
        "gastropath audit DATA lists them"
    ]
    part = {"0": "val", "2": "test"}  # by the last digit of a name
    rows = [f"{p.parent.name}/{p.name},{p.parent.name},{part.get(p.stem[-1], 'train')}" for p in tiles.glob("*/*.png")]
    parts = tiles / "parts.csv"
    parts.write_text("\n".join(["path,label,part", *rows]))
    review = tmp_path / "review.csv"
    review.write_text("path,label,decision\nSTR/copy.png,STR,drop\n")
    assert begun(tiles, tmp_path / "run", monkeypatch, split=parts, review=review) == []
