import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

import gastropath
from gastropath.data.audit.audit import audit_tiles, with_pixels
from gastropath.data.index import find_tiles
from gastropath.data.learned import OLDER_RUN, Learned, learned_tiles
from gastropath.data.split.division import make_split
from gastropath.data.split.split import Split, read_split, split_of_run
from gastropath.errors import CannotReadTable, NoTilesFound
from gastropath.evaluation.assessment import Assessment, assess
from gastropath.evaluation.caveats import LEARNED_FROM, caveats
from gastropath.evaluation.confusions import ConfusedPair, confused_pairs, misclassified
from gastropath.evaluation.report import report
from gastropath.inference.classifier import Classifier
from gastropath.report.notices import SYNTHETIC_MODEL
from gastropath.results.metrics import Metrics


@pytest.fixture(scope="module")
def classifier(finished_run) -> Classifier:
    return Classifier.load(finished_run)


@pytest.fixture(scope="module")
def judged(classifier, finished_run, synthetic_tiles) -> Assessment:
    index = find_tiles([synthetic_tiles])
    return assess(classifier, index, split_of_run(finished_run, index))


def _predictions(run, part="test"):
    with (run / "predictions.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["part"] == part]


def test_the_figures_are_those_scikit_learn_computes_from_predictions_csv(finished_run):
    metrics = Metrics.model_validate_json((finished_run / "metrics.json").read_text())
    rows = _predictions(finished_run)
    true, predicted = [row["true_label"] for row in rows], [row["predicted_label"] for row in rows]
    labels = list(metrics.classes)
    assert metrics.n == len(rows)
    assert metrics.accuracy.value == pytest.approx(sk.accuracy_score(true, predicted))
    assert metrics.balanced_accuracy.value == pytest.approx(sk.balanced_accuracy_score(true, predicted))
    report = sk.classification_report(true, predicted, labels=labels, output_dict=True, zero_division=0.0)  # pyright: ignore[reportArgumentType]  # a number is what scikit-learn documents
    assert isinstance(report, dict)
    assert metrics.macro_f1.value == pytest.approx(report["macro avg"]["f1-score"])
    assert metrics.macro_precision.value == pytest.approx(report["macro avg"]["precision"])
    assert metrics.macro_recall.value == pytest.approx(report["macro avg"]["recall"])
    for code in labels:
        figures = metrics.per_class[code]
        assert figures.support == report[code]["support"]
        assert figures.recall.value == pytest.approx(report[code]["recall"])
        assert figures.f1.value == pytest.approx(report[code]["f1-score"])
        scores = [float(row[f"prob_{code}"]) for row in rows]
        area = sk.roc_auc_score([label == code for label in true], scores)
        assert figures.auroc.value == pytest.approx(area, abs=0.02)  # six decimals in the table make ties
    np.testing.assert_array_equal(metrics.confusion_matrix, sk.confusion_matrix(true, predicted, labels=labels))


def test_accuracy_is_given_for_all_three_parts(finished_run):
    metrics = Metrics.model_validate_json((finished_run / "metrics.json").read_text())
    for part, figure in (("train", metrics.train_accuracy), ("val", metrics.val_accuracy), ("test", metrics.accuracy)):
        rows = _predictions(finished_run, part)
        assert figure is not None
        assert figure.value == pytest.approx(np.mean([row["true_label"] == row["predicted_label"] for row in rows]))


def test_the_card_of_the_run_is_sealed_with_the_same_figures(finished_run, classifier):
    file = finished_run / "metrics.json"
    assert Metrics.parse(file.read_bytes(), file) == classifier.card.metrics


def test_every_interval_holds_its_value(judged):
    document = judged.metrics
    figures = [document.accuracy, document.macro_f1, *(f.recall for f in document.per_class.values())]
    for figure in figures:
        assert figure.low is not None
        assert figure.low <= figure.value <= figure.high


def test_a_run_is_judged_on_tiles_it_did_not_learn_from_and_that_is_known(finished_run):
    metrics = Metrics.model_validate_json((finished_run / "metrics.json").read_text())
    assert metrics.remembered == 0
    report = (finished_run / "report.html").read_text("utf-8")
    assert "none of which the model learned from" in report
    assert LEARNED_FROM not in report


def test_tiles_the_model_learned_from_are_told_on_top(elsewhere, finished_run):
    learned = learned_tiles(finished_run / "model")
    assert learned == learned_tiles(finished_run)
    assert learned.pixels
    metrics = elsewhere.metrics
    found = list(caveats(elsewhere.tiles, metrics.accuracy, metrics.leakage, remembered=7, other_classes={}))
    (warning,) = (line for line in found if line.startswith(LEARNED_FROM))
    assert "(7 of them" in warning


def test_other_tiles_of_the_same_names_are_not_taken_for_those_learned_from(finished_run, synthetic_tiles, noise_tiles):
    learned = learned_tiles(finished_run).pixels
    assert learned is not None
    own = with_pixels(find_tiles([synthetic_tiles]))
    assert len(learned & set(own.pixels)) == len(learned)
    others = with_pixels(find_tiles([noise_tiles(dict.fromkeys(own.classes, 24))]))
    assert set(own.paths) == set(others.paths)
    assert not learned & set(others.pixels)


def test_a_run_s_own_tiles_are_known_under_other_names(finished_run, synthetic_tiles, tmp_path):
    for number, file in enumerate(sorted(synthetic_tiles.rglob("*.png"))):
        copy = tmp_path / "renamed" / file.parent.name / f"{number * 7919 % 997:03d}.tif"
        copy.parent.mkdir(parents=True, exist_ok=True)
        Image.open(file).save(copy)
    own = with_pixels(find_tiles([synthetic_tiles]))
    renamed = with_pixels(find_tiles([tmp_path / "renamed"]))
    found, as_before = split_of_run(finished_run, renamed), split_of_run(finished_run, own)
    assert found is not None
    assert as_before is not None
    assert (found.method, found.seed, found.sha256()) == (as_before.method, as_before.seed, as_before.sha256())
    assert dict(zip(found.index.pixels, found.parts, strict=True)) == dict(
        zip(as_before.index.pixels, as_before.parts, strict=True)
    )


def test_tiles_replaced_in_place_are_no_longer_the_run_s(finished_run, synthetic_tiles):
    own = with_pixels(find_tiles([synthetic_tiles]))
    turned = replace(own, pixels=own.pixels[::-1])
    assert split_of_run(finished_run, own) is not None
    assert split_of_run(finished_run, turned) is None
    with pytest.raises(CannotReadTable, match=r"is another picture"):
        read_split(finished_run / "split.csv", replace(own, pixels=("0" * 64, *own.pixels[1:])))


def test_a_run_of_an_earlier_version_says_that_it_cannot_tell(finished_run, synthetic_tiles, tmp_path):
    old = tmp_path / "run"
    shutil.copytree(finished_run, old)
    (old / "learned.csv").write_text("path,label,bytes\nTUM/TUM_1.png,TUM,1000\n")
    known = json.loads((old / "split.json").read_text())
    (old / "split.json").write_text(json.dumps({**known, "format_version": 2}))
    card = json.loads((old / "model" / "card.json").read_text())
    card["training_data"]["sha256"] = "0" * 64  # an older fingerprint was of paths
    (old / "model" / "card.json").write_text(json.dumps(card))
    assert learned_tiles(old) == Learned(run_is_older=True)
    index = with_pixels(find_tiles([synthetic_tiles]))
    assert split_of_run(old, index) is None
    found = gastropath.evaluate(synthetic_tiles, old).metrics
    assert (found.part, found.remembered) == ("all", None)
    assert OLDER_RUN in found.warnings


def test_a_split_of_one_s_own_finds_training_tiles_in_its_test_part(classifier, finished_run, synthetic_tiles):
    index = find_tiles([synthetic_tiles])
    run = split_of_run(finished_run, index)
    assert run is not None
    rows = [*run.rows("train")[::12], *run.rows("test")[::3]]
    other = Split(index.take(rows), ("test",) * len(rows), "random", 1)
    assessment = assess(classifier, index, other, learned=learned_tiles(finished_run).pixels)
    metrics = assessment.metrics
    assert metrics.remembered == len(run.rows("train")[::12])
    assert any(warning.startswith(LEARNED_FROM) for warning in metrics.warnings)
    page = report(assessment, classifier)
    assert any(alert.startswith(LEARNED_FROM) for alert in page.alerts)


def test_a_model_of_drawn_tiles_on_real_ones_is_told_as_such(elsewhere, classifier, finished_run):
    assert elsewhere.metrics.synthetic
    tiles = replace(elsewhere.tiles, index=replace(elsewhere.index, synthetic=False))
    real = replace(elsewhere, tiles=tiles)
    page = report(real, classifier)
    assert not page.synthetic
    assert SYNTHETIC_MODEL in page.alerts


@pytest.mark.slow
def test_evaluating_twice_gives_the_same_document(judged, classifier, finished_run, synthetic_tiles):
    index = find_tiles([synthetic_tiles])
    assert assess(classifier, index, split_of_run(finished_run, index)).metrics == judged.metrics


def test_synthetic_data_is_flagged(judged):
    assert judged.metrics.synthetic


def test_few_groups_are_told_in_words(judged):
    assert judged.metrics.resampled == "tiles"
    assert any("patients are unknown" in warning for warning in judged.metrics.warnings)


@pytest.fixture(scope="module")
def elsewhere(classifier, synthetic_tiles, tmp_path_factory) -> Assessment:
    """Judged on a table of other data: 25 groups, some tiles with known µm/px, three tiles of another class."""
    folder, index = tmp_path_factory.mktemp("elsewhere"), find_tiles([synthetic_tiles])
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    table = folder / "grouped.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "mpp"])
        writer.writerows(
            [synthetic_tiles / path, label, i % 25, "0.5" if i < 10 else ""]
            for i, (path, label) in enumerate(zip(index.paths, index.labels, strict=True))
            if label != "MUC"
        )
        writer.writerows([folder / f"{i}.png", "BACK", "", ""] for i in range(3))
    return assess(classifier, find_tiles([table]), None)


def test_with_twenty_groups_whole_groups_are_resampled(elsewhere):
    metrics = elsewhere.metrics
    assert (metrics.resampled, metrics.groups, metrics.part) == ("groups", 25, "all")


def test_other_data_is_judged_whole_and_without_a_colour_baseline(elsewhere):
    metrics = elsewhere.metrics
    assert (metrics.split, metrics.train_accuracy, metrics.shortcut_baseline.macro_f1) == (None, None, None)
    assert metrics.n == 7 * 24


def test_classes_the_model_does_not_have_are_no_part_of_the_accuracy_but_counted_as_unknown(elsewhere):
    metrics, others = elsewhere.metrics, elsewhere.out_of_distribution
    assert any("3 tiles" in warning and "BACK" in warning for warning in metrics.warnings)
    assert metrics.data.other_classes == {"BACK": 3}
    assert metrics.domain.other_classes["BACK"].n == 3
    assert metrics.domain.other_classes["BACK"].false_accept.value == pytest.approx(
        others.predictions.is_accepted.mean()
    )


def test_other_data_is_described(elsewhere):
    data = elsewhere.metrics.data
    assert (data.absent_classes, data.mpp_known, data.guessed) == (("MUC",), 10, 7 * 24 - 10)
    assert data.sizes == {"224 x 224": 7 * 24}
    assert set(data.shifts) == {"brightness", "redness", "saturation", "white share", "sharpness"}


def test_data_without_a_class_of_the_model_is_an_error_that_names_both(classifier, noise_tiles):
    with pytest.raises(NoTilesFound, match=r"cats, dogs.*ADI"):
        assess(classifier, find_tiles([noise_tiles({"cats": 2, "dogs": 2})]), None)


def test_unreadable_tiles_are_counted_and_the_rest_is_judged(classifier, synthetic_tiles, tmp_path):
    folder = tmp_path / "tiles" / "TUM"
    folder.mkdir(parents=True)
    for file in sorted(synthetic_tiles.glob("TUM/*.png"))[:3]:
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "broken.png").write_bytes(b"broken")
    assessment = assess(classifier, find_tiles([tmp_path / "tiles"]), None)
    assert (assessment.metrics.n, assessment.metrics.refused) == (3, 1)
    assert any("could not be read" in warning for warning in assessment.metrics.warnings)


def test_copies_across_parts_are_warned_of(classifier, noise_tiles):
    folder = noise_tiles({"TUM": 12, "STR": 12}, size=224)
    copy = Image.open(folder / "TUM" / "TUM_1.png")
    for n in range(13, 40):
        copy.save(folder / "TUM" / f"TUM_{n}.png")
    index = find_tiles([folder])
    split = make_split(audit_tiles(index), "random")
    metrics = assess(classifier, index, split).metrics
    assert (metrics.leakage.duplicate_pairs_across_parts or 0) > 0
    assert metrics.leakage.warning in metrics.warnings
    assert any("optimistic" in warning for warning in metrics.warnings)


def test_misclassified_tiles_are_sorted_by_confidence_and_are_all_errors(judged):
    errors = misclassified(judged)
    matrix = np.array(judged.metrics.confusion_matrix)
    assert len(errors) == matrix.sum() - np.trace(matrix)
    assert [error.confidence for error in errors] == sorted((e.confidence for e in errors), reverse=True)
    assert all(error.true != error.predicted for error in errors)


def test_confused_pairs_agree_with_the_confusion_matrix(judged):
    classes = judged.metrics.classes
    pairs = confused_pairs(judged)
    assert pairs
    for pair in pairs:
        row, column = classes.index(pair.true), classes.index(pair.predicted)
        assert pair.n == judged.metrics.confusion_matrix[row][column]
        assert pair.reverse == judged.metrics.confusion_matrix[column][row]
        assert pair.sentence().startswith(f"{pair.true} taken for {pair.predicted}: {pair.n} of {pair.total} tiles")


@pytest.mark.parametrize(
    ("reverse", "confidence", "by_colour", "said"),
    [
        (0, 0.9, 5, "never the other way round; it is sure of these errors"),
        (1, 0.6, 0, "leans towards B; it is fairly sure"),
        (12, 0.3, -1, "leans towards A; it hesitates"),
        (5, 0.3, 4, "the two look alike to it; it hesitates"),
    ],
)
def test_the_sentence_on_a_pair_follows_its_numbers(reverse, confidence, by_colour, said):
    sentence = ConfusedPair("A", "B", 6, 20, reverse, confidence, by_colour).sentence()
    assert said in sentence
    assert ("colour alone" in sentence) == (by_colour >= 0)
    assert ("stain or brightness" in sentence) == (by_colour >= 3)
