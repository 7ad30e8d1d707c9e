"""A user who labels as the truth says: five labels a class teach a model a stain that it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lessons import learned  # pyright: ignore[reportMissingImports]

from gastropath.data.synthetic.slide import PICTURE, write_slide
from gastropath.data.synthetic.truth import class_of, read_truth
from gastropath.inference.classifier import Classifier
from gastropath.teach.lesson.lesson import Lesson
from gastropath.teach.maps import find_maps, readable_maps
from gastropath.workflows.slides import map_slides

EACH = 5


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of half the demo's size, in stains from outside of the range that models learn from."""
    return write_slide(tmp_path_factory.mktemp("foreign") / "slide", seed=4, size_px=(2816, 2432), shifted=True)


def test_five_labels_a_class_raise_the_accuracy_of_the_others_by_fifteen_points(foreign, finished_run, tmp_path):
    classifier = Classifier.load(finished_run)
    map_slides(foreign, tmp_path / "ours" / "maps", classifier, mask=False, features=True)
    lesson = Lesson(tmp_path / "ours", classifier, classifier.classes, "", lambda: "")
    lesson.begin(readable_maps(find_maps([tmp_path / "ours" / "maps"]))[0], [foreign])
    pool, plan = lesson.pools["drawn"], read_truth(foreign.with_name(PICTURE))
    truth = {number: class_of(plan, *map(int, pool.box(number))) for number in pool.numbers.tolist()}
    rng = np.random.default_rng(0)
    order = [number for number in rng.permutation(pool.numbers).tolist() if truth[number]]
    labelled: set[int] = set()
    for code in lesson.codes:
        own = [number for number in order if truth[number] == code][:EACH]
        if own:
            labelled.update(own)
            lesson.label(0, own, code, "own")
    learned(lesson)
    others = [number for number in order if number not in labelled]
    wanted = np.array([lesson.codes.index(truth[number]) for number in others])
    rows = pool.rows[[pool.row_of[number] for number in others]]
    before, after = lesson.taught["drawn"].before()[rows], lesson.taught["drawn"].shown.labels[rows]
    lesson.end()
    assert np.mean(after == wanted) >= np.mean(before == wanted) + 0.15
