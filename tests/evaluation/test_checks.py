"""Checks that are left out are said to be left out."""

import pytest

import gastropath
from gastropath.data.index import find_tiles
from gastropath.data.split.split import split_of_run
from gastropath.errors import UnknownSetting
from gastropath.evaluation.assessment import assess
from gastropath.evaluation.report import report
from gastropath.inference.classifier import Classifier
from gastropath.results.metrics import Metrics


@pytest.mark.parametrize(("checks", "colour"), [("quick", True), ("none", False)])
def test_what_was_not_checked_is_named_and_has_not_passed(transfer_run, synthetic_tiles, checks, colour):
    classifier, index = Classifier.load(transfer_run), find_tiles([synthetic_tiles])
    full = Metrics.parse((transfer_run / "metrics.json").read_bytes(), "metrics.json")
    found = assess(classifier, index, split_of_run(transfer_run, index), checks=checks)
    metrics = found.metrics
    assert (metrics.checks, full.checks) == (checks, "full")
    assert (metrics.robustness, metrics.explanations, metrics.domain.pictures) == (None, None, {})
    assert (metrics.shortcut_baseline.macro_f1 is not None, metrics.data is not None) == (colour, colour)
    assert metrics.macro_f1 == full.macro_f1
    page = report(found, classifier).render()
    assert "Not checked: " in page
    assert "whether activation maps show what the model goes by" in page
    assert "passed the checks" not in page
    assert "Not checked: " not in (transfer_run / "report.html").read_text()


def test_checks_that_do_not_exist_are_refused_before_anything_is_read(tmp_path):
    for command in (gastropath.evaluate, gastropath.train):
        with pytest.raises(UnknownSetting, match="expected one of full, quick, none"):
            command(tmp_path / "nothing", out=tmp_path / "out", checks="fast")  # pyright: ignore[reportCallIssue, reportArgumentType]
