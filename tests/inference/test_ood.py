import io

import numpy as np
import pytest

from gastropath.errors import BadBundle
from gastropath.inference.ood import DomainCheck, distances
from gastropath.inference.views import VIEWS, dihedral


def test_the_distance_is_the_mean_cosine_distance_to_the_nearest(rng):
    references, features = rng.normal(size=(40, 7)), rng.normal(size=(2500, 7))
    found = distances(features, references, 3)
    cosine = (features @ references.T) / np.outer(np.linalg.norm(features, axis=1), np.linalg.norm(references, axis=1))
    np.testing.assert_allclose(found, (1 - np.sort(cosine, axis=1)[:, -3:]).mean(axis=1), atol=3e-4)


def test_a_distance_does_not_depend_on_the_company_to_the_last_bit(rng):
    references, features = rng.random((333, 300)).astype(np.float32), rng.random((70, 300)).astype(np.float32)
    check = DomainCheck(references, 5, 0.3)
    together = check.distances(features)
    order = rng.permutation(70)
    np.testing.assert_array_equal(check.distances(features[order]), together[order])
    np.testing.assert_array_equal(np.concatenate([check.distances(row[None]) for row in features]), together)
    np.testing.assert_array_equal(distances(features, references, 5), together)


def test_a_copy_of_a_reference_is_at_no_distance_and_a_stranger_is_unlike(rng):
    check = DomainCheck(np.abs(rng.normal(size=(20, 9))), 1, 0.4)
    assert not check.unlike(check.references * 3).any()
    assert check.unlike(-check.references).all()


def test_features_without_length_are_far_from_everything(rng):
    assert distances(np.zeros((1, 5)), np.abs(rng.normal(size=(9, 5))), 2)[0] == pytest.approx(1.0)


def test_references_come_back_from_the_file_in_half_precision(rng):
    check = DomainCheck(rng.normal(size=(12, 30)), 5, 0.3)
    again = DomainCheck.from_bytes(check.to_bytes(), 5, 0.3, "domain.npz")
    features = rng.normal(size=(50, 30))
    np.testing.assert_allclose(again.distances(features), check.distances(features), atol=2e-3)


@pytest.mark.parametrize("what", ["nothing", "noise", "pickle", "flat", "few", "nan", "other"])
def test_a_damaged_file_is_refused(what, rng):
    content = {
        "pickle": {"references": np.array([{}], dtype=object)},
        "flat": {"references": np.zeros(9)},
        "few": {"references": np.ones((3, 4))},
        "nan": {"references": np.full((9, 4), np.nan)},
        "other": {"something": np.ones((9, 4))},
    }
    buffer = io.BytesIO()
    if what in content:
        np.savez(buffer, **content[what], allow_pickle=True)
    data = {"nothing": b"", "noise": rng.bytes(500)}.get(what, buffer.getvalue())
    with pytest.raises(BadBundle, match=r"domain\.npz"):
        DomainCheck.from_bytes(data, 5, 0.3, "domain.npz")


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
