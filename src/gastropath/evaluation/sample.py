"""Judged tiles drawn at random, with their pixels: what the checks work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gastropath.errors import NoTilesFound
from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.judged import JudgedTiles
from gastropath.inference.classifier import Classifier
from gastropath.results.predictions import Predictions


@dataclass(frozen=True)
class Sample:
    """Some judged tiles.

    Attributes
    ----------
    tiles
        In the model's size: ``uint8``, shape (n, tile_px, tile_px, 3).
    answers
        Of the model, one view a tile.
    true
        Class numbers, ``int64``, shape (n,).
    resampling
        Of these tiles.
    """

    tiles: np.ndarray
    answers: Predictions
    true: np.ndarray
    resampling: Resampling

    def __len__(self) -> int:
        return len(self.tiles)

    def first(self, n: int) -> Sample:
        """Return the first tiles, which are as random as all of them."""
        rows = np.arange(min(n, len(self)))
        return Sample(self.tiles[rows], self.answers[rows], self.true[rows], self.resampling.take(rows))


def draw_sample(classifier: Classifier, tiles: JudgedTiles, most: int) -> Sample:
    """Draw judged tiles at random and look at them once more.

    Parameters
    ----------
    tiles
        The judged tiles, all of which could be read before; their seed draws.
    most
        Tiles at most.

    Raises
    ------
    NoTilesFound
        If none of them can be read any more.
    """
    drawn = np.random.default_rng(tiles.seed).permutation(len(tiles.judged))[:most]
    some = tiles.index.take(tiles.judged[drawn])
    answers = classifier.predict(list(some.files()), mpp=some.mpp(), shown=some.pixels, tiles=True)
    there = np.flatnonzero(answers.is_classified)
    if not len(there):
        what = "the tiles could be read before and cannot be read any more"
        raise NoTilesFound(what, where=tiles.index.root, remedy="try again")
    found = answers[there]
    return Sample(found.kept("tiles"), found, tiles.labels[drawn[there]], tiles.resampling.take(drawn[there]))
