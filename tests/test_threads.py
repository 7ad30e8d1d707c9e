"""Threads do not disturb each other: models opened at once, maps made at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.inference.classifier import Classifier
from gastropath.slides.mapping import map_picture
from gastropath.slides.source.picture import Picture
from gastropath.slides.source.spacing import Spacing


def test_models_opened_at_once_answer_as_one_opened_alone(rng):
    tiles = rng.integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    alone = Classifier.load().predict(tiles).probabilities
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: Classifier.load().predict(tiles).probabilities, range(4)))
    assert all((probabilities == alone).all() for probabilities in found)


def test_maps_made_at_once_by_one_model_are_those_made_alone(rng):
    model = Classifier.load()
    pictures = [rng.integers(100, 200, (500, 600, 3), dtype=np.uint8) for _ in range(3)]

    def mapped(pixels: np.ndarray) -> dict[str, bytes]:
        picture = Picture(Path("tissue.png"), Image.fromarray(pixels), Spacing(x=0.5, y=0.5, source="test"))
        return map_picture(picture, model, mask=False).files

    alone = [mapped(pixels) for pixels in pictures]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(mapped, pictures)) == alone
