"""The model that comes with GastroPath."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import gastropath
from gastropath.bundle.files import open_bundle, starter
from gastropath.inference.classifier import Classifier

EIGHT = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")


@pytest.fixture(scope="module")
def model() -> Classifier:
    return gastropath.load()


def flat(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    return [np.full((224, 224, 3), rng.integers(0, 256, 3), np.uint8) for _ in range(n)]


def glass(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """What a scanner sees beside the tissue: nearly white, a little uneven, a little noise."""
    found = []
    for _ in range(n):
        shade = rng.integers(222, 252) + rng.integers(-4, 5, 3) + np.linspace(0, rng.uniform(-6, 6), 224)[:, None, None]
        grain = rng.normal(0, rng.uniform(0.3, 2.5), (224, 224, 1)) + rng.normal(0, 0.7, (224, 224, 3))
        found.append(np.clip(shade + grain, 0, 255).astype(np.uint8))
    return found


def noise(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    return [
        np.clip(rng.normal(rng.uniform(40, 215), rng.uniform(8, 90), (224, 224, 3)), 0, 255).astype(np.uint8)
        for _ in range(n)
    ]


def text(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    found = []
    for _ in range(n):
        page = Image.new("RGB", (224, 224), tuple(int(v) for v in rng.integers(225, 256, 3)))
        pen, size = ImageDraw.Draw(page), int(rng.integers(9, 26))
        for y in range(4, 220, size + 5):
            words = "".join(rng.choice(list("abcdefghij klmno pqrst uvwxyz"), 40))
            pen.text((4, y), words, fill=(20, 20, 30), font=ImageFont.load_default(size))
        found.append(np.asarray(page))
    return found


def photographs(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    datasets = pytest.importorskip("sklearn.datasets")
    found = []
    for i in range(n):
        picture = datasets.load_sample_images().images[i % 2]
        top, left = rng.integers(0, picture.shape[0] - 224), rng.integers(0, picture.shape[1] - 224)
        found.append(picture[top : top + 224, left : left + 224])
    return found


@pytest.mark.parametrize("draw", [flat, glass, noise, text, photographs])
def test_what_is_no_tissue_is_never_named(model, draw, rng):
    answers = model.predict(draw(rng, 24))
    assert answers.decisions == ["abstained"] * 24


def test_it_fits_in_eight_megabytes_and_says_what_it_is():
    bundle = open_bundle(starter())
    assert sum(file.stat().st_size for file in bundle.folder.iterdir()) <= 8_000_000
    card = bundle.card
    assert card.codes == EIGHT
    assert card.training_data.licence == "CC BY 4.0"
    assert not card.training_data.synthetic
    for source in ("10.6084/m9.figshare.25954813", "10.5281/zenodo.1214456", "10.5281/zenodo.53169"):
        assert source in card.training_data.name
    assert card.metrics is not None
    assert card.metrics["part"] == "out-of-fold"
    assert set(card.metrics["by_source"]) == {
        "HMU-GC-HE-30K", "CRC-VAL-HE-7K", "NCT-CRC-HE-100K", "Kather texture 2016"
    }  # fmt: skip
    assert "not a classifier to rely on" in (bundle.folder / "README.md").read_text()


def test_predict_uses_it_where_no_model_is_named_and_needs_no_training_software(tmp_path, synthetic_tiles):
    code = (
        "import sys\nfrom gastropath.cli.main import main\ntry: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    tile = next(synthetic_tiles.glob("TUM/*.png"))
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", str(tile), "--json"], capture_output=True, text=True, check=True
    )
    document = json.loads(done.stdout)
    assert document["model"] == "GastroPath starter"
    assert document["predictions"][0]["decision"] in {"accepted", "abstained"}


@pytest.mark.real
def test_it_knows_most_of_the_tiles_it_learned_from(model, real_tiles):
    from gastropath.data.index import find_tiles

    index = find_tiles([real_tiles], EIGHT)
    answers = model.predict_files(list(index.files()))
    assert (np.array(answers.labels) == np.array(index.labels)).mean() > 0.85
    assert np.mean(["unlike" in doubt for doubt in answers.doubts]) < 0.05


@pytest.mark.real
def test_empty_slide_is_not_named(model, real_tiles):
    from gastropath.data.index import find_tiles

    index = find_tiles([real_tiles], ["BACK"])
    answers = model.predict_files(list(index.files()))
    assert set(answers.decisions) == {"abstained"}
