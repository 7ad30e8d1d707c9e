"""From a classifier and labelled tiles to figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from gastropath import formulas
from gastropath.data.index import TileIndex
from gastropath.data.learned import TileKey, tile_keys
from gastropath.data.split.split import PARTS, Split
from gastropath.errors import NoTilesFound
from gastropath.evaluation.corruption import robustness
from gastropath.evaluation.description import describe_tiles
from gastropath.evaluation.estimates import Resampling, abstention, accuracies, against_colour, calibration
from gastropath.evaluation.faithfulness import explanation_checks
from gastropath.evaluation.outsiders import Outsiders, meet_outsiders
from gastropath.evaluation.sample import draw_sample
from gastropath.evaluation.shortcuts import answers_by_colour, doubts
from gastropath.inference.classifier import Classifier
from gastropath.progress import Progress, silent
from gastropath.report.sections.split import count_leakage
from gastropath.results.card import Calibration as CardCalibration
from gastropath.results.card import Card
from gastropath.results.checks import ExplanationChecks, Robustness, TileStatistics
from gastropath.results.interval import Interval
from gastropath.results.metrics import (
    DomainMetrics,
    JudgedPart,
    Metrics,
    OutOfDistributionMetrics,
    ShortcutBaseline,
    SplitInfo,
)
from gastropath.results.predictions import Predictions

_CHANGED_TILES = 300
_EXPLAINED_TILES, _FEWEST_EXPLAINED = 48, 10


@dataclass(frozen=True)
class _Checks:
    """What is measured beside the answers to the judged tiles; nothing for answers of several models."""

    data: TileStatistics | None = None
    other_classes: Mapping[str, OutOfDistributionMetrics] = field(default_factory=dict)
    pictures: Mapping[str, OutOfDistributionMetrics] = field(default_factory=dict)
    robustness: Robustness | None = None
    explanations: ExplanationChecks | None = None
    colour: ShortcutBaseline = field(default_factory=lambda: ShortcutBaseline(macro_f1=None))
    remembered: int | None = None
    views: int = 1


@dataclass(frozen=True)
class Assessment:
    """Figures, and the answers they were computed from.

    Attributes
    ----------
    index
        The tiles of classes that the model has, those of all parts.
    parts
        Part of each tile; ``"all"`` where there is no split.
    predictions
        One answer a tile.
    shortcut
        Class number the colour histogram gave each tile of the judged part, ``int64``; -1 elsewhere.
    outsiders
        Tiles of other classes, pictures without tissue, and the answers to both; ``None`` where nobody asked the model.
    metrics
        The figures of the judged part.
    """

    index: TileIndex
    parts: tuple[str, ...]
    predictions: Predictions
    shortcut: np.ndarray
    outsiders: Outsiders | None
    metrics: Metrics

    @property
    def true(self) -> np.ndarray:
        """Class number of each tile, ``int64``, shape (n,)."""
        return self.index.numbers(self.predictions.classes)

    @property
    def judged(self) -> np.ndarray:
        """Rows of the judged part that could be read, ``int64``."""
        in_part = np.array([part == self.metrics.part for part in self.parts])
        return np.flatnonzero(in_part & self.predictions.is_classified)


def assess(
    classifier: Classifier,
    index: TileIndex,
    split: Split | None,
    *,
    learned: Collection[TileKey] | None = None,
    views: int = 1,
    seed: int = 0,
    progress: Progress = silent,
) -> Assessment:
    """Judge a classifier on the test part of a split, or on all tiles where there is none.

    Tiles of classes that the model does not have, whatever their part, are counted as unknown to it; so are drawn
    pictures and photographs that show no tissue.

    Parameters
    ----------
    learned
        Tiles the model learned from, to find them among the judged ones; ``None`` if not known.
    views
        Flips and quarter turns over which each answer is averaged; changed tiles and maps are checked with one.

    Raises
    ------
    NoTilesFound
        If no tile has a class the model knows, or none of the judged part could be read.
    """
    card = classifier.card
    strange = index.take(i for i, label in enumerate(index.labels) if label not in classifier.classes)
    index, parts = _judgeable(classifier, index, split)
    predictions = classifier.predict(list(index.files()), mpp=index.mpp(), views=views, progress=progress)
    judged_part: JudgedPart = "test" if split else "all"
    rows = _rows(index, parts, judged_part, predictions)
    judged, true = rows[judged_part], index.numbers(card.codes)
    resampling = Resampling.of(index, judged, seed)
    shortcut = np.full(len(index), -1)
    if split:
        shortcut = answers_by_colour(index, true, rows["train"], judged, progress=progress)
    outsiders = meet_outsiders(classifier, strange, views=views, seed=seed, progress=progress)
    sample = draw_sample(classifier, index, true, judged, resampling, _CHANGED_TILES)
    by_colour, answers = shortcut[judged], predictions[judged]
    checks = _Checks(
        data=describe_tiles(card, index.take(judged), answers, strange, seed, progress),
        other_classes=outsiders.metrics(outsiders.other_classes, answers, seed),
        pictures=outsiders.metrics(outsiders.pictures, answers, seed),
        robustness=robustness(classifier, sample, progress=progress),
        explanations=explanation_checks(classifier, sample.first(_EXPLAINED_TILES), progress=progress)
        if len(sample) >= _FEWEST_EXPLAINED
        else None,
        remembered=_remembered(card, index, split, judged, learned),
        views=views,
        colour=ShortcutBaseline(macro_f1=None)
        if (by_colour < 0).any()
        else against_colour(true[judged], answers.numbers, by_colour, resampling),
    )
    metrics = _metrics(card, index, true, predictions, rows, judged_part, resampling, split, checks)
    return Assessment(index, parts, predictions, shortcut, outsiders, metrics)


def assess_out_of_fold(card: Card, index: TileIndex, predictions: Predictions, *, seed: int = 0) -> Assessment:
    """Judge answers that models gave which had not seen the tile, one answer a tile of the index.

    Parameters
    ----------
    card
        Of the model that was trained on all folds: its classes, and whether it abstains.
    """
    # Each answer was calibrated by its own fold's model; the card's numbers are those of another one.
    card = card.model_copy(update={"calibration": CardCalibration(), "abstention": None, "domain": None})
    return assess_answers(card, index, predictions, "out-of-fold", seed=seed)


def assess_answers(
    card: Card, index: TileIndex, predictions: Predictions, part: JudgedPart, *, seed: int = 0
) -> Assessment:
    """Judge answers without asking a model: one answer a tile of the index, all of one part.

    Parameters
    ----------
    card
        What is known of the model that gave them.
    """
    parts = (part,) * len(index)
    rows = _rows(index, parts, part, predictions)
    resampling = Resampling.of(index, rows[part], seed)
    true = index.numbers(card.codes)
    metrics = _metrics(card, index, true, predictions, rows, part, resampling, None, _Checks())
    return Assessment(index, parts, predictions, np.full(len(index), -1), None, metrics)


def _judgeable(classifier: Classifier, index: TileIndex, split: Split | None) -> tuple[TileIndex, tuple[str, ...]]:
    """Return the tiles whose class the model has, and the part of each."""
    index = split.index if split else index
    known = [i for i, label in enumerate(index.labels) if label in classifier.classes]
    if not known:
        classes, known_to_model = ", ".join(index.classes), ", ".join(classifier.classes)
        raise NoTilesFound(
            f"none of its classes ({classes}) is one of the model's ({known_to_model})", where=index.root
        )
    return index.take(known), tuple(split.parts[i] for i in known) if split else ("all",) * len(known)


def _remembered(
    card: Card,
    index: TileIndex,
    split: Split | None,
    judged: np.ndarray,
    learned: Collection[TileKey] | None,
) -> int | None:
    """Count the judged tiles that the model learned from; ``None`` where nothing is known of these."""
    if split is None and card.training_data.sha256 == index.sha256():
        return len(judged)
    if learned is None:
        return None
    return sum(key in learned for key in tile_keys(index, judged))


def _rows(
    index: TileIndex, parts: tuple[str, ...], judged_part: JudgedPart, predictions: Predictions
) -> dict[str, np.ndarray]:
    """Return the readable rows of each part."""
    of = np.array(parts)
    rows = {
        part: np.flatnonzero(predictions.is_classified & (of == part)) for part in dict.fromkeys((*PARTS, judged_part))
    }
    if judged_part not in parts:
        raise NoTilesFound(f"the {judged_part} part has no tile of a class that the model has", where=index.root)
    if not len(rows[judged_part]):
        raise NoTilesFound("none of the tiles to judge could be read", where=index.root)
    return rows


def _metrics(
    card: Card,
    index: TileIndex,
    true: np.ndarray,
    predictions: Predictions,
    rows: dict[str, np.ndarray],
    judged_part: JudgedPart,
    resampling: Resampling,
    split: Split | None,
    checks: _Checks,
) -> Metrics:
    """Compute what follows from answers alone, and put it together with the checks."""
    judged = rows[judged_part]
    answers, labels = predictions[judged], true[judged]
    overall = accuracies(card.codes, labels, answers.probabilities, resampling)
    matrix = formulas.confusion_matrix(labels, answers.numbers, len(card.codes))
    pairs = (split.identical_pairs_across_parts, split.near_pairs_across_parts) if split else (None, None)
    leakage = count_leakage(*pairs)
    refused = int((~predictions.is_classified).sum())
    told = [
        resampling.warning,
        leakage.warning,
        *doubts(card, index, split, overall.accuracy, checks.remembered or 0),
        f"{refused:,} files could not be read and are left out; predictions.csv names them" if refused else None,
        _told_of_others(checks.data.other_classes) if checks.data and checks.data.other_classes else None,
    ]
    rule, abstained = card.domain, abstention(card, labels, answers, resampling)
    return Metrics(
        part=judged_part,
        n=len(judged),
        groups=len({index.groups[i] for i in judged} - {""}),
        refused=refused,
        classes=card.codes,
        synthetic=index.synthetic or card.training_data.synthetic,
        split=SplitInfo(
            method=split.method,
            seed=split.seed,
            tiles={part: len(split.rows(part)) for part in PARTS},
            purged=dict(split.purged),
        )
        if split
        else None,
        resampled=resampling.kind,
        parts={part: len(found) for part, found in rows.items()},
        remembered=checks.remembered,
        views=checks.views,
        accuracy=overall.accuracy,
        train_accuracy=_accuracy(true, predictions, rows["train"], resampling.seed) if split else None,
        val_accuracy=_accuracy(true, predictions, rows["val"], resampling.seed) if split else None,
        balanced_accuracy=overall.macro_recall,
        macro_precision=overall.macro_precision,
        macro_recall=overall.macro_recall,
        macro_f1=overall.macro_f1,
        per_class=overall.per_class,
        confusion_matrix=tuple(tuple(int(n) for n in row) for row in matrix),
        calibration=calibration(card, labels, answers.probabilities, resampling),
        abstention=abstained,
        domain=DomainMetrics(
            method=rule.method if rule else None,
            threshold=rule.threshold if rule else None,
            unlike_training=abstained.unlike_training,
            other_classes=dict(checks.other_classes),
            pictures=dict(checks.pictures),
        ),
        data=checks.data,
        robustness=checks.robustness,
        explanations=checks.explanations,
        shortcut_baseline=checks.colour,
        leakage=leakage,
        warnings=tuple(warning for warning in told if warning),
    )


def _told_of_others(others: Mapping[str, int]) -> str:
    return (
        f"{sum(others.values()):,} tiles of classes the model does not have ({', '.join(sorted(others))}) are no part "
        "of the accuracy; the right answer to them is none"
    )


def _accuracy(true: np.ndarray, predictions: Predictions, rows: np.ndarray, seed: int) -> Interval | None:
    if not len(rows):
        return None
    return Resampling(np.arange(len(rows)), "tiles", None, seed).share(predictions.numbers[rows] == true[rows])
