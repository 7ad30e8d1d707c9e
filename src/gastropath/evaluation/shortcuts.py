"""Is the result less than it looks? Colour alone, tiles learned from, accuracy too good to be true."""

from __future__ import annotations

import numpy as np

from gastropath.data.colour.baseline import ColourBaseline, histograms_of
from gastropath.data.index import TileIndex
from gastropath.data.split.split import Split
from gastropath.errors import CannotReadImage
from gastropath.progress import Progress, silent
from gastropath.report.sections.split import method_warning
from gastropath.results.card import Card
from gastropath.results.interval import Interval
from gastropath.tissue import TISSUE_CLASSES

LEARNED_FROM = (
    "Judged tiles are among those the model learned from: the metrics say how well it remembers, not how good it is."
)

_BASELINE_TILES = 4000
_CREDIBLE_ACCURACY = 0.85


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
        train = np.sort(np.random.default_rng(0).choice(train, _BASELINE_TILES, replace=False))
    answers = np.full(len(index), -1)
    if len(np.unique(true[train])) < 2:
        return answers
    files = [index.root / index.paths[i] for i in np.concatenate([train, test])]
    try:
        histograms = histograms_of(files, progress=progress)
    except CannotReadImage:  # it was readable a moment ago; without a baseline the report does without
        return answers
    baseline = ColourBaseline().fit(histograms[: len(train)], true[train])
    answers[test] = baseline.predict(histograms[len(train) :])
    return answers


def doubts(card: Card, index: TileIndex, split: Split | None, accuracy: Interval, remembered: int) -> list[str]:
    """Say in words what makes a result less than it looks, beside copies across parts.

    Parameters
    ----------
    card
        Of the model.
    index
        The tiles.
    split
        Of them; ``None`` where all are judged.
    accuracy
        On the judged tiles.
    remembered
        Judged tiles that the model learned from.
    """
    told = []
    if remembered:
        told.append(f"{LEARNED_FROM} ({remembered:,} of them, by path, label and size.)")
    if split and card.training_data.review:
        told.append(
            "The model learned from reviewed labels; all metrics here follow the labels as they were published, and "
            "tiles that the review dropped are judged too."
        )
    counted = split is not None and split.duplicate_pairs_across_parts is not None
    if split and (warning := method_warning(split.method, counted=counted)):
        told.append(warning)
    ours = {tissue.code for tissue in TISSUE_CLASSES}
    high = accuracy.value is not None and accuracy.value > _CREDIBLE_ACCURACY
    if high and not (index.synthetic or card.training_data.synthetic) and set(card.codes) == ours and not remembered:
        told.append(
            f"Accuracy is above {_CREDIBLE_ACCURACY:.2f}; the best credible published results on HMU-GC-HE-30K are "
            "near 0.76. Before believing it, look for tiles that the model learned from: audit one folder against the "
            "other."
        )
    return told
