"""Labels that differ from the model's in case only, or print like them, are judged as the model's, and that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gastropath.data.audit.audit import with_pixels
from gastropath.data.index import find_tiles
from gastropath.errors import CannotReadTable
from gastropath.evaluation.assessment import assess
from gastropath.evaluation.comparison import Judged, compare
from gastropath.evaluation.predictions_table import assess as judge_table
from gastropath.evaluation.predictions_table import read_answers
from gastropath.inference.classifier import Classifier


def table(folder: Path, text: str) -> Path:
    (folder / "answers.csv").write_text(text, encoding="utf-8")
    return folder / "answers.csv"


def test_external_tiles_labelled_in_small_letters_are_judged_as_the_model_s_classes(synthetic_tiles):
    index = with_pixels(find_tiles([synthetic_tiles])).take(range(0, 192, 16))
    small = replace(index, labels=tuple(label.lower() for label in index.labels))
    metrics = assess(Classifier.load(), small, None).metrics
    assert metrics.n == len(index)
    assert {code: row.support for code, row in metrics.per_class.items()} == index.counts()
    said = [warning for warning in metrics.warnings if "the two differ in case only" in warning]
    assert len(said) == len(index.classes)
    assert any("with the label 'tum' counts as 'TUM': the two differ in case only" in warning for warning in said)


def test_answers_of_a_table_are_joined_with_the_classes_of_its_probabilities(tmp_path):
    rows = ["tum,0.9,0.1,P1", "TUM ,0.8,0.2,p1", "STR,0.1,0.9,P2", "\u0405TR,0.3,0.7,P2"]
    answers = read_answers(table(tmp_path, "true_label,prob_TUM,prob_STR,group\n" + "\n".join(rows) + "\n"))
    assert answers.index.labels == ("TUM", "TUM", "STR", "STR")
    assert answers.index.groups == ("P1", "P1", "P2", "P2")
    metrics = judge_table(answers).metrics
    assert metrics.accuracy.value == 1
    said = " ".join(metrics.warnings)
    assert "'tum' counts as 'TUM'" in said
    assert r"'\u0405TR' counts as 'STR': the two print alike" in said
    assert "with the group 'p1' counts as 'P1'" in said


def test_labels_without_probabilities_are_joined_too(tmp_path):
    answers = read_answers(table(tmp_path, "true_label,predicted_label\nTUM,tum\nSTR,STR\n"))
    assert judge_table(answers).metrics.accuracy.value == 1


def test_two_probabilities_of_one_class_are_refused(tmp_path):
    with pytest.raises(CannotReadTable, match="expected two or more classes, found TUM, tum"):
        read_answers(table(tmp_path, "true_label,prob_TUM,prob_tum\nTUM,0.5,0.5\n"))


def test_models_whose_classes_differ_in_case_only_are_compared():
    rng = np.random.default_rng(0)
    labels = tuple(rng.choice(("A", "B"), 60).tolist())
    paths, pixels = tuple(f"{i}.png" for i in range(60)), tuple(f"{i:064x}" for i in range(60))
    first = Judged(
        "first", "test part", ("A", "B"), False, paths, labels, ("",) * 60, labels, np.ones(60, bool), pixels
    )
    small = tuple(label.lower() for label in labels)
    other = replace(first, name="other", classes=("a", "b"), labels=small, predicted=small)
    found = compare([first, other])
    assert found.classes == ("A", "B")
    assert found.differences[0].accuracy.value == 0
    assert "other: class 'a' counts as 'A'" in found.warnings
