"""Every formula agrees with scikit-learn or with its definition, and intervals cover what they claim to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from gastropath import formulas
from gastropath.results.interval import Interval

CLASSES = 5


@st.composite
def answers(draw) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted classes; some classes are absent from one or both."""
    n = draw(st.integers(1, 40))
    cells = st.lists(st.integers(0, CLASSES - 1), min_size=n, max_size=n)
    return np.array(draw(cells)), np.array(draw(cells))


@settings(max_examples=60, deadline=None)
@given(answers())
def test_counts_and_per_class_figures_agree_with_scikit_learn(pair):
    true, predicted = pair
    matrix = formulas.confusion_matrix(true, predicted, CLASSES)
    np.testing.assert_array_equal(matrix, reference.confusion_matrix(true, predicted, labels=range(CLASSES)))
    assert formulas.accuracy(matrix) == pytest.approx(reference.accuracy_score(true, predicted))
    expected = reference.precision_recall_fscore_support(
        true, predicted, labels=range(CLASSES), zero_division=np.nan  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    for ours, theirs in zip((formulas.precision, formulas.recall, formulas.f1), expected, strict=False):
        np.testing.assert_allclose(ours(matrix), np.asarray(theirs))


@settings(max_examples=60, deadline=None)
@given(answers())
def test_macro_averages_agree_with_scikit_learn_over_the_classes_that_have_tiles(pair):
    true, predicted = pair
    matrix = formulas.confusion_matrix(true, predicted, CLASSES)
    present = np.unique(true)
    expected = reference.precision_recall_fscore_support(
        true, predicted, labels=present, average="macro", zero_division=0  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    for ours, theirs in zip((formulas.precision, formulas.recall, formulas.f1), expected, strict=False):
        assert formulas.macro(ours(matrix), matrix) == pytest.approx(theirs)


def test_balanced_accuracy_is_macro_recall(rng: np.random.Generator):
    true, predicted = rng.integers(0, 4, 90), rng.integers(0, 4, 90)
    matrix = formulas.confusion_matrix(true, predicted, 4)
    expected = reference.balanced_accuracy_score(true, predicted)
    assert formulas.macro(formulas.recall(matrix), matrix) == pytest.approx(expected)


def test_a_class_without_tiles_has_no_recall_and_one_never_predicted_no_precision():
    matrix = formulas.confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 0]), 4)
    np.testing.assert_array_equal(np.isnan(formulas.recall(matrix)), [False, False, True, True])
    np.testing.assert_array_equal(np.isnan(formulas.precision(matrix)), [False, True, False, True])
    np.testing.assert_array_equal(np.isnan(formulas.f1(matrix)), [False, False, False, True])
    assert formulas.macro(formulas.precision(matrix), matrix) == pytest.approx(0.25)  # (1/2 + 0) / 2


def test_no_tiles_give_no_figures_and_no_warning():
    matrix = formulas.confusion_matrix(np.array([], int), np.array([], int), 3)
    assert np.isnan(formulas.accuracy(matrix))
    assert np.isnan(formulas.macro(formulas.f1(matrix), matrix))
    assert formulas.reliability(np.zeros(0, int), np.zeros((0, 3))) == ()
    assert np.isnan(formulas.calibration_error(()))


def test_stacked_matrices_give_the_figures_of_each(rng: np.random.Generator):
    stack = rng.integers(0, 9, (6, 3, 3))
    for formula in (formulas.accuracy, formulas.precision, formulas.recall, formulas.f1):
        np.testing.assert_allclose(formula(stack), [formula(matrix) for matrix in stack])
    np.testing.assert_allclose(
        formulas.macro(formulas.f1(stack), stack), [formulas.macro(formulas.f1(m), m) for m in stack]
    )


def probabilities(rng: np.random.Generator, n: int, classes: int) -> np.ndarray:
    return formulas.softmax(rng.normal(0, 2, (n, classes)))


def test_likelihood_and_brier_score_agree_with_scikit_learn(rng: np.random.Generator):
    answered = probabilities(rng, 200, 4)
    true = rng.integers(0, 4, 200)
    expected = reference.log_loss(true, answered / answered.sum(axis=1, keepdims=True), labels=range(4))
    assert formulas.negative_log_likelihood(true, answered) == pytest.approx(expected, rel=1e-5)
    ours = sum(reference.brier_score_loss(true == i, answered[:, i]) for i in range(4))
    assert formulas.brier_score(true, answered) == pytest.approx(ours, rel=1e-5)


def test_brier_score_runs_from_nought_to_two():
    certain = np.eye(3)
    assert formulas.brier_score(np.array([0, 1, 2]), certain) == 0
    assert formulas.brier_score(np.array([1, 2, 0]), certain) == 2


def test_a_certain_error_costs_much_but_not_infinitely():
    loss = formulas.negative_log_likelihood(np.array([1]), np.array([[1.0, 0.0]], np.float32))
    assert 20 < loss < 100


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_softmax_gives_probabilities_for_logits_of_any_size(rows):
    answered = formulas.softmax(np.array(rows, np.float32))
    assert answered.dtype == np.float32
    assert (answered >= 0).all()
    np.testing.assert_allclose(answered.sum(axis=1), 1, rtol=1e-6)


def test_softmax_does_not_change_when_all_logits_move(rng: np.random.Generator):
    logits = rng.normal(0, 3, (20, 8))
    np.testing.assert_allclose(formulas.softmax(logits), formulas.softmax(logits + 1e4), atol=1e-6)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(formulas.softmax(logits), expected, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 120), st.integers(1, 15), st.integers(0, 9))
def test_reliability_bins_hold_equal_numbers_in_order_of_confidence(n: int, bins: int, seed: int):
    rng = np.random.default_rng(seed)
    answered, true = probabilities(rng, n, 3), rng.integers(0, 3, n)
    made = formulas.reliability(true, answered, bins)
    sizes = [part.n for part in made]
    assert sum(sizes) == n
    assert len(made) == min(bins, n)
    assert max(sizes) - min(sizes) <= 1
    assert [part.confidence for part in made] == sorted(part.confidence for part in made)
    right = float((answered.argmax(axis=1) == true).mean())
    assert sum(part.n * part.accuracy for part in made) / n == pytest.approx(right)


def test_calibration_error_is_the_mean_gap_weighted_by_tiles():
    bins = (formulas.ReliabilityBin(30, 0.6, 0.5), formulas.ReliabilityBin(10, 0.9, 1.0))
    assert formulas.calibration_error(bins) == pytest.approx(0.1)


def test_a_calibrated_model_has_a_small_calibration_error_and_a_boastful_one_a_large(rng: np.random.Generator):
    logits = rng.normal(0, 1.5, (20_000, 4))
    chance = formulas.softmax(logits)
    true = (chance.cumsum(axis=1) < rng.random((len(chance), 1))).sum(axis=1).clip(0, 3)
    honest = formulas.calibration_error(formulas.reliability(true, chance))
    boastful = formulas.calibration_error(formulas.reliability(true, formulas.softmax(4 * logits)))
    assert honest < 0.02
    assert boastful > 0.15


def covered(draw, truth: float, groups: np.ndarray, times: int) -> float:
    """Share of simulated data sets whose interval for the mean holds the true mean."""
    hits = 0
    for number in range(times):
        values = draw(np.random.default_rng([9, number]))
        low, high = formulas.bootstrap(lambda rows: values[rows].mean(), groups, seed=number, repeats=200)  # noqa: B023
        hits += bool(low <= truth <= high)
    return hits / times


@pytest.mark.slow
def test_intervals_over_tiles_cover_the_truth_as_often_as_they_say():
    share = covered(lambda rng: rng.random(150) < 0.7, 0.7, np.arange(150), 400)
    assert 0.90 <= share <= 0.98


@pytest.mark.slow
def test_intervals_over_groups_cover_the_truth_where_intervals_over_tiles_do_not():
    groups = np.repeat(np.arange(40), 10)

    def draw(rng: np.random.Generator) -> np.ndarray:
        ease = rng.beta(2, 2, 40)  # tiles of one slide succeed or fail together
        return rng.random(400) < ease[groups]

    assert 0.90 <= covered(draw, 0.5, groups, 300) <= 0.98
    assert covered(draw, 0.5, np.arange(400), 150) < 0.85


def test_whole_groups_are_drawn(rng: np.random.Generator):
    groups = rng.permutation(np.repeat([7, 3, 5], [2, 3, 4]))

    def check(rows: np.ndarray) -> float:
        for group in (3, 5, 7):
            members = np.flatnonzero(groups == group)
            times = [(rows == member).sum() for member in members]
            assert len(set(times)) == 1
        return 0.0

    formulas.bootstrap(check, groups, repeats=50)


def test_the_same_seed_gives_the_same_interval(rng: np.random.Generator):
    values = rng.random(50)
    intervals = [formulas.bootstrap(lambda rows: values[rows].mean(), np.arange(50), seed=s) for s in (1, 1, 2)]
    assert intervals[0] == intervals[1]
    assert intervals[0] != intervals[2]


def test_intervals_of_several_figures_come_in_their_shape_and_nan_is_left_out():
    groups = np.arange(12)

    def figures(rows: np.ndarray) -> np.ndarray:
        sometimes = np.nan if 0 in rows else 1.0
        return np.array([[rows.mean(), np.nan, sometimes]])

    low, high = formulas.bootstrap(figures, groups, repeats=100)
    assert low.shape == high.shape == (1, 3)
    assert low[0, 0] < high[0, 0]
    assert np.isnan(low[0, 1])
    assert np.isnan(high[0, 1])
    assert low[0, 2] == high[0, 2] == 1


def test_an_estimate_reads_as_a_figure_with_its_interval():
    assert str(Interval.of(0.5, 0.4, 0.6)) == "0.500 (0.400–0.600)"
    assert str(Interval.of(0.5)) == "0.500"
    assert str(Interval.of(float("nan"))) == "–"


def test_coverage_curve_and_its_area_follow_the_definition(rng: np.random.Generator):
    confidence, right = rng.random(50), rng.random(50) < 0.6
    order = np.argsort(-confidence)
    errors = [1 - right[order[:k]].mean() for k in range(1, 51)]
    curve = formulas.coverage_curve(confidence, right, points=50)
    assert [point.coverage for point in curve] == pytest.approx(np.arange(1, 51) / 50)
    assert [1 - point.accuracy for point in curve] == pytest.approx(errors)
    assert [point.threshold for point in curve] == pytest.approx(confidence[order])
    assert formulas.risk_coverage_area(confidence, right) == pytest.approx(np.mean(errors))


def test_a_long_curve_is_thinned_and_still_ends_with_all_tiles(rng: np.random.Generator):
    confidence, right = rng.random(5000), rng.random(5000) < 0.6
    curve = formulas.coverage_curve(confidence, right, points=20)
    assert len(curve) == 20
    assert curve[-1].coverage == 1
    assert curve[-1].accuracy == pytest.approx(right.mean())


def test_a_confidence_that_tells_nothing_gives_the_error_rate_whatever_the_order_of_the_tiles():
    right = np.array([True] * 7 + [False] * 3)
    assert formulas.risk_coverage_area(np.full(10, 0.5), right) == pytest.approx(0.3)
    assert formulas.risk_coverage_area(np.full(10, 0.5), right[::-1]) == pytest.approx(0.3)
    assert len(formulas.coverage_curve(np.full(10, 0.5), right)) == 1


def test_holm_adjusts_step_by_step_and_keeps_the_order():
    assert formulas.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert formulas.holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert formulas.holm([]) == []


@pytest.mark.parametrize("n", [1, 8, 30, 500])
def test_a_share_of_none_or_all_has_the_exact_binomial_interval(n: int):
    for k, value in ((0, 0.0), (n, 1.0)):
        exact = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        assert formulas.boundary(value, n, (9.0, 9.0)) == pytest.approx((exact.low, exact.high))
    assert formulas.boundary(0.5, n, (0.4, 0.6)) == (0.4, 0.6)


def calibrated_answers(rng: np.random.Generator, n: int, too_sure: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw classes and probabilities of two classes whose confidence is ``too_sure`` too high."""
    confidence = rng.uniform(0.6, 1.0, n)
    true = (rng.random(n) >= confidence - too_sure).astype(int)
    return true, np.stack([confidence, 1 - confidence], axis=1)


def test_the_calibration_error_of_chance_is_what_calibrated_models_show(rng: np.random.Generator):
    errors, answered = [], np.zeros(0)
    for _ in range(200):
        true, answered = calibrated_answers(rng, 60)
        errors.append(formulas.calibration_error(formulas.reliability(true, answered)))
    mean, low, high = formulas.calibration_error_by_chance(answered, repeats=1000)
    assert mean == pytest.approx(np.mean(errors), abs=0.01)
    inside = np.mean([low <= error <= high for error in errors])
    assert inside > 0.9


def share_covered(intervals: list[tuple[np.ndarray, np.ndarray]], truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@pytest.mark.slow
def test_the_interval_of_the_calibration_error_covers_the_true_one(rng: np.random.Generator):
    def statistic(rows: np.ndarray) -> float:
        return formulas.calibration_error(formulas.reliability(true[rows], answered[rows]))

    plain, moved = [], []
    for _ in range(100):
        true, answered = calibrated_answers(rng, 400, too_sure=0.1)
        value = statistic(np.arange(400))
        for found, unbiased_from in ((plain, None), (moved, value)):
            found.append(formulas.bootstrap(statistic, np.arange(400), repeats=120, unbiased_from=unbiased_from))
    assert share_covered(moved, 0.1) >= 0.88
    assert share_covered(moved, 0.1) > share_covered(plain, 0.1)  # resampling adds to the error


def drawn_groups(rng: np.random.Generator, groups: int, tiles: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw tiles of three classes in groups, some groups easy and some hard: group, true and predicted of each tile."""
    group = np.repeat(np.arange(groups), tiles)
    true = rng.integers(0, 3, groups * tiles)
    right = rng.random(len(true)) < rng.beta(2, 1, groups)[group]
    return group, true, np.where(right, true, (true + 1) % 3)


@pytest.mark.slow
def test_the_interval_of_macro_f1_over_groups_covers_the_truth(rng: np.random.Generator):
    def macro_f1(rows: np.ndarray) -> float:
        matrix = formulas.confusion_matrix(true[rows], predicted[rows], 3)
        return float(formulas.macro(formulas.f1(matrix), matrix))

    group, true, predicted = drawn_groups(rng, 40_000, 15)
    truth = macro_f1(np.arange(len(true)))
    by_groups, by_tiles = [], []
    for _ in range(200):
        group, true, predicted = drawn_groups(rng, 40, 15)
        by_groups.append(formulas.bootstrap(macro_f1, group, repeats=200))
        by_tiles.append(formulas.bootstrap(macro_f1, np.arange(len(group)), repeats=200))
    assert 0.90 <= share_covered(by_groups, truth) <= 0.99
    assert share_covered(by_tiles, truth) < 0.8


def drawn(n: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the probabilities they give at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, 5)).astype(np.float32)
    chances = formulas.softmax(logits / temperature).astype(np.float64)
    labels = (chances.cumsum(axis=1) > rng.random((n, 1)) * chances.sum(axis=1, keepdims=True)).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_labels_were_drawn_at_is_found_again(temperature):
    assert formulas.fit_temperature(*drawn(20_000, temperature, 1)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_makes_the_labels_more_likely():
    logits, labels = drawn(500, 2.5, 2)
    best = formulas.negative_log_likelihood(labels, formulas.softmax(logits / formulas.fit_temperature(logits, labels)))
    for other in np.geomspace(0.1, 10, 50):
        assert best <= formulas.negative_log_likelihood(labels, formulas.softmax(logits / other)) + 1e-7


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=12, max_size=60),
    st.sampled_from([0.5, 0.7, 0.9, 1.0]),
)
def test_no_threshold_keeps_the_accuracy_at_a_better_coverage(answers, at):
    confidence = np.array([c / 20 for c, _ in answers])
    right = np.array([r for _, r in answers])
    threshold, met = formulas.choose_threshold(confidence, right, "accuracy", at)
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
    threshold, _ = formulas.choose_threshold(confidence, np.ones(len(confidence), bool), "coverage", at)
    assert (confidence >= threshold).mean() >= at - 1e-12
    assert not (confidence > threshold).mean() >= at
