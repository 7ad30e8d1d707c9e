import csv
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import gastropath
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.errors import UnknownSetting
from gastropath.inference.classifier import Classifier
from gastropath.inference.explain import explanations, heat, overlay


@pytest.fixture(scope="module")
def model() -> Classifier:
    return gastropath.load()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(3)
    for code in ("TUM", "STR", "LYM"):
        tile = draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False))
        for place in ("a", "b"):
            (folder / place).mkdir(exist_ok=True)
            Image.fromarray(tile).save(folder / place / f"{code}.png")
    (folder / "a" / "broken.png").write_bytes(b"no picture")
    return folder


def test_heat_keeps_the_place_of_the_evidence_and_is_at_most_one():
    activation = np.full((7, 7), -1.0, np.float32)
    activation[1, 5] = 3.0
    spread = heat(activation, 224)
    assert spread.shape == (224, 224)
    assert (spread.min(), spread.max()) == (0, pytest.approx(1, abs=0.05))
    assert np.unravel_index(spread.argmax(), spread.shape) == pytest.approx((48, 176), abs=2)
    assert spread[100:, :100].max() == 0


def test_where_nothing_speaks_for_a_class_nothing_is_shown():
    tile = np.full((32, 32, 3), 120, np.uint8)
    np.testing.assert_array_equal(overlay(tile, heat(np.full((7, 7), -2.0), 32)), tile)


def test_more_evidence_is_brighter_on_any_tile():
    evidence = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(64, axis=0)
    shown = overlay(np.zeros((64, 64, 3), np.uint8), evidence).astype(int).sum(axis=2)[0]
    assert (np.diff(shown[8:]) >= 0).all()


def test_the_map_is_the_one_of_the_class_asked_for_and_answers_are_those_of_predict(model, files):
    paths = sorted(files.glob("*/*.png"))
    told = list(explanations(model, paths))
    plain = model.predict(paths)
    assert [one.answer for one in told] == list(plain)
    for one in told:
        if one.pixels is None:
            assert one.source == files / "a" / "broken.png"
            continue
        assert one.code == one.answer.label
        maps = model.graph.run(one.pixels[None])["cam"][0]
        np.testing.assert_array_equal(one.heat, heat(maps[..., model.classes.index(one.code)], 224))
    other = next(explanations(model, paths[:1], code="MUC"))
    assert other.code == "MUC"
    assert (other.heat != told[0].heat).any()


def test_a_class_that_the_model_does_not_have_is_refused(model, files):
    with pytest.raises(UnknownSetting, match="did you mean 'TUM'"):
        next(explanations(model, [files / "a" / "TUM.png"], code="TUMOR"))


def test_the_command_writes_an_overlay_an_image_and_refuses_what_it_cannot_read(files, tmp_path):
    command = [sys.executable, "-m", "gastropath", "explain", files, "--out", tmp_path / "out"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "broken.png" in done.stderr
    with (tmp_path / "out" / "explanations.csv").open() as file:
        rows = list(csv.DictReader(file))
    overlays = [row["overlay"] for row in rows if row["overlay"]]
    assert len(overlays) == len(set(overlays)) == 6
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*overlays, "explanations.csv"}
    for row in rows:
        if row["overlay"]:
            assert row["explained_label"] == row["predicted_label"]
            with Image.open(tmp_path / "out" / row["overlay"]) as image:
                assert image.size == (224, 224)
