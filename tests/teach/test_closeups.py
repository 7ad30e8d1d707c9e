"""A tile is shown as it lies on the slide, and where it speaks for a class as the model computes it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from view_driver import Looked

from gastropath.inference.classifier import Classifier
from gastropath.inference.explain import explanations, tint
from gastropath.slides.source.slide import open_slide
from gastropath.teach.closeups import CloseUps
from gastropath.teach.maps import read_map


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def image(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as opened:
        return np.asarray(opened)


def test_a_tile_has_every_pixel_of_the_slide(squares_map: Looked):
    slide, shown = open_slide(squares_map.slide), read_map(squares_map.folder)
    closeups = CloseUps(shown, slide)
    for row in (0, 30, len(shown) - 1):  # the last is cut off twice
        x, y, width, height = shown.grid.rectangles(shown.numbers[[row]])[0].tolist()
        picture = image(closeups.picture(row))
        assert picture.shape == (height, width, 3)
        assert np.abs(picture.astype(int) - slide.read(0, x, y, width, height)).mean() < 3


def test_activation_is_what_explain_shows(starter_map: Looked, classifier: Classifier):
    slide, shown = open_slide(starter_map.slide), read_map(starter_map.folder)
    closeups = CloseUps(shown, slide)
    pixels = slide.read(0, 224, 0, 224, 224)
    (expected,) = explanations(classifier, [pixels], code="STR")
    assert expected.heat is not None
    drawn = image(closeups.activation(1, "STR", lambda: classifier))
    np.testing.assert_allclose(drawn, tint(expected.heat), atol=3)


def test_activation_of_a_tile_at_the_edge_is_that_of_its_part_on_the_slide(starter_map: Looked, classifier: Classifier):
    shown = read_map(starter_map.folder)
    closeups = CloseUps(shown, open_slide(starter_map.slide))
    corner = len(shown) - 1
    _, _, width, height = shown.grid.rectangles(shown.numbers[[corner]])[0].tolist()
    assert (width, height) == (600 - 448, 500 - 448)
    assert image(closeups.activation(corner, "ADI", lambda: classifier)).shape == (height, width, 4)


def test_a_tile_is_computed_once_for_all_classes(starter_map: Looked, classifier: Classifier):
    closeups = CloseUps(read_map(starter_map.folder), open_slide(starter_map.slide))
    asked = []

    def model() -> Classifier:
        asked.append(1)
        return classifier

    assert closeups.activation(0, "ADI", model) != closeups.activation(0, "TUM", model)
    assert len(asked) == 1
