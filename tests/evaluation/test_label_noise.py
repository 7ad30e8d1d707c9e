"""Wrong labels are found, looked at, and changed only where that is allowed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gastropath.bundle.files import open_bundle
from gastropath.data.index import TileIndex
from gastropath.data.review import REVIEW_COLUMNS, read_review
from gastropath.data.split.split import Split
from gastropath.evaluation.assessment import assess_out_of_fold
from gastropath.evaluation.gallery import suspected_labels
from gastropath.evaluation.label_noise import suspected_errors, write_suspects
from gastropath.report.parts import Text
from gastropath.results.prediction import Refusal
from gastropath.results.predictions import Predictions


@pytest.fixture
def planted(finished_run, tmp_path: Path):
    """Out-of-fold answers of a good model for 400 tiles, thirty of which have a wrong label."""
    card = open_bundle(finished_run / "model").card
    rng, n = np.random.default_rng(5), 400
    true = rng.integers(0, len(card.codes), n)
    logits = rng.normal(0, 1, (n, len(card.codes)))
    logits[np.arange(n), true] += 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.choice(n, 30, replace=False)
    labelled = true.copy()
    labelled[wrong] = (true[wrong] + rng.integers(1, len(card.codes), 30)) % len(card.codes)
    index = TileIndex(
        root=tmp_path,
        paths=tuple(f"{i}.png" for i in range(n)),
        labels=tuple(card.codes[i] for i in labelled),
        groups=("",) * n,
    )
    answers = Predictions.of(card.codes, probabilities.astype(np.float32))
    return assess_out_of_fold(card, index, answers), {f"{i}.png": card.codes[true[i]] for i in wrong}


def test_planted_label_errors_come_first_with_the_right_label(planted):
    assessment, wrong = planted
    suspects = suspected_errors(assessment, split_of(assessment))
    first = suspects[: len(wrong)]
    assert np.mean([suspect.path in wrong for suspect in first]) > 0.9
    assert np.mean([wrong.get(suspect.path) == suspect.suggested for suspect in first]) > 0.85
    assert [suspect.quality for suspect in suspects] == sorted(suspect.quality for suspect in suspects)
    assert len(suspects) < 60


def test_a_class_without_tiles_does_no_harm(planted):
    assessment, _ = planted
    rows = [i for i, label in enumerate(assessment.index.labels) if label != "ADI"]
    card = open_bundle_card(assessment)
    some = assess_out_of_fold(card, assessment.index.take(rows), assessment.predictions[rows])
    assert {suspect.label for suspect in suspected_errors(some, split_of(assessment))} <= set(card.codes) - {"ADI"}


def split_of(assessment) -> Split:
    parts = tuple(("train", "val", "test")[i % 3] for i in range(len(assessment.index)))
    return Split(assessment.index, parts, "random", 0)


def open_bundle_card(assessment):
    from gastropath.results.card import Card, CardClass, CardInput, TrainingData

    classes = tuple(CardClass(code=code, name=code, color="#000000") for code in assessment.predictions.classes)
    data = TrainingData(name="", n_tiles=0, licence="", sha256="", synthetic=False)
    return Card(
        name="card", created="", classes=classes, input=CardInput(tile_px=224, mpp=0.5), precision="float32",
        training_data=data, files={}, versions={},
    )  # fmt: skip


def test_the_table_is_ready_to_be_filled_in_and_read_back(planted, tmp_path):
    assessment, _ = planted
    table = tmp_path / "label_issues.csv"
    write_suspects(suspected_errors(assessment, split_of(assessment)), table)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == REVIEW_COLUMNS
    assert all(row["part"] == ("train", "val", "test")[int(row["path"].removesuffix(".png")) % 3] for row in rows)
    assert {row["decision"] for row in rows} == {""}
    assert read_review(table, assessment.index).decisions == {}
    rows[0]["decision"], rows[1]["decision"], rows[2]["decision"] = "drop", rows[1]["suggested_label"], "keep"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    review = read_review(table, assessment.index)
    assert review.decisions == {rows[0]["path"]: "drop", rows[1]["path"]: rows[1]["suggested_label"]}


def test_the_page_counts_the_suspects_and_passes_over_tiles_that_are_gone(planted):
    assessment, _ = planted
    suspects = suspected_errors(assessment, split_of(assessment))
    parts = suspected_labels(suspects, 400)
    assert isinstance(parts[0], Text)
    assert f"doubts {len(suspects)} of 400 labels" in parts[0].text
    assert len(parts) == 1  # none of the files exists


def test_refused_tiles_are_no_suspects(planted):
    assessment, _ = planted
    answers = assessment.predictions
    refusals = (Refusal("empty", "is empty"),) * 5 + (None,) * (len(answers) - 5)
    probabilities = answers.probabilities.copy()
    probabilities[:5] = np.nan
    card = open_bundle_card(assessment)
    some = assess_out_of_fold(card, assessment.index, replace(answers, refusals=refusals, probabilities=probabilities))
    assert not {f"{i}.png" for i in range(5)} & {
        suspect.path for suspect in suspected_errors(some, split_of(assessment))
    }
