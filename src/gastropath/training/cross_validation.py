"""Out-of-fold answers: every tile judged by a model that was trained, and calibrated, without its fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.data.split.split import Split
from gastropath.errors import UnknownSetting
from gastropath.inference.classifier import Classifier
from gastropath.progress import Progress, silent
from gastropath.results.predictions import Predictions

TrainFold = Callable[[int, Split], Classifier]
"""Trains on the split of one fold and returns the calibrated model."""


def fold_splits(split: Split, *, with_validation: bool) -> Iterator[tuple[int, Split]]:
    """Yield, for each fold, the split whose test part is that fold.

    Parameters
    ----------
    split
        With folds; tiles without one are left out.
    with_validation
        Whether the method needs a validation part: it is then the fold after the one tested. Otherwise all other tiles
        are trained on.

    Raises
    ------
    UnknownSetting
        If the split has no folds, or too few to train on one, watch another and test a third.
    """
    if not split.folds:
        raise UnknownSetting(
            "this split has no folds", parameter="folds", remedy="make the table of `split` with `folds`"
        )
    rows = [row for row, fold in enumerate(split.folds) if fold]
    fold = np.array([int(split.folds[row]) for row in rows])
    numbers = np.unique(fold)
    if with_validation and len(numbers) < 3:
        raise UnknownSetting(
            f"{len(numbers)} are too few: this recipe tests one fold, watches another and trains on the others",
            parameter="folds",
            remedy="use at least 3 `folds`",
        )
    for place, number in enumerate(numbers):
        watched = numbers[(place + 1) % len(numbers)] if with_validation else None
        parts = tuple("test" if f == number else "val" if f == watched else "train" for f in fold)
        yield int(number), replace(split, index=split.index.take(rows), parts=parts, folds=tuple(map(str, fold)))


@dataclass(frozen=True)
class OutOfFold:
    """Tiles that have a fold, the fold of each, and what a model said of it that was trained without that fold."""

    index: TileIndex
    folds: tuple[str, ...]
    predictions: Predictions


def cross_validate(split: Split, train: TrainFold, *, with_validation: bool, progress: Progress = silent) -> OutOfFold:
    """Train a model for each fold and let it answer for the tiles it has not seen."""
    order: list[int] = []
    answers: list[Predictions] = []
    folded = split
    for number, folded in fold_splits(split, with_validation=with_validation):
        held = folded.part("test")
        progress(f"fold {len(answers) + 1}", 0, len(held))
        answers.append(
            train(number, folded).predict(held.files(), mpp=held.mpp(), shown=held.pixels, progress=progress)
        )
        order += folded.rows("test")
    return OutOfFold(folded.index, folded.folds, Predictions.joined(answers, split.index.classes)[np.argsort(order)])
