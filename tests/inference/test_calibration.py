import numpy as np
import pytest

from gastropath import formulas
from gastropath.errors import TooFewTiles
from gastropath.inference.calibration import HeldOut, calibrate
from gastropath.results.card import Abstention


def test_calibrating_says_what_it_was_fitted_on_and_what_it_gave():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 3, (400, 5)).astype(np.float32)
    chances = formulas.softmax(logits / 2).astype(np.float64)
    labels = (chances.cumsum(axis=1) > rng.random((400, 1)) * chances.sum(axis=1, keepdims=True)).argmax(axis=1)
    away = np.linspace(0, 1, 400)
    held_out = HeldOut(logits, labels, away, np.arange(400) // 4, "out-of-fold")
    calibration, abstention, domain = calibrate(held_out, 50, by="accuracy", at=0.9, in_domain=0.95)
    assert abstention is not None
    answers = formulas.softmax(logits / calibration.temperature)
    answered = answers.max(axis=1) >= abstention.threshold
    assert abstention.coverage == pytest.approx(answered.mean())
    assert (answers.argmax(axis=1) == labels)[answered].mean() >= 0.9
    value, low, high = abstention.selective_accuracy.numbers
    assert low < 0.9 < high
    assert low < value < high
    assert abstention.state == "not_shown"
    assert domain is not None
    assert calibration.fitted_on == abstention.fitted_on == domain.fitted_on == "out-of-fold"
    assert (away <= domain.threshold).mean() >= 0.95
    assert calibrate(held_out, 50, by="none", at=0.9, in_domain=1.0)[1:] == (None, None)


def sure(n: int, right: float, *, confidence: float = 5.0, a_unit: int = 1) -> HeldOut:
    """Tiles of two classes on which a model is equally sure, and right on a share of them, spread evenly."""
    labels = np.arange(n) % 2
    wrong = np.floor(np.arange(n) * (1 - right) + 1) > np.floor((np.arange(n) - 1) * (1 - right) + 1)
    shown = np.where(wrong, 1 - labels, labels)
    logits = np.where(np.arange(2) == shown[:, None], confidence, 0).astype(np.float32)
    logits += np.random.default_rng(0).normal(0, 0.01, (n, 2)).astype(np.float32)
    return HeldOut(logits, labels, np.zeros(n), np.arange(n) // a_unit, "validation")


def rule_of(held_out: HeldOut, **settings) -> Abstention:
    rule = calibrate(held_out, 50, by="accuracy", at=0.8, in_domain=1.0, **settings)[1]
    assert rule is not None
    return rule


@pytest.mark.parametrize(
    ("held_out", "state"),
    [
        (sure(400, 0.95), "met"),
        (sure(40, 0.82), "not_shown"),
        (sure(400, 0.3), "unmet"),
        (sure(400, 0.95, a_unit=40), "not_shown"),
    ],
    ids=["shown by many tiles", "too few tiles", "wrong too often", "many tiles of ten patients"],
)
def test_a_target_is_met_not_shown_or_unmet(held_out, state):
    rule = rule_of(held_out)
    assert rule.state == state
    assert np.isinf(rule.answers_from) == (state == "unmet")


def test_a_model_below_its_target_answers_only_when_told_to():
    told = rule_of(sure(400, 0.3), answers_unmet=True)
    assert (told.state, told.answers_unmet) == ("unmet", True)
    assert told.answers_from == told.threshold


def test_a_threshold_does_not_profit_from_the_tiles_it_was_chosen_on():
    rng = np.random.default_rng(1)
    n, classes = 120, 8  # answers at random: nothing can be learned from their confidence
    states = []
    for _ in range(20):
        logits, labels = rng.normal(0, 1, (n, classes)).astype(np.float32), rng.integers(0, classes, n)
        rule = rule_of(HeldOut(logits, labels, np.zeros(n), np.arange(n), "validation"))
        states.append(rule.state)
    assert set(states) == {"unmet"}


def test_without_held_out_tiles_there_is_nothing_to_calibrate_on():
    with pytest.raises(TooFewTiles, match="no tile is left to calibrate on"):
        HeldOut.together([])
