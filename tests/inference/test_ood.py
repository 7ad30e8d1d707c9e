import io

import numpy as np
import pytest

from gastropath.errors import BadBundle
from gastropath.inference.ood import OodCheck, choose_references, distances, references_npz
from gastropath.inference.views import VIEWS, dihedral


def test_the_distance_is_the_mean_cosine_distance_to_the_nearest(rng):
    references, features = rng.normal(size=(40, 7)), rng.normal(size=(2500, 7))
    found = distances(features, references, 3)
    cosine = (features @ references.T) / np.outer(np.linalg.norm(features, axis=1), np.linalg.norm(references, axis=1))
    np.testing.assert_allclose(found, (1 - np.sort(cosine, axis=1)[:, -3:]).mean(axis=1), atol=3e-4)


def test_a_distance_does_not_depend_on_the_company_to_the_last_bit(rng):
    references, features = rng.random((333, 300)).astype(np.float32), rng.random((70, 300)).astype(np.float32)
    check = OodCheck(references, 5, 0.3)
    together = check.distances(features)
    order = rng.permutation(70)
    np.testing.assert_array_equal(check.distances(features[order]), together[order])
    np.testing.assert_array_equal(np.concatenate([check.distances(row[None]) for row in features]), together)
    np.testing.assert_array_equal(distances(features, references, 5), together)


def test_a_copy_of_a_reference_is_at_no_distance_and_a_stranger_is_unlike(rng):
    check = OodCheck(np.abs(rng.normal(size=(20, 9))), 1, 0.4)
    assert (check.distances(check.features * 3) <= check.threshold).all()
    assert (check.distances(-check.features) > check.threshold).all()


def test_features_without_length_are_far_from_everything(rng):
    assert distances(np.zeros((1, 5)), np.abs(rng.normal(size=(9, 5))), 2)[0] == pytest.approx(1.0)


def test_references_come_back_from_the_file_in_half_precision(rng):
    features, labels = rng.normal(size=(12, 30)), rng.integers(0, 3, 12)
    again = OodCheck.from_bytes(references_npz(features, labels), 5, 0.3, "references.npz")
    others = rng.normal(size=(50, 30))
    np.testing.assert_allclose(again.distances(others), OodCheck(features, 5, 0.3).distances(others), atol=2e-3)
    np.testing.assert_array_equal(again.labels, labels)


def test_references_without_labels_of_an_older_bundle_are_read(rng):
    features, buffer = rng.normal(size=(12, 30)).astype(np.float16), io.BytesIO()
    np.savez(buffer, references=features)
    older = OodCheck.from_bytes(buffer.getvalue(), 5, 0.3, "domain.npz")
    assert older.labels is None
    np.testing.assert_array_equal(older.features, features)


def test_what_half_precision_cannot_hold_stays_finite_and_what_is_not_finite_is_refused():
    labels = np.zeros(6, int)
    again = OodCheck.from_bytes(references_npz(np.full((6, 3), 1e9), labels), 5, 0.3, "references.npz")
    assert np.isfinite(again.features).all()
    with pytest.raises(ValueError, match="not finite"):
        references_npz(np.full((6, 3), np.nan), labels)


@pytest.mark.parametrize(
    "what", ["nothing", "noise", "pickle", "flat", "few", "nan", "huge", "integers", "labels", "other"]
)
def test_a_damaged_file_is_refused(what, rng):
    content = {
        "pickle": {"references": np.array([{}], dtype=object)},
        "flat": {"references": np.zeros(9)},
        "few": {"references": np.ones((3, 4))},
        "nan": {"references": np.full((9, 4), np.nan)},
        "huge": {"features": np.full((9, 4), np.inf)},
        "integers": {"features": np.ones((9, 4), np.int64)},
        "labels": {"features": np.ones((9, 4)), "labels": np.zeros(8, np.int64)},
        "other": {"something": np.ones((9, 4))},
    }
    buffer = io.BytesIO()
    if what in content:
        np.savez(buffer, **content[what], allow_pickle=True)
    data = {"nothing": b"", "noise": rng.bytes(500)}.get(what, buffer.getvalue())
    with pytest.raises(BadBundle, match=r"domain\.npz"):
        OodCheck.from_bytes(data, 5, 0.3, "domain.npz")


def test_the_eight_views_of_a_tile_are_all_there_is(rng):
    tile = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    views = [dihedral(tile, view) for view in range(VIEWS)]
    assert len({view.tobytes() for view in views}) == VIEWS
    np.testing.assert_array_equal(views[0], tile)
    for view in views:  # flips and turns of a view are views again
        assert np.ascontiguousarray(view[:, ::-1]).tobytes() in {v.tobytes() for v in views}
        assert np.rot90(view).tobytes() in {v.tobytes() for v in views}
    np.testing.assert_array_equal(dihedral(tile[None], 5)[0], views[5])
    with pytest.raises(ValueError, match="0 to 7"):
        dihedral(tile, 8)


def test_references_stand_for_every_class_alike():
    labels = np.array([0] * 500 + [1] * 30 + [2] * 500)
    chosen = choose_references(labels, 0, most=120)
    assert len(set(chosen)) == 120
    assert np.bincount(labels[chosen]).tolist() == [45, 30, 45]
    assert choose_references(labels, 0, most=2000).tolist() == list(range(1030))
