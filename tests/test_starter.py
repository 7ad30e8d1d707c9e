"""The model that comes with GastroPath."""

import json
import subprocess
import sys

import numpy as np
import pytest

import gastropath
from gastropath.bundle.files import open_bundle, starter
from gastropath.data.synthetic.no_tissue import NO_TISSUE
from gastropath.inference.classifier import Classifier

EIGHT = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")


@pytest.fixture(scope="module")
def model() -> Classifier:
    return gastropath.load()


def photograph(rng: np.random.Generator) -> np.ndarray:
    datasets = pytest.importorskip("sklearn.datasets")
    picture = datasets.load_sample_images().images[rng.integers(2)]
    top, left = rng.integers(0, picture.shape[0] - 224), rng.integers(0, picture.shape[1] - 224)
    return picture[top : top + 224, left : left + 224]


@pytest.mark.parametrize("kind", [*NO_TISSUE, "photographs"])
def test_what_is_no_tissue_is_never_named(model, kind, rng):
    draw = NO_TISSUE.get(kind, photograph)
    answers = model.predict([draw(rng) for _ in range(24)])
    assert answers.is_abstained.all()


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
    assert card.metrics.part == "out-of-fold"
    assert card.metrics.n == 216
    assert len(card.metrics.by_source) == 7
    assert all(source.startswith("HMU-GC-HE-30K, ") for source in card.metrics.by_source)
    assert "not a classifier to rely on" in (bundle.folder / "README.md").read_text()


def test_it_abstains_until_four_fifths_of_its_answers_to_gastric_tiles_of_other_sources_are_right():
    card = open_bundle(starter()).card
    assert card.metrics is not None
    assert card.abstention is not None
    found = card.metrics.abstention
    assert found.selective_accuracy.numbers[0] >= card.abstention.target_value == 0.8
    assert found.coverage.numbers[0] >= 0.2
    assert card.abstention.state == "not_shown"  # seven sources show nothing for sure
    assert found.unlike_training <= 0.1
    assert set(found.per_class) == set(EIGHT)
    assert all((share.unlike_training or 0) <= 0.15 for share in found.per_class.values())


def test_it_keeps_labelled_references_of_all_its_tiles_and_no_picture(model):
    folder = open_bundle(starter()).folder
    assert {file.name for file in folder.iterdir()} == {"README.md", "card.json", "model.tflite", "references.npz"}
    assert model.ood is not None
    assert model.ood.features.ndim == 2
    assert len(model.ood.labels) == len(model.ood.features) == model.card.training_data.n_tiles
    assert set(model.ood.labels.tolist()) == set(range(len(EIGHT)))


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
    answers = model.predict(list(index.files()))
    assert (np.array(answers.labels) == np.array(index.labels)).mean() > 0.85
    assert answers.is_out_of_distribution.mean() < 0.05


@pytest.mark.real
def test_empty_slide_is_not_named(model, real_tiles):
    from gastropath.data.index import find_tiles

    index = find_tiles([real_tiles], ["BACK"])
    answers = model.predict(list(index.files()))
    assert set(answers.decisions) == {"abstained"}
