"""Predictions are data: arrays, rows, a frame."""

import pickle

import numpy as np
import pytest

from gastropath.results.prediction import Prediction, Refusal
from gastropath.results.predictions import Predictions

DAMAGED = Refusal("damaged", "is damaged: no end")


@pytest.fixture
def answers() -> Predictions:
    return Predictions.of(
        ("A", "B"),
        np.array([[0.25, 0.75], [np.nan, np.nan], [0.5, 0.5], [0.9, 0.1]], np.float32),
        refusals=(None, DAMAGED, None, None),
        is_low_confidence=np.array([False, False, True, True]),
        is_out_of_distribution=np.array([False, False, False, True]),
        distances=np.array([0.1, np.nan, 0.2, 0.7]),
        sources=("a.png", "b.png", "c.png", "d.png"),
        features=np.arange(8, dtype=np.float32).reshape(4, 2),
    )


def test_labels_decisions_and_masks_are_arrays_that_agree(answers):
    assert answers.labels.tolist() == ["B", "", "A", "A"]
    assert answers.decisions.tolist() == ["accepted", "refused", "abstained", "abstained"]
    assert answers.is_abstained.tolist() == [False, False, True, True]
    assert answers.is_out_of_distribution.tolist() == [False, False, False, True]
    assert (answers.decisions == "accepted").tolist() == answers.is_accepted.tolist()
    assert answers.reasons == ["", "damaged", "low_confidence", "out_of_distribution;low_confidence"]
    assert answers.details == ["", DAMAGED.sentence, "low confidence", "unlike the training tiles; low confidence"]
    np.testing.assert_array_equal(answers.confidence, np.array([0.75, np.nan, 0.5, 0.9], np.float32))


def test_a_number_gives_one_answer_and_a_slice_a_mask_or_numbers_give_several(answers):
    assert len(answers) == 4
    assert answers[0] == Prediction("a.png", "B", 0.75, "accepted", "", "", {"A": 0.25, "B": 0.75}, 0.1)
    assert answers[-3] == Prediction("b.png", None, None, "refused", "damaged", DAMAGED.sentence, {}, None)
    assert [answer.source for answer in answers] == list(answers.sources)
    for rows in (slice(2, None), answers.is_abstained, np.array([2, 3]), [2, 3], (2, 3)):
        some = answers[rows]
        assert some.sources == ("c.png", "d.png")
        np.testing.assert_array_equal(some.kept("features"), answers.kept("features")[2:])
    assert answers[[]].sources == ()
    with pytest.raises(IndexError):
        answers[4]


def test_taking_and_joining_gives_the_same_again(answers):
    again = Predictions.joined([answers[:1], answers[1:3], answers[3:]], answers.classes)
    assert list(again) == list(answers)
    np.testing.assert_array_equal(again.kept("features"), answers.kept("features"))
    assert len(Predictions.joined([], ("A", "B"))) == 0


def test_a_frame_has_numbers_as_numbers(answers):
    frame = answers.to_frame()
    assert list(frame.columns) == Predictions.columns(("A", "B"))
    assert {str(frame[name].dtype) for name in ("confidence", "prob_A", "prob_B")} == {"float32"}
    assert frame["distance"].dtype == np.float64
    assert frame["confidence"].isna().tolist() == [False, True, False, False]
    assert frame.loc[frame["decision"] == "abstained", "prob_A"].sum() == pytest.approx(1.4)
    assert "path" not in Predictions.none(("A",)).to_frame()


def test_the_repr_says_how_many_and_how_they_were_decided(answers):
    assert repr(answers) == "<4 predictions over 2 classes: 1 accepted, 2 abstained, 1 refused>"
    assert repr(Predictions.none(("A",))) == "<0 predictions over 1 classes: none>"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_finite_cannot_be_made(value):
    with pytest.raises(ValueError, match="not finite"):
        Predictions.of(("A", "B"), np.array([[0.5, value]], np.float32))


def test_what_was_not_asked_for_says_how_to_ask(answers):
    with pytest.raises(ValueError, match="maps=True"):
        answers.kept("maps")


def test_predictions_travel_between_processes(answers):
    assert list(pickle.loads(pickle.dumps(answers))) == list(answers)
