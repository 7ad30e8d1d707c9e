import numpy as np
import pytest

from gastropath import formulas
from gastropath.errors import TooFewTiles
from gastropath.training.calibration import HeldOut, calibrate


def test_calibrating_says_what_it_was_fitted_on_and_what_it_gave():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 3, (400, 5)).astype(np.float32)
    chances = formulas.softmax(logits / 2).astype(np.float64)
    labels = (chances.cumsum(axis=1) > rng.random((400, 1)) * chances.sum(axis=1, keepdims=True)).argmax(axis=1)
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
