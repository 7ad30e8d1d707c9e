import numpy as np
import pytest

from gastropath.errors import TooFewTiles
from gastropath.inference.linear_head import fit_head
from gastropath.teach.examples import Examples
from gastropath.teach.refit import Base, answered, quick_fit, refit, usual_share

CODES = ("LYM", "STR", "TUM")


def clouds(n: int, rng: np.random.Generator, shift: np.ndarray, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(n * classes) % classes
    centres = np.random.default_rng(1).normal(size=(classes, 12))
    return (centres[labels] + shift + rng.normal(0, 0.5, (len(labels), 12))).astype(np.float32), labels


def base(rng: np.random.Generator, n: int = 60) -> Base:
    features, labels = clouds(n, rng, np.zeros(12))
    return Base(fit_head(features, labels, 3, 10.0), CODES, features, labels, np.arange(len(labels)) // 6)


def examples(features: np.ndarray, labels: np.ndarray, codes: tuple[str, ...], units: list[str]) -> Examples:
    n = len(labels)
    return Examples(
        features,
        tuple(codes[label] for label in labels),
        tuple(units),
        tuple(units),
        ("own",) * n,
        tuple(str(i) for i in range(n)),
        (None,) * n,
    )


SHIFT = np.r_[np.full(6, 1.6), np.full(6, -1.6)]
"""What another laboratory's stain does to features."""


def new_labels(rng: np.random.Generator, per_class: int, units: int = 5) -> Examples:
    features, labels = clouds(per_class, rng, SHIFT)
    return examples(features, labels, CODES, [f"slide {i % units}" for i in range(len(labels))])


def test_five_labels_a_class_turn_a_model_to_another_stain_and_it_forgets_little(rng):
    known, judged = base(rng), clouds(100, rng, SHIFT)
    found = refit(known, new_labels(rng, 5), CODES)
    before = (answered(known.head, judged[0], CODES) == np.array(CODES)[judged[1]]).mean()
    after = (answered(found.head, judged[0], CODES) == np.array(CODES)[judged[1]]).mean()
    assert after > before + 0.15
    without, with_them = ((answers == known.labels).mean() for answers in found.own)
    assert with_them > without - 0.05


def test_the_first_labels_weigh_less_so_that_two_of_one_class_do_not_make_all_tiles_that(rng):
    labels = new_labels(rng, 5)
    first = labels[np.array([label == "TUM" for label in labels.labels])][np.array([0, 1])]
    assert (usual_share(first), usual_share(labels)) == (0.25, 1.0)
    others = clouds(100, rng, np.zeros(12))
    answers = answered(quick_fit(base(rng), first, CODES), others[0], CODES)
    assert (answers == np.array(CODES)[others[1]]).mean() > 0.8


def test_labels_do_not_drown_in_thousands_of_tiles(rng):
    few, many = base(rng, 60), base(rng, 1000)
    judged = clouds(200, rng, SHIFT)
    labels = new_labels(rng, 3)
    right = [
        (answered(quick_fit(known, labels, CODES), judged[0], CODES) == np.array(CODES)[judged[1]]).mean()
        for known in (few, many)
    ]
    assert right[1] > right[0] - 0.1


def test_each_label_is_judged_by_a_head_that_did_not_see_its_slide(rng):
    """The control: labels at random. A head that saw them would know them by heart."""
    labels = new_labels(rng, 15, units=45)
    mixed = examples(labels.features, rng.permutation(np.arange(45) % 3), CODES, list(labels.units))
    found = refit(base(rng), mixed, CODES)
    right = np.array(CODES)[found.new] == np.array(mixed.labels)
    assert right.mean() < 0.6


def test_where_all_labels_lie_together_no_figure_is_made_up(rng):
    found = refit(base(rng), new_labels(rng, 4, units=1), CODES)
    assert (found.new == -1).all()
    assert len(found.held_out.labels) > 0


def test_a_class_is_added_and_another_left_out(rng):
    known = base(rng)
    codes = ("LYM", "TUM", "MUC")
    features, labels = clouds(6, rng, np.zeros(12), classes=4)
    chosen = labels != 1
    number = np.array([0, 0, 1, 2])
    new = examples(features[chosen], number[labels[chosen]], codes, [f"s{i % 4}" for i in range(chosen.sum())])
    found = refit(known.of(codes), new, codes)
    assert found.head.kernel.shape == (12, 3)
    asked, truth = clouds(50, rng, np.zeros(12), classes=4)
    kept = truth != 1
    right = answered(found.head, asked[kept], codes) == np.array(codes)[number[truth[kept]]]
    assert right.mean() > 0.85


def test_a_class_without_any_tile_is_named(rng):
    with pytest.raises(TooFewTiles, match="no tile of class MUC"):
        refit(base(rng).of((*CODES, "MUC")), new_labels(rng, 4), (*CODES, "MUC"))


def test_the_same_labels_give_the_same_head(rng):
    known, labels = base(rng), new_labels(rng, 8)
    one, other = refit(known, labels, CODES, seed=3), refit(known, labels, CODES, seed=3)
    np.testing.assert_array_equal(one.head.kernel, other.head.kernel)
    assert (one.share, one.strength) == (other.share, other.strength)


def test_features_of_any_length_are_fitted_alike(rng):
    known, labels = base(rng), new_labels(rng, 5)
    long = Base(known.head, CODES, known.features * 50, known.labels, known.units)
    far = examples(labels.features * 50, np.arange(15) % 3, CODES, list(labels.units))
    one, other = quick_fit(known, labels, CODES), quick_fit(long, far, CODES)
    np.testing.assert_allclose(one.kernel, other.kernel * 50, atol=1e-3)
