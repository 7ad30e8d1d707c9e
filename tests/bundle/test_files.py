import json
import shutil

import pytest

from gastropath.bundle import files
from gastropath.bundle.files import GRAPH, open_bundle, seal, write_bundle
from gastropath.errors import BadBundle, OutputExists
from gastropath.results.card import Card, CardClass, CardInput, LabelReview, Property, TrainingData
from gastropath.results.faithfulness import CellCurve, ExplanationChecks, RandomisedMaps
from gastropath.results.interval import Interval
from gastropath.results.metrics import (
    AbstentionMetrics,
    Calibration,
    CalibrationMetrics,
    ClassCoverage,
    ClassMetrics,
    DomainMetrics,
    Leakage,
    Metrics,
    OutOfDistributionMetrics,
    ShortcutBaseline,
    SplitInfo,
)
from gastropath.results.robustness import CorruptionMetrics, Robustness


@pytest.fixture
def card() -> Card:
    return Card(
        name="a model",
        created="2026-01-01",
        classes=(CardClass(code="A", name="first", color="#000000"), CardClass(code="B", name="b", color="#ffffff")),
        input=CardInput(tile_px=224, mpp=0.5),
        precision="float32",
        training_data=TrainingData(name="tiles", n_tiles=3, licence="CC BY 4.0", sha256="0", synthetic=False),
        files={},
        versions={"gastropath": "0"},
    )


@pytest.fixture
def bundle(card, tmp_path):
    graph = tmp_path / "graph"
    graph.write_bytes(b"a graph")
    return write_bundle(tmp_path / "bundle", card, {GRAPH: graph})


def _change(bundle, **changes):
    path = bundle.folder / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_bundle_reads_back_as_written(bundle):
    assert open_bundle(bundle.folder) == bundle


def test_the_bundle_of_a_run_is_found(bundle, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(bundle.folder, run / "model")
    assert open_bundle(run).folder == run / "model"


def test_a_changed_file_is_refused(bundle):
    bundle.graph.write_bytes(b"another")
    with pytest.raises(BadBundle, match="hash differs"):
        open_bundle(bundle.folder)


def test_a_missing_file_is_refused(bundle):
    bundle.graph.unlink()
    with pytest.raises(BadBundle, match="missing"):
        open_bundle(bundle.folder)


def test_a_file_that_the_system_refuses_to_read_is_named(bundle, monkeypatch):
    def refused(file):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(files, "sha256", refused)
    with pytest.raises(BadBundle, match=r"model\.tflite: cannot be read: Permission denied"):
        open_bundle(bundle.folder)


def test_an_unknown_version_is_refused_with_what_to_do(bundle):
    _change(bundle, format_version=99)
    with pytest.raises(BadBundle, match=r"format_version 99.*install the GastroPath that wrote it"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "..", ""])
def test_a_card_that_points_outside_its_folder_is_refused(bundle, name):
    _change(bundle, files={GRAPH: bundle.card.files[GRAPH], name: "0" * 64})
    with pytest.raises(BadBundle, match="plain name"):
        open_bundle(bundle.folder)


def test_an_unknown_key_in_the_card_is_refused(bundle):
    _change(bundle, temprature=2)
    with pytest.raises(BadBundle, match="temprature"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_card_that_is_no_card_is_refused(bundle, text):
    (bundle.folder / "card.json").write_text(text)
    with pytest.raises(BadBundle, match=r"card\.json"):
        open_bundle(bundle.folder)


def test_a_folder_without_a_card_says_what_was_expected(tmp_path):
    with pytest.raises(BadBundle, match=r"no card\.json"):
        open_bundle(tmp_path)
    with pytest.raises(BadBundle, match="no such folder"):
        open_bundle(tmp_path / "nowhere")


def test_an_unfinished_run_says_how_to_finish_it(tmp_path):
    (tmp_path / "recipe.toml").touch()
    with pytest.raises(BadBundle, match="has no model yet; go on with its training"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ["mpp", "accuracy"])
def test_a_card_with_a_number_that_is_not_finite_is_refused_when_opened(bundle, place, number):
    sealed = seal(bundle, _metrics())
    path = sealed.folder / "card.json"
    text = path.read_text()
    old = {"mpp": '"mpp": 0.5', "accuracy": '"value": 0.5'}[place]
    assert old in text
    path.write_text(text.replace(old, f"{old.split(':')[0]}: {number}", 1))
    with pytest.raises(BadBundle, match=r"card\.json.*(finite|number)"):
        open_bundle(bundle.folder)


def test_a_card_with_nonsense_metrics_is_refused_when_opened_not_when_shown(bundle):
    _change(bundle, metrics={"accuracy": {"value": "nonsense"}})
    with pytest.raises(BadBundle, match="metrics"):
        open_bundle(bundle.folder)


def test_settings_that_are_not_finite_are_refused_when_a_card_is_made(card):
    with pytest.raises(ValueError, match="not JSON compliant"):
        Card.model_validate({**card.model_dump(), "recipe": {"zoom": float("nan")}})


def test_a_bundle_is_never_written_over_another(bundle, card):
    with pytest.raises(OutputExists):
        write_bundle(bundle.folder, card, {})


def _metrics() -> Metrics:
    half, nothing = Interval(value=0.5, low=0.25, high=0.75), Interval(value=None)
    worse = Interval(value=-0.1, low=-0.2, high=0.05)
    calibration = CalibrationMetrics(ece=half, ece_by_chance=half, nll=half, brier=half, bins=())
    unknown = OutOfDistributionMetrics(n=30, auroc=half, confidence_auroc=half, false_accept=half)
    covered = ClassCoverage(n=40, coverage=0.75, selective_accuracy=None, low_confidence=0.25, unlike_training=0.0)
    changed = CorruptionMetrics(name="blur", accuracy=half, change=worse, coverage=0.5, selective_accuracy=None)
    curve = CellCurve(share=(0, 1), by_map=(1, 0), by_chance=(1, 0), gain=worse, limit=0.01, passed=False)
    return Metrics(
        part="test",
        n=40,
        groups=0,
        refused=0,
        classes=("A", "B"),
        synthetic=False,
        split=SplitInfo(method="block", seed=0, tiles={"train": 100, "val": 20, "test": 40}, purged={}),
        resampled="tiles",
        parts={"train": 100, "val": 20, "test": 40},
        remembered=0,
        checks="full",
        views=1,
        accuracy=half,
        train_accuracy=None,
        val_accuracy=None,
        balanced_accuracy=half,
        macro_precision=half,
        macro_recall=half,
        macro_f1=half,
        per_class={
            "A": ClassMetrics(precision=half, recall=half, f1=half, auroc=half, support=40),
            "B": ClassMetrics(precision=nothing, recall=nothing, f1=nothing, auroc=nothing, support=0),
        },
        confusion_matrix=((20, 20), (0, 0)),
        calibration=Calibration(before=calibration),
        abstention=AbstentionMetrics(
            threshold=0.5, coverage=half, selective_accuracy=nothing, low_confidence=0.25, unlike_training=0.0,
            per_class={"A": covered}, aurc=half, curve=(),
        ),
        domain=DomainMetrics(
            method=None, threshold=None, unlike_training=0.0, other_classes={"gl|ass": unknown}, pictures={}
        ),
        data=None,
        robustness=Robustness(n=40, accuracy=half, coverage=0.5, selective_accuracy=None, changed=(changed,)),
        explanations=ExplanationChecks(
            n=40, cells=49, deletion=curve, insertion=curve,
            randomised=(RandomisedMaps(what="all layers", correlation=None, silent=1.0, passed=False),),
        ),
        shortcut_baseline=ShortcutBaseline(macro_f1=half),
        leakage=Leakage(duplicate_pairs_across_parts=0),
        warnings=("Beware.",),
    )  # fmt: skip


def test_sealing_writes_the_metrics_into_card_and_readme(bundle):
    assert "not been evaluated" in (bundle.folder / "README.md").read_text()
    sealed = seal(bundle, _metrics())
    assert open_bundle(bundle.folder) == sealed
    assert sealed.card.metrics == _metrics()
    assert any("it still assigned a class to gl|ass (50%)" in limit for limit in sealed.card.limitations)
    readme = (bundle.folder / "README.md").read_text()
    assert "| accuracy, test part | 40 | 0.500 (0.250–0.750) |" in readme.splitlines()
    assert "Beware." in readme
    assert "not been evaluated" not in readme


def test_the_readme_tells_what_a_review_of_labels_changed(card, tmp_path):
    review = LabelReview(dropped=3, relabelled=2, sha256="abc")
    data = card.training_data.model_copy(update={"review": review, "appearance": {"redness": Property(mean=9, sd=2)}})
    bundle = write_bundle(tmp_path / "r", card.model_copy(update={"training_data": data, "recipe": {"views": 8}}), {})
    readme = (bundle.folder / "README.md").read_text()
    assert "3 tiles dropped and 2 relabelled" in readme
    assert "redness 9 (SD 2)" in readme
    assert "| views | 8 |" in readme


def test_the_readme_of_a_synthetic_model_says_so(card, tmp_path):
    data = card.training_data.model_copy(update={"synthetic": True})
    bundle = write_bundle(tmp_path / "s", card.model_copy(update={"training_data": data}), {})
    assert "synthetic" in (bundle.folder / "README.md").read_text()
