"""Statistics of ranks and pairs agree with scikit-learn and with their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from gastropath.evaluation.ranks import auroc, mcnemar, rank_correlation


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_auroc_agrees_with_scikit_learn_and_ties_count_half(pairs):
    positive, score = np.array([p for p, _ in pairs]), np.array([s for _, s in pairs]) / 7
    if positive.all() or not positive.any():
        assert np.isnan(auroc(positive, score))
    else:
        assert auroc(positive, score) == pytest.approx(reference.roc_auc_score(positive, score))


def test_a_monotone_relation_has_rank_correlation_one_and_a_constant_has_none(rng: np.random.Generator):
    a = rng.normal(size=(8, 10))
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert np.isnan(rank_correlation(a, np.ones((8, 10))))


@pytest.mark.parametrize("pair", [(0, 0), (3, 3), (0, 6), (10, 25), (400, 500)])
def test_mcnemar_is_the_chance_that_a_fair_coin_falls_so_unevenly(pair):
    n, fewer = sum(pair), min(pair)
    tail = sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n if n else 1.0
    assert mcnemar(*pair) == pytest.approx(min(1.0, 2 * tail), rel=1e-6)
    assert mcnemar(*pair) == pytest.approx(mcnemar(*pair[::-1]), rel=1e-12)
