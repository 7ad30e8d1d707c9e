import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastropath import formulas
from gastropath.errors import TooFewTiles
from gastropath.training.calibration import HeldOut, calibrate, choose_references, choose_threshold, fit_temperature


def drawn(n: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the probabilities they give at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, 5)).astype(np.float32)
    chances = formulas.softmax(logits / temperature).astype(np.float64)
    labels = (chances.cumsum(axis=1) > rng.random((n, 1)) * chances.sum(axis=1, keepdims=True)).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_labels_were_drawn_at_is_found_again(temperature):
    assert fit_temperature(*drawn(20_000, temperature, 1)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_makes_the_labels_more_likely():
    logits, labels = drawn(500, 2.5, 2)
    best = formulas.negative_log_likelihood(labels, formulas.softmax(logits / fit_temperature(logits, labels)))
    for other in np.geomspace(0.1, 10, 50):
        assert best <= formulas.negative_log_likelihood(labels, formulas.softmax(logits / other)) + 1e-7


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=12, max_size=60),
    st.sampled_from([0.5, 0.7, 0.9, 1.0]),
)
def test_no_threshold_keeps_the_accuracy_at_a_better_coverage(answers, at):
    confidence = np.array([c / 20 for c, _ in answers])
    right = np.array([r for _, r in answers])
    threshold, met = choose_threshold(confidence, right, "accuracy", at)
    answered = confidence >= threshold
    lower = [t for t in set(confidence) if t < threshold]
    if met:
        assert right[answered].mean() >= at
        assert not any(right[confidence >= t].mean() >= at for t in lower)
    else:
        assert not any(right[confidence >= t].mean() >= at for t in set(confidence) if (confidence >= t).sum() >= 10)
        assert answered.sum() >= 10


@given(st.lists(st.integers(0, 10), min_size=1, max_size=50), st.floats(0.05, 1))
def test_the_asked_coverage_is_reached_and_hardly_more(confidences, at):
    confidence = np.array(confidences) / 10
    threshold, _ = choose_threshold(confidence, np.ones(len(confidence), bool), "coverage", at)
    assert (confidence >= threshold).mean() >= at - 1e-12
    assert not (confidence > threshold).mean() >= at


def test_references_stand_for_every_class_alike():
    labels = np.array([0] * 500 + [1] * 30 + [2] * 500)
    chosen = choose_references(labels, 0, most=120)
    assert len(set(chosen)) == 120
    assert np.bincount(labels[chosen]).tolist() == [45, 30, 45]
    assert choose_references(labels, 0, most=2000).tolist() == list(range(1030))


def test_calibrating_says_what_it_was_fitted_on_and_what_it_gave():
    logits, labels = drawn(400, 2.0, 3)
    away = np.linspace(0, 1, 400)
    held_out = HeldOut(logits, labels, away, "out-of-fold")
    calibration, abstention, domain = calibrate(held_out, 50, by="accuracy", at=0.9, in_domain=0.95)
    assert abstention is not None
    answers = formulas.softmax(logits / calibration.temperature)
    answered = answers.max(axis=1) >= abstention.threshold
    assert abstention.coverage == pytest.approx(answered.mean())
    assert abstention.selective_accuracy == pytest.approx((answers.argmax(axis=1) == labels)[answered].mean())
    assert abstention.selective_accuracy >= 0.9
    assert domain is not None
    assert calibration.fitted_on == abstention.fitted_on == domain.fitted_on == "out-of-fold"
    assert (away <= domain.threshold).mean() >= 0.95
    assert calibrate(held_out, 50, by="none", at=0.9, in_domain=1.0)[1:] == (None, None)


def test_without_held_out_tiles_there_is_nothing_to_calibrate_on():
    with pytest.raises(TooFewTiles, match="no tile is left to calibrate on"):
        HeldOut.together([])
