"""What colour alone tells of the judged tiles: a model that is no better has learned the stain."""

from __future__ import annotations

import numpy as np

from gastropath.data.colour.baseline import ColourBaseline
from gastropath.data.colour.histograms import histograms_of
from gastropath.data.index import TileIndex
from gastropath.errors import CannotReadImage
from gastropath.progress import Progress, silent

_BASELINE_TILES = 4000


def answers_by_colour(
    index: TileIndex, true: np.ndarray, train: np.ndarray, test: np.ndarray, *, progress: Progress = silent
) -> np.ndarray:
    """Train the colour-histogram baseline on some tiles and let it answer for others.

    Parameters
    ----------
    index
        The tiles.
    true
        Class number of each.
    train, test
        Rows; of more than 4,000 training tiles as many are drawn.

    Returns
    -------
    numpy.ndarray
        Class numbers, ``int64``, shape (n,); -1 for tiles not asked for, and for all where fewer than two classes have
        training tiles.
    """
    if len(train) > _BASELINE_TILES:
        train = train[np.sort(np.random.default_rng(0).choice(len(train), _BASELINE_TILES, replace=False))]
    answers = np.full(len(index), -1)
    if len(np.unique(true[train])) < 2:
        return answers
    try:
        histograms = histograms_of(index.take(np.concatenate([train, test])), progress=progress)
    except CannotReadImage:  # it was readable a moment ago; without a baseline the report does without
        return answers
    baseline = ColourBaseline().fit(histograms[: len(train)], true[train])
    answers[test] = baseline.predict(histograms[len(train) :])
    return answers
