import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from gastropath.inference.grouped_folds import grouped_folds


def test_folds_part_no_group_and_hold_every_class(rng):
    units = rng.integers(0, 30, 200)
    labels = rng.integers(0, 3, 200)
    folds = grouped_folds(labels, units, 3)
    assert len(folds) == 5
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(200))
    for train, held in folds:
        assert not set(units[train]) & set(units[held])
        assert set(labels[train]) == {0, 1, 2}


def test_there_are_as_many_folds_as_units_of_the_rarest_class_and_none_where_that_is_one():
    labels = np.array([0] * 8 + [1] * 8)
    assert len(grouped_folds(labels, np.array([*range(8), 8, 8, 8, 8, 9, 9, 9, 9]), 2)) == 2
    assert grouped_folds(labels, np.array([*range(8), *[8] * 8]), 2) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**20), n=st.integers(20, 150), groups=st.integers(8, 40), classes=st.integers(2, 5))
def test_folds_are_those_of_scikit_learn(seed, n, groups, classes):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes).repeat(2), rng.integers(0, classes, n)])
    units = np.concatenate([np.arange(2 * classes) % groups, rng.integers(0, groups, n)])
    folds, theirs = grouped_folds(labels, units, classes, seed=seed), []
    for attempt in range(20 if folds else 0):
        splitter = StratifiedGroupKFold(len(folds), shuffle=True, random_state=seed + 1000 * attempt)
        theirs = list(splitter.split(labels, labels, units))
        if all(len(np.unique(labels[train])) == classes for train, _ in theirs):
            break
    for own, other in zip(folds, theirs, strict=True):
        np.testing.assert_array_equal(own[0], other[0])
        np.testing.assert_array_equal(own[1], other[1])
