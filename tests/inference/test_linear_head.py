"""The linear head: the one minimum of its loss, found by NumPy alone."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from gastropath.errors import BadBundle, TooFewTiles
from gastropath.formulas import softmax
from gastropath.inference.linear_head import Head, fit_head


def clouds(n_classes: int, rng: np.random.Generator, *, n: int = 240, width: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Features that overlap, off the origin and of unequal scale, as pooled maps are; and class numbers."""
    labels = rng.integers(0, n_classes, n)
    labels[:n_classes] = range(n_classes)
    features = rng.normal(size=(n_classes, width))[labels] + rng.normal(0, 1.5, (n, width))
    return ((features * np.geomspace(1, 0.03, width) + 2) / 10).astype(np.float32), labels


@pytest.mark.parametrize("n_classes", [2, 3, 8])
@pytest.mark.parametrize("strength", [1.0, 30.0, 300.0])
def test_the_head_is_the_one_that_scikit_learn_finds_when_it_searches_long_enough(n_classes, strength, rng):
    features, labels = clouds(n_classes, rng)
    weights = rng.uniform(0.2, 3, len(labels))
    ours = fit_head(features, labels, n_classes, strength, weights=weights)
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=20_000)
    theirs.fit(features.astype(np.float64), labels, sample_weight=weights)
    chances = theirs.predict_proba(features.astype(np.float64))
    np.testing.assert_allclose(softmax(ours.logits(features)), chances, atol=1e-3)
    assert (softmax(ours.logits(features)).argmax(axis=1) == chances.argmax(axis=1)).mean() > 0.99
    kernel = theirs.coef_.T if n_classes > 2 else np.concatenate([-theirs.coef_, theirs.coef_]).T / 2
    np.testing.assert_allclose(ours.kernel, kernel, atol=0.01 * np.abs(kernel).max())
    assert np.ptp(chances, axis=0).min() > 0.3  # the classes are told apart, so equality means something


@pytest.mark.parametrize("spread", [0.1, 30.0])
def test_where_the_search_begins_does_not_change_the_answer(spread, rng):
    features, labels = clouds(4, rng)
    alone = fit_head(features, labels, 4, 100.0)
    start = Head(rng.normal(0, spread, alone.kernel.shape).astype(np.float32), rng.normal(0, spread, 4))
    near = Head(alone.kernel + rng.normal(0, 0.1, alone.kernel.shape).astype(np.float32), alone.bias + 1)
    for begun in (start, near, fit_head(features, labels, 4, 3.0)):
        other = fit_head(features, labels, 4, 100.0, start=begun)
        np.testing.assert_allclose(softmax(other.logits(features)), softmax(alone.logits(features)), atol=1e-3)


def test_adding_the_same_to_all_logits_says_nothing_so_columns_and_bias_add_up_to_zero(rng):
    features, labels = clouds(5, rng)
    head = fit_head(features, labels, 5, 10.0)
    np.testing.assert_allclose(head.kernel.sum(axis=1), 0, atol=1e-4)
    assert abs(head.bias.sum()) < 1e-3
    assert np.abs(head.kernel).max() > 0.1


def test_a_row_of_weight_two_counts_as_two_rows(rng):
    features, labels = clouds(3, rng)
    twice = np.arange(len(labels)) % 3 == 0
    weighted = fit_head(features, labels, 3, 10.0, weights=1.0 + twice)
    rows = np.concatenate([np.arange(len(labels)), np.flatnonzero(twice)])
    repeated = fit_head(features[rows], labels[rows], 3, 10.0)
    np.testing.assert_allclose(weighted.logits(features), repeated.logits(features), atol=2e-3)


def test_classes_that_are_parted_cleanly_get_a_finite_head():
    labels = np.repeat(np.arange(3), 20)
    head = fit_head(np.eye(3, dtype=np.float32)[labels] * 100, labels, 3, 1e6)
    assert np.isfinite(head.kernel).all()
    assert (head.logits(np.eye(3, dtype=np.float32) * 100).argmax(axis=1) == [0, 1, 2]).all()


def test_a_class_without_tiles_and_features_that_are_not_finite_are_refused(rng):
    features, labels = clouds(3, rng)
    with pytest.raises(TooFewTiles, match="1 of 4 classes"):
        fit_head(features, labels, 4, 1.0)
    with pytest.raises(TooFewTiles):
        fit_head(features, labels, 3, 1.0, weights=(labels > 0).astype(float))
    features[7, 3] = np.nan
    with pytest.raises(BadBundle, match="not finite"):
        fit_head(features, labels, 3, 1.0)


def test_a_head_is_fitted_without_scipy_and_without_scikit_learn():
    code = (
        "import sys, numpy as np\nfrom gastropath.inference.linear_head import fit_head\n"
        "fit_head(np.eye(6, dtype=np.float32), np.arange(6) % 2, 2, 1.0)\n"
        "print(*{'scipy', 'sklearn', 'tensorflow', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
