"""The statistics are for anybody's predictions: a table is enough."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import gastropath
from gastropath import formulas
from gastropath.errors import CannotReadTable, OutputExists, UnknownSetting
from gastropath.evaluation.ranks import auroc
from gastropath.results.metrics import Metrics

CLASSES = ("LYM", "STR", "TUM")
N = 300

Rows = list[dict[str, object]]


@pytest.fixture
def rows(rng) -> Rows:
    """Predictions of a model that is right more often than not, in 30 groups of ten images."""
    made: Rows = []
    for i in range(N):
        true = int(rng.integers(3))
        odds = np.round(rng.dirichlet(np.where(np.arange(3) == true, 4.0, 1.0)), 4)
        odds[0] = 1 - odds[1] - odds[2]
        made.append(
            {
                "path": f"{i}.png",
                "true_label": CLASSES[true],
                "predicted_label": CLASSES[int(odds.argmax())],
                "group": f"P{i // 10}",
                **{f"prob_{code}": f"{p:.4f}" for code, p in zip(CLASSES, odds, strict=True)},
            }
        )
    return made


@pytest.fixture
def table(tmp_path) -> Callable[..., Path]:
    """Write rows, or only some of their columns, and return the file."""

    def write(rows: Sequence[Mapping[str, object]], columns: Sequence[str] | None = None) -> Path:
        with (tmp_path / "theirs.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns or list(rows[0]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / "theirs.csv"

    return write


def test_the_figures_are_those_of_the_formulas(rows, table):
    metrics = gastropath.evaluate_predictions(table(rows)).metrics
    true = np.array([CLASSES.index(str(row["true_label"])) for row in rows])
    probabilities = np.array([[float(str(row[f"prob_{code}"])) for code in CLASSES] for row in rows])
    matrix = formulas.confusion_matrix(true, probabilities.argmax(axis=1), 3)
    assert metrics.confusion_matrix == tuple(map(tuple, matrix.tolist()))
    assert metrics.accuracy.value == pytest.approx(float(formulas.accuracy(matrix)))
    assert metrics.per_class["TUM"].auroc.value == pytest.approx(auroc(true == 2, probabilities[:, 2]), abs=1e-3)
    error = formulas.calibration_error(formulas.reliability(true, probabilities))
    assert metrics.calibration.before.ece.value == pytest.approx(error, abs=1e-3)
    assert metrics.calibration.before.ece_by_chance.value is not None
    assert metrics.abstention.aurc.value is not None
    assert (metrics.n, metrics.groups, metrics.resampled, metrics.part) == (N, 30, "groups", "all")


def test_what_needs_the_model_has_no_value_and_the_document_is_sound(rows, table, tmp_path):
    found = gastropath.evaluate_predictions(table(rows), tmp_path / "judged")
    assert found.report is not None
    assert found.report.is_file()
    written = tmp_path / "judged" / "metrics.json"
    assert Metrics.parse(written.read_bytes(), written) == found.metrics
    metrics = found.metrics
    assert metrics.robustness is metrics.explanations is metrics.data is metrics.shortcut_baseline.macro_f1 is None
    assert metrics.domain.threshold is metrics.abstention.threshold is metrics.remembered is None


def test_labels_alone_are_enough_for_all_that_follows_from_labels(rows, table, tmp_path):
    with_odds = gastropath.evaluate_predictions(table(rows)).metrics
    found = gastropath.evaluate_predictions(
        table(rows, ("true_label", "predicted_label", "group")), tmp_path / "judged"
    )
    metrics = found.metrics
    assert metrics.accuracy == with_odds.accuracy
    assert metrics.macro_f1 == with_odds.macro_f1
    assert metrics.confusion_matrix == with_odds.confusion_matrix
    for nothing in (metrics.per_class["TUM"].auroc, metrics.calibration.before.ece, metrics.abstention.aurc):
        assert nothing.value is None
    assert not list((tmp_path / "judged" / "figures").glob("reliability*"))


def test_probabilities_alone_are_enough(rows, table):
    alone = gastropath.evaluate_predictions(table(rows, ("true_label", "group", *(f"prob_{c}" for c in CLASSES))))
    assert alone.metrics.accuracy == gastropath.evaluate_predictions(table(rows)).metrics.accuracy


def test_decisions_give_coverage_and_selective_accuracy(rows, table):
    for i, row in enumerate(rows):
        row["decision"] = "abstained" if i % 3 == 0 else "refused" if i == 1 else "accepted"
    metrics = gastropath.evaluate_predictions(table(rows)).metrics
    assert (metrics.n, metrics.refused) == (N - 1, 1)
    assert metrics.abstention.coverage.value == pytest.approx(1 - 100 / (N - 1))
    kept = [row for row in rows if row["decision"] == "accepted"]
    right = sum(row["true_label"] == row["predicted_label"] for row in kept) / len(kept)
    assert metrics.abstention.selective_accuracy.value == pytest.approx(right)


def test_rows_of_other_classes_are_left_out_and_told(rows, table):
    rows[0]["true_label"] = rows[1]["true_label"] = "FAT"
    metrics = gastropath.evaluate_predictions(table(rows)).metrics
    assert metrics.n == N - 2
    assert any("2 rows have a true label" in told and "FAT" in told for told in metrics.warnings)


def test_of_several_parts_one_must_be_chosen(rows, table):
    for i, row in enumerate(rows):
        row["part"] = "train" if i < 200 else "test"
    with pytest.raises(UnknownSetting, match="say which part is to be judged"):
        gastropath.evaluate_predictions(table(rows))
    metrics = gastropath.evaluate_predictions(table(rows), part="test").metrics
    assert (metrics.n, metrics.part) == (100, "test")
    with pytest.raises(UnknownSetting, match="no part 'tets'; did you mean 'test'"):
        gastropath.evaluate_predictions(table(rows), part="tets")


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"prob_TUM": "0.9"}, "line 4: expected probabilities from 0 to 1 that add up to 1"),
        ({"prob_TUM": "nan"}, "line 4: expected probabilities"),
        ({"prob_TUM": "much"}, "line 4: expected probabilities"),
        ({"predicted_label": "STR"}, "line 4: predicted_label is not the class"),
        ({"predicted_label": "TMU"}, "did you mean 'TUM'"),
        ({"decision": "acepted"}, "line 4: decision is 'acepted'; did you mean 'accepted'"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_is_refused_with_its_row(rows, table, cells, told):
    for row in rows:
        row["decision"] = "accepted"
    rows[2] |= {"prob_LYM": "0.2", "prob_STR": "0.2", "prob_TUM": "0.6", "predicted_label": "TUM", **cells}
    with pytest.raises(CannotReadTable, match=r"theirs\.csv") as error:
        gastropath.evaluate_predictions(table(rows))
    assert told in str(error.value)


@pytest.mark.parametrize("columns", [("path", "predicted_label"), ("true_label", "path")])
def test_a_table_without_labels_is_refused(rows, table, columns):
    with pytest.raises(CannotReadTable, match=r"has no column 'true_label'|has neither a column 'predicted_label'"):
        gastropath.evaluate_predictions(table(rows, columns))


def test_an_earlier_evaluation_is_kept_unless_asked(rows, table, tmp_path):
    gastropath.evaluate_predictions(table(rows), tmp_path / "judged")
    with pytest.raises(OutputExists):
        gastropath.evaluate_predictions(table(rows), tmp_path / "judged")
    gastropath.evaluate_predictions(table(rows), tmp_path / "judged", overwrite=True)


def test_gastropaths_own_table_gives_what_its_evaluation_gave(finished_run):
    own = Metrics.parse((finished_run / "metrics.json").read_bytes(), "metrics.json")
    again = gastropath.evaluate_predictions(finished_run / "predictions.csv", part="test").metrics
    assert again.accuracy == own.accuracy
    assert again.macro_f1 == own.macro_f1
    assert again.confusion_matrix == own.confusion_matrix
    assert again.abstention.coverage == own.abstention.coverage
    given = own.calibration.after or own.calibration.before
    assert again.calibration.before.ece.value == pytest.approx(given.ece.value, abs=1e-4)


def test_two_tables_of_the_same_images_are_compared(rows, table, tmp_path):
    gastropath.evaluate_predictions(table(rows), tmp_path / "first")
    for row in rows[:60]:
        row["predicted_label"] = "TUM"
    labels = ("path", "true_label", "predicted_label", "group")
    gastropath.evaluate_predictions(table(rows, labels), tmp_path / "second")
    found = gastropath.compare([tmp_path / "first", tmp_path / "second"])
    assert found.folder is None
    assert found.comparison.n == N
    assert found.comparison.differences[0].accuracy.is_below_zero
