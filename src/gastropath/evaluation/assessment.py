"""From a classifier and labelled tiles to metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gastropath import formulas
from gastropath.data.alike import joined
from gastropath.data.audit.audit import with_pixels
from gastropath.data.index import TileIndex
from gastropath.data.split.split import PARTS, Split
from gastropath.errors import NoTilesFound
from gastropath.evaluation.caveats import caveats
from gastropath.evaluation.colour_baseline import answers_by_colour
from gastropath.evaluation.corruption import robustness
from gastropath.evaluation.estimates import Resampling, abstention, accuracies, against_colour, calibration
from gastropath.evaluation.faithfulness import explanation_checks
from gastropath.evaluation.judged import JudgedTiles
from gastropath.evaluation.out_of_distribution import OutOfDistribution, judge_out_of_distribution
from gastropath.evaluation.sample import draw_sample
from gastropath.evaluation.sources import by_source, named_sources
from gastropath.evaluation.tile_statistics import tile_statistics
from gastropath.inference.classifier import Classifier
from gastropath.parallel import one_thread_each
from gastropath.progress import Progress, silent
from gastropath.report.sections.leakage import count_leakage
from gastropath.results.card import Calibration as CardCalibration
from gastropath.results.card import Card
from gastropath.results.faithfulness import ExplanationChecks
from gastropath.results.interval import Interval
from gastropath.results.metrics import (
    Checks,
    DomainMetrics,
    JudgedPart,
    Metrics,
    OutOfDistributionMetrics,
    ShortcutBaseline,
    SplitInfo,
)
from gastropath.results.predictions import Predictions
from gastropath.results.robustness import Robustness
from gastropath.results.tile_statistics import TileStatistics

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
    which: Checks | None = None
    strange: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Assessment:
    """Metrics, and the answers they were computed from.

    Attributes
    ----------
    tiles
        The tiles of classes that the model has, those of all parts, with their answers.
    shortcut
        Class number that the colour histogram gave each tile of the judged part, ``int64``; -1 elsewhere.
    out_of_distribution
        Tiles of other classes, pictures without tissue, and the answers to both; ``None`` where nobody asked the model.
    metrics
        Of the judged part.
    """

    tiles: JudgedTiles
    shortcut: np.ndarray
    out_of_distribution: OutOfDistribution | None
    metrics: Metrics

    @property
    def index(self) -> TileIndex:
        """The tiles."""
        return self.tiles.index

    @property
    def parts(self) -> tuple[str, ...]:
        """Part of each tile; ``"all"`` where there is no split."""
        return self.tiles.parts

    @property
    def predictions(self) -> Predictions:
        """One answer a tile."""
        return self.tiles.predictions

    @property
    def true(self) -> np.ndarray:
        """Class number of each tile, ``int64``, shape (n,)."""
        return self.tiles.true

    @property
    def judged(self) -> np.ndarray:
        """Rows of the judged part that could be read, ``int64``."""
        return self.tiles.judged


def assess(
    classifier: Classifier,
    index: TileIndex,
    split: Split | None,
    *,
    learned: Collection[str] | None = None,
    views: int = 1,
    seed: int = 0,
    checks: Checks = "full",
    notes: Sequence[str] = (),
    progress: Progress = silent,
) -> Assessment:
    """Judge a classifier on the test part of a split, or on all tiles where there is none.

    Tiles of classes that the model does not have, whatever their part, are counted as unknown to it; so are drawn
    pictures and photographs that show no tissue.

    Parameters
    ----------
    index, split
        The tiles, which are read here if nobody has, and how they are divided.
    learned
        Pixels (:func:`gastropath.images.pixel_sha256`) of the tiles the model learned from, to find them among the
        judged ones; ``None`` if not known.
    views
        Flips and quarter turns over which each answer is averaged; changed tiles and maps are checked with one.
    checks
        ``"full"``; ``"quick"`` leaves out what asks the model for more pictures: changed tiles, activation maps and
        pictures that show no tissue; ``"none"`` leaves out all that does not follow from the answers to the tiles.
    notes
        What else is to be said of the figures, a sentence each.

    Raises
    ------
    NoTilesFound
        If no tile has a class the model knows, or none of the judged part could be read.
    """
    with one_thread_each():
        return _assessed(classifier, index, split, learned, views, seed, checks, notes, progress)


def _assessed(
    classifier: Classifier,
    index: TileIndex,
    split: Split | None,
    learned: Collection[str] | None,
    views: int,
    seed: int,
    which: Checks,
    notes: Sequence[str],
    progress: Progress,
) -> Assessment:
    card = classifier.card
    if split and not split.index.pixels:
        split = replace(split, index=with_pixels(split.index))
    index, of_index = _as_the_model_spells(index if split else with_pixels(index), classifier.classes)
    if split:
        judged, found = _as_the_model_spells(split.index, classifier.classes)
        split, of_index = replace(split, index=judged), found or of_index
    strange = index.take(i for i, label in enumerate(index.labels) if label not in classifier.classes)
    index, parts = _judgeable(classifier, index, split)
    predictions = classifier.predict(
        list(index.files()), mpp=index.mpp(), shown=index.pixels, views=views, progress=progress
    )
    tiles = JudgedTiles(card, index, predictions, parts, "test" if split else "all", split, seed)
    shortcut = np.full(len(index), -1)
    if split and which != "none":
        shortcut = answers_by_colour(index, tiles.true, tiles.rows["train"], tiles.judged, progress=progress)
    unknown = judge_out_of_distribution(
        classifier, strange, views=views, seed=seed, pictures=which == "full", progress=progress
    )
    sample = draw_sample(classifier, tiles, _CHANGED_TILES) if which == "full" else None
    by_colour, answers = shortcut[tiles.judged], tiles.answers
    checks = _Checks(
        data=tile_statistics(card, index.take(tiles.judged), answers, strange, seed, progress)
        if which != "none"
        else None,
        other_classes=unknown.metrics(unknown.other_classes, answers, seed),
        pictures=unknown.metrics(unknown.pictures, answers, seed),
        robustness=robustness(classifier, sample, progress=progress) if sample else None,
        explanations=explanation_checks(classifier, sample.first(_EXPLAINED_TILES), progress=progress)
        if sample and len(sample) >= _FEWEST_EXPLAINED
        else None,
        remembered=_remembered(tiles, learned),
        views=views,
        which=which,
        strange=Counter(strange.labels),
        colour=ShortcutBaseline(macro_f1=None)
        if (by_colour < 0).any()
        else against_colour(tiles.labels, answers.numbers, by_colour, tiles.resampling),
    )
    return Assessment(tiles, shortcut, unknown, _metrics(tiles, checks, (*of_index, *notes)))


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
    tiles = JudgedTiles(card, index, predictions, (part,) * len(index), part, None, seed)
    return Assessment(tiles, np.full(len(index), -1), None, _metrics(tiles, _Checks()))


def _as_the_model_spells(index: TileIndex, classes: Sequence[str]) -> tuple[TileIndex, tuple[str, ...]]:
    """Give labels that print like classes of the model, or differ in case only, their spelling; and say so."""
    labels, found = joined(index.labels, classes)
    return replace(index, labels=labels), tuple(f"{entry.sentence('label')}." for entry in found)


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


def _remembered(tiles: JudgedTiles, learned: Collection[str] | None) -> int | None:
    """Count the judged tiles that the model learned from; ``None`` where nothing is known of these."""
    if tiles.split is None and tiles.card.training_data.sha256 == tiles.index.sha256():
        return len(tiles.judged)
    if learned is None:
        return None
    return sum(tiles.index.pixels[i] in learned for i in tiles.judged)


def _metrics(tiles: JudgedTiles, checks: _Checks, notes: Sequence[str] = ()) -> Metrics:
    """Compute what follows from answers alone, and put it together with the checks."""
    card, index, split, resampling = tiles.card, tiles.index, tiles.split, tiles.resampling
    answers, labels = tiles.answers, tiles.labels
    overall = accuracies(card.codes, labels, answers.probabilities, resampling)
    matrix = formulas.confusion_matrix(labels, answers.numbers, len(card.codes))
    pairs = (split.identical_pairs_across_parts, split.near_pairs_across_parts) if split else (None, None)
    leakage = count_leakage(*pairs)
    other_classes, remembered = dict(checks.strange), checks.remembered or 0
    warnings = caveats(tiles, overall.accuracy, leakage, remembered=remembered, other_classes=other_classes)
    rule, abstained = card.domain, abstention(card, labels, answers, resampling)
    return Metrics(
        part=tiles.judged_part,
        n=len(labels),
        groups=len({index.groups[i] for i in tiles.judged} - {""}),
        refused=int((~tiles.predictions.is_classified).sum()),
        classes=card.codes,
        synthetic=index.synthetic or card.training_data.synthetic,
        split=SplitInfo(
            method=split.method,
            seed=split.seed,
            tiles={part: len(split.rows(part)) for part in PARTS},
            purged=dict(split.purged),
            kept_together=dict(split.kept_together) if split.kept_together is not None else None,
            grouped_by=split.grouped_by,
        )
        if split
        else None,
        resampled=resampling.kind,
        parts={part: len(found) for part, found in tiles.rows.items()},
        remembered=checks.remembered,
        views=checks.views,
        checks=checks.which,
        accuracy=overall.accuracy,
        train_accuracy=_accuracy(tiles, "train"),
        val_accuracy=_accuracy(tiles, "val"),
        balanced_accuracy=overall.macro_recall,
        macro_precision=overall.macro_precision,
        macro_recall=overall.macro_recall,
        macro_f1=overall.macro_f1,
        per_class=overall.per_class,
        by_source=by_source(card, named_sources(index.take(tiles.judged)), labels, answers, resampling),
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
        warnings=(*warnings, *notes),
    )


def _accuracy(tiles: JudgedTiles, part: str) -> Interval | None:
    """Return the accuracy on another part of the split; ``None`` where there is none."""
    rows = tiles.rows[part]
    if tiles.split is None or not len(rows):
        return None
    right = tiles.predictions.numbers[rows] == tiles.true[rows]
    return Resampling(np.arange(len(rows)), "tiles", None, tiles.seed).share(right)
