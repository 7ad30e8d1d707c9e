"""``adapt`` from end to end, on pictures of three colours and a stain that the model does not know."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.accessibility import of_a_file

import gastropath
from gastropath.errors import BadBundle, CannotReadTable, NoTilesFound, OutputExists, TooFewTiles, UnknownSetting
from gastropath.inference.selftest import examine
from gastropath.workflows.adapt import AdaptResult

CODES = ("LYM", "STR", "TUM", "TUM", "STR", "LYM", "LYM", "TUM", "STR", "TUM", "LYM", "STR", "STR", "LYM", "TUM", "STR")
STAIN = 70
SIDE = 64


def labels_of(slides: list[Path], table: Path, codes: tuple[str, ...] = CODES, source: str = "own") -> Path:
    lines = ["slide,x_px,y_px,width_px,height_px,label,source"]
    for slide in slides:
        for place, code in enumerate(codes):
            lines.append(f"{slide.name},{place % 4 * SIDE},{place // 4 * SIDE},{SIDE},{SIDE},{code},{source}")
    table.write_text("\n".join(lines))
    return table


@pytest.fixture
def two_slides(write_slide: Callable[..., Path]) -> list[Path]:
    return [write_slide(f"{number}.png", CODES, shift=STAIN, seed=number) for number in (1, 2)]


@pytest.fixture
def adapted(small_model: Path, two_slides: list[Path], tmp_path: Path) -> AdaptResult:
    return gastropath.adapt(small_model, tmp_path / "ours", labels=labels_of(two_slides, tmp_path / "l.csv"), mpp=0.5)


def test_a_model_learns_a_stain_and_its_card_says_what_that_is_worth(adapted, small_model, write_slide, two_slides):
    record = adapted.adaptation
    assert record.base == "three colours"
    assert {row.where: sum(row.labels.values()) for row in record.labels} == {"1.png": 16, "2.png": 16}
    (figure,) = record.judgements
    assert (figure.source, figure.n, figure.units, figure.unit) == ("own", 32, 2, "slide")
    assert (figure.after.value or 0) >= (figure.before.value or 0) + 0.15
    assert (record.kept.after.value or 0) >= (
        record.kept.before.value or 0
    ) - 0.2  # darker stroma looks like their tumour
    new = write_slide("3.png", CODES, shift=STAIN, seed=9)
    found = gastropath.load(adapted.folder).predict([np.asarray(tile) for tile in cut(new)])
    assert np.mean(np.array(found.labels) == np.array(CODES)) > 0.7


def cut(slide: Path) -> list[np.ndarray]:
    from PIL import Image

    pixels = np.asarray(Image.open(slide))
    return [pixels[y : y + SIDE, x : x + SIDE] for y in range(0, 4 * SIDE, SIDE) for x in range(0, 4 * SIDE, SIDE)]


def test_the_new_model_is_a_bundle_like_any_other(adapted):
    found = examine(adapted.folder)
    assert found.as_recorded
    assert found.classifier.card.calibration.n > 0
    assert found.classifier.ood is not None
    assert found.classifier.ood.labels is not None
    assert not (adapted.folder / "bestmodel.keras").exists()
    assert "Adapted to its user's labels" in (adapted.folder / "README.md").read_text()
    assert "Adapted to its user" in adapted.report.read_text()


@pytest.mark.browser
def test_its_report_fits_every_width_and_axe_finds_nothing(adapted, chromium):
    assert not of_a_file(chromium, adapted.report)


def test_a_class_is_added_by_name_and_has_a_map(small_model, write_slide, tmp_path):
    codes = tuple("MUC" if code == "TUM" else code for code in CODES)
    slides = [write_slide(f"{number}.png", codes, seed=number) for number in (1, 2)]
    table = labels_of(slides, tmp_path / "l.csv", codes)
    with pytest.raises(CannotReadTable, match=r"labels? of class 'MUC', which the model has not.*LYM,STR,TUM,MUC"):
        gastropath.adapt(small_model, tmp_path / "ours", labels=table, mpp=0.5)
    classes = ["LYM", "STR", "TUM", "MUC"]
    found = gastropath.adapt(small_model, tmp_path / "ours", labels=table, classes=classes, mpp=0.5)
    assert found.adaptation.added == ("MUC",)
    answers = gastropath.load(found.folder).predict(cut(slides[0]), maps=True)
    assert answers.maps is not None
    assert answers.maps.shape[-1] == 4
    assert np.mean(np.array(answers.labels) == np.array(codes)) > 0.9


def test_tiles_to_check_are_never_learned_and_give_the_figure(small_model, two_slides, write_slide, tmp_path):
    """Labels to check that are all wrong: a model that had learned them would answer as they say."""
    third = write_slide("3.png", CODES, shift=STAIN, seed=3)
    wrong = tuple({"LYM": "STR", "STR": "TUM", "TUM": "LYM"}[code] for code in CODES)
    tables = [labels_of(two_slides, tmp_path / "own.csv"), labels_of([third], tmp_path / "c.csv", wrong, "check")]
    found = gastropath.adapt(small_model, tmp_path / "ours", labels=tables, mpp=0.5)
    assert found.adaptation.headline is not None
    assert found.adaptation.headline.source == "check"
    assert (found.adaptation.headline.after.value or 0) < 0.2
    plain = gastropath.adapt(small_model, tmp_path / "plain", labels=tables[0], mpp=0.5)
    one, other = (gastropath.load(model.folder).predict(cut(third)).probabilities for model in (found, plain))
    np.testing.assert_allclose(one, other, atol=0.2)  # the same head; other tiles were calibrated on


def test_the_tiles_it_learned_from_do_not_judge_it(adapted, two_slides, write_slide, tmp_path):
    with pytest.raises(NoTilesFound, match="learned from all 32 labelled tiles"):
        gastropath.evaluate(model=adapted.folder, labels=tmp_path / "l.csv", mpp=0.5, checks="none")
    shifted = tmp_path / "shifted.csv"  # the same places, a few pixels aside
    shifted.write_text((tmp_path / "l.csv").read_text().replace(",0,64,64", ",9,64,64"))
    third = labels_of([write_slide("3.png", CODES, shift=STAIN, seed=3)], tmp_path / "third.csv")
    found = gastropath.evaluate(
        model=adapted.folder, labels=[shifted, third], mpp=0.5, checks="none", out=tmp_path / "judged"
    )
    assert found.metrics.n == 16
    assert any("32 labelled tiles left out" in line for line in found.metrics.warnings)
    assert set(found.assessment.index.groups) == {"3.png"}
    shares = (tmp_path / "judged" / "shares.csv").read_text().splitlines()
    assert shares[1].startswith("3.png,LYM,5,0.3125,")


def test_labels_on_one_slide_are_judged_by_blocks_and_that_is_said(small_model, two_slides, tmp_path):
    table = labels_of(two_slides[:1], tmp_path / "l.csv")
    found = gastropath.adapt(small_model, tmp_path / "ours", labels=table, mpp=0.5)
    readme = (found.folder / "README.md").read_text()
    assert "not known" in readme or "All labels are of one slide" in readme


def test_tiles_in_folders_teach_as_well(small_model, two_slides, tmp_path):
    from PIL import Image

    for slide in two_slides:
        for place, (code, tile) in enumerate(zip(CODES, cut(slide), strict=True)):
            (tmp_path / "tiles" / code).mkdir(parents=True, exist_ok=True)
            Image.fromarray(tile).save(tmp_path / "tiles" / code / f"{slide.stem}_{place}.png")
    found = gastropath.adapt(small_model, tmp_path / "ours", tiles=tmp_path / "tiles")
    assert found.adaptation.judgements[0].unit == "group"
    with pytest.raises(NoTilesFound):
        gastropath.evaluate(tmp_path / "tiles", found.folder, checks="none")


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (("LYM",) * 16, "16 labels of 1 class to learn from; label at least four tiles"),
        (("LYM", "STR"), "2 labels of 2 classes to learn from"),
    ],
)
def test_too_few_labels_are_refused_in_a_line(codes: tuple[str, ...], message: str, small_model, two_slides, tmp_path):
    table = labels_of(two_slides[:1], tmp_path / "l.csv", codes)
    with pytest.raises(TooFewTiles, match=message):
        gastropath.adapt(small_model, tmp_path / "ours", labels=table, mpp=0.5)
    assert not (tmp_path / "ours").exists()


def test_a_label_off_its_slide_is_refused(small_model, two_slides, tmp_path):
    (tmp_path / "l.csv").write_text("slide,x_px,y_px,width_px,height_px,label\n1.png,9000,0,64,64,TUM")
    with pytest.raises(CannotReadTable, match="TUM at x 9,000, y 0 lies off the slide of 256 x 256 pixels"):
        gastropath.adapt(small_model, tmp_path / "ours", labels=tmp_path / "l.csv", mpp=0.5)


def test_a_model_without_labelled_features_says_so(small_model, two_slides, tmp_path):
    from gastropath.bundle.files import REFERENCES, open_bundle, write_bundle

    bundle = open_bundle(small_model)
    with np.load(bundle.references) as stored:
        np.savez(tmp_path / "old.npz", features=stored["features"])
    files = {"model.tflite": bundle.graph, REFERENCES: tmp_path / "old.npz"}
    write_bundle(tmp_path / "older", bundle.card, files)
    with pytest.raises(BadBundle, match="holds no labelled features of the tiles it learned from"):
        gastropath.adapt(tmp_path / "older", tmp_path / "ours", labels=labels_of(two_slides, tmp_path / "l.csv"))


def test_nothing_to_learn_from_and_an_existing_folder_are_refused(small_model, two_slides, tmp_path):
    with pytest.raises(UnknownSetting, match="nothing to learn from"):
        gastropath.adapt(small_model, tmp_path / "ours")
    with pytest.raises(UnknownSetting, match="1 file of annotations for 0 slides"):
        gastropath.adapt(small_model, tmp_path / "ours", annotations=tmp_path / "a.geojson")
    shutil.copytree(small_model, tmp_path / "ours")
    with pytest.raises(OutputExists):
        gastropath.adapt(small_model, tmp_path / "ours", labels=labels_of(two_slides, tmp_path / "l.csv"), mpp=0.5)


def test_the_command_prints_what_was_learned(small_model, two_slides, tmp_path):
    table = labels_of(two_slides, tmp_path / "l.csv")
    command = [sys.executable, "-m", "gastropath", "adapt", "--model", small_model, "--labels", table, "--mpp", "0.5"]
    done = subprocess.run([*command, "--out", tmp_path / "ours", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sources"] == {"own": 32}
    loaded = (
        "import sys; import gastropath.workflows.adapt, gastropath.teach.adapted; print('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "False\n"
