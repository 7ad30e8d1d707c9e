"""From a classifier and labelled tiles to figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gastropath import measures
from gastropath.bundle.card import Card
from gastropath.cluster import Progress, silent
from gastropath.data.colour.baseline import ColourBaseline, histograms_of
from gastropath.data.index import TileIndex
from gastropath.data.split.split import PARTS, Split
from gastropath.errors import NoTilesFound
from gastropath.evaluation.metrics import (
    AbstentionFigures,
    Calibration,
    CalibrationFigures,
    ClassCoverage,
    ClassFigures,
    DomainFigures,
    Figure,
    JudgedPart,
    Leakage,
    Metrics,
    ReliabilityPoint,
    ShortcutBaseline,
    SplitInfo,
)
from gastropath.inference.classifier import Classifier
from gastropath.inference.predictions import LOW_CONFIDENCE, UNLIKE, Predictions
from gastropath.measures import Estimate
from gastropath.tissue import TISSUE_CLASSES

_ENOUGH_GROUPS = 20
_BASELINE_TILES = 4000
_CREDIBLE_ACCURACY = 0.85


@dataclass(frozen=True)
class Assessment:
    """Figures, and the answers they were computed from.

    Attributes
    ----------
    index
        The tiles, those of all parts.
    parts
        Part of each tile; ``"all"`` where there is no split.
    predictions
        One answer a tile.
    shortcut
        Class number the colour histogram gave each tile of the judged part, ``int64``; -1 elsewhere.
    metrics
        The figures of the judged part.
    """

    index: TileIndex
    parts: tuple[str, ...]
    predictions: Predictions
    shortcut: np.ndarray
    metrics: Metrics

    @property
    def true(self) -> np.ndarray:
        """Class number of each tile, ``int64``, shape (n,)."""
        return self.index.numbers(self.predictions.classes)

    @property
    def judged(self) -> np.ndarray:
        """Rows of the judged part that could be read, ``int64``."""
        in_part = np.array([part == self.metrics.part for part in self.parts])
        return np.flatnonzero(in_part & self.predictions.classified)


def assess(
    classifier: Classifier,
    index: TileIndex,
    split: Split | None,
    *,
    views: int = 1,
    seed: int = 0,
    progress: Progress = silent,
) -> Assessment:
    """Judge a classifier on the test part of a split, or on all tiles where there is none.

    Raises
    ------
    NoTilesFound
        If no tile has a class the model knows, or none of the judged part could be read.
    """
    index, parts, left_out = _judgeable(classifier, index, split)
    predictions = classifier.predict_files(list(index.files()), mpp=index.mpp(), views=views, progress=progress)
    part = "test" if split else "all"
    return _judged(classifier.card, index, parts, part, predictions, split, left_out, seed, progress)


def assess_out_of_fold(card: Card, index: TileIndex, predictions: Predictions, *, seed: int = 0) -> Assessment:
    """Judge answers that models gave which had not seen the tile, one answer a tile of the index.

    Parameters
    ----------
    card
        Of the model that was trained on all folds: its classes, and whether it abstains.
    """
    parts = ("out-of-fold",) * len(index)
    return _judged(card, index, parts, "out-of-fold", predictions, None, [], seed, silent)


def _judged(
    card: Card,
    index: TileIndex,
    parts: tuple[str, ...],
    judged_part: JudgedPart,
    predictions: Predictions,
    split: Split | None,
    left_out: list[str],
    seed: int,
    progress: Progress,
) -> Assessment:
    true = index.numbers(card.codes)
    classified = predictions.classified
    rows = {part: np.flatnonzero(classified & (np.array(parts) == part)) for part in {*PARTS, judged_part}}
    judged = rows[judged_part]
    if not len(judged):
        raise NoTilesFound(f"{index.root}: none of the tiles to judge could be read")
    units, resampled, unit_warning = _units(index, judged)
    shortcut = _shortcut(index, true, rows, progress) if split else np.full(len(index), -1)
    figures = _figures(true[judged], predictions.probabilities[judged], units, seed)
    matrix = measures.confusion_matrix(true[judged], predictions.numbers[judged], len(card.codes))
    pairs = (split.identical_pairs_across_parts, split.near_pairs_across_parts) if split else (None, None)
    leakage = Leakage.of(*pairs)
    overall = Figure.of(figures["accuracy"])
    warnings = [unit_warning, leakage.warning, *_doubts(card, index, split, overall), *left_out]
    refused = int((~classified).sum())
    if refused:
        warnings.append(f"{refused:,} files could not be read and are left out; predictions.csv names them")
    abstention = _abstention(card, true, predictions, judged)
    metrics = Metrics(
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
        resampled=resampled,
        accuracy=overall,
        train_accuracy=_accuracy(true, predictions, rows["train"], seed) if split else None,
        val_accuracy=_accuracy(true, predictions, rows["val"], seed) if split else None,
        balanced_accuracy=Figure.of(figures["macro_recall"]),
        macro_precision=Figure.of(figures["macro_precision"]),
        macro_recall=Figure.of(figures["macro_recall"]),
        macro_f1=Figure.of(figures["macro_f1"]),
        per_class={
            code: ClassFigures(
                precision=Figure.of(figures[f"precision {i}"]),
                recall=Figure.of(figures[f"recall {i}"]),
                f1=Figure.of(figures[f"f1 {i}"]),
                auroc=Figure.of(figures[f"auroc {i}"]),
                support=int(matrix[i].sum()),
            )
            for i, code in enumerate(card.codes)
        },
        confusion_matrix=tuple(tuple(int(n) for n in row) for row in matrix),
        calibration=_calibration(card, true[judged], predictions.probabilities[judged]),
        abstention=abstention,
        domain=DomainFigures(method=rule.method, threshold=rule.threshold, unlike_training=abstention.unlike_training)
        if (rule := card.domain)
        else None,
        shortcut_baseline=ShortcutBaseline(macro_f1=_shortcut_f1(true, shortcut, judged, units, seed)),
        leakage=leakage,
        warnings=tuple(warning for warning in warnings if warning),
    )
    return Assessment(index, parts, predictions, shortcut, metrics)


def _judgeable(
    classifier: Classifier, index: TileIndex, split: Split | None
) -> tuple[TileIndex, tuple[str, ...], list[str]]:
    """Leave out the tiles of classes that the model does not have."""
    if split:
        index = split.index
    known = [i for i, label in enumerate(index.labels) if label in classifier.classes]
    unknown = sorted(set(index.labels) - set(classifier.classes))
    if not known:
        raise NoTilesFound(
            f"{index.root}: none of its classes ({', '.join(unknown)}) is one of the model's "
            f"({', '.join(classifier.classes)})"
        )
    parts = tuple(split.parts[i] for i in known) if split else ("all",) * len(known)
    told = [f"{len(index) - len(known):,} tiles of classes the model does not have ({', '.join(unknown)}) are left out"]
    return index.take(known), parts, told if unknown else []


def _units(index: TileIndex, rows: np.ndarray) -> tuple[np.ndarray, Literal["groups", "tiles"], str | None]:
    """Number what the bootstrap resamples: groups where there are enough of them, else tiles."""
    names = [index.groups[i] or f"\0{i}" for i in rows]
    known = {name for name in names if not name.startswith("\0")}
    if len(known) >= _ENOUGH_GROUPS:
        return np.unique(names, return_inverse=True)[1], "groups", None
    why = f"there are only {len(known)} groups of tiles" if known else "no groups (patients, slides) are known"
    sentence = f"Intervals resample tiles because {why}: patients are unknown, and the intervals are too narrow."
    return np.arange(len(rows)), "tiles", sentence


def _figures(true: np.ndarray, probabilities: np.ndarray, units: np.ndarray, seed: int) -> dict[str, Estimate]:
    """Compute every figure once on all tiles and on each resample."""
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    names = ["accuracy", "macro_precision", "macro_recall", "macro_f1"]
    names += [f"{kind} {i}" for kind in ("precision", "recall", "f1") for i in range(n_classes)]

    def statistics(rows: np.ndarray) -> np.ndarray:
        matrix = measures.confusion_matrix(true[rows], predicted[rows], n_classes)
        per_class = (measures.precision(matrix), measures.recall(matrix), measures.f1(matrix))
        means = [measures.macro(values, matrix) for values in per_class]
        return np.concatenate([[measures.accuracy(matrix)], means, *per_class])

    def areas(rows: np.ndarray) -> np.ndarray:
        return np.array([measures.auroc(true[rows] == i, probabilities[rows, i]) for i in range(n_classes)])

    everything = np.arange(len(true))
    value, (low, high) = statistics(everything), measures.bootstrap(statistics, units, seed=seed)
    area, (area_low, area_high) = areas(everything), measures.bootstrap(areas, units, seed=seed, repeats=300)
    names += [f"auroc {i}" for i in range(n_classes)]
    columns = zip(names, np.append(value, area), np.append(low, area_low), np.append(high, area_high), strict=True)
    return {name: Estimate(float(v), float(lo), float(hi)) for name, v, lo, hi in columns}


def _accuracy(true: np.ndarray, predictions: Predictions, rows: np.ndarray, seed: int) -> Figure | None:
    if not len(rows):
        return None
    right = predictions.numbers[rows] == true[rows]
    low, high = measures.bootstrap(lambda drawn: right[drawn].mean(), np.arange(len(rows)), seed=seed)
    return Figure.of(Estimate(float(right.mean()), float(low), float(high)))


def _calibration(card: Card, true: np.ndarray, probabilities: np.ndarray) -> Calibration:
    """Compare confidence with accuracy after temperature scaling, and before it, which the answers can be turned to."""
    temperature = card.calibration.temperature
    given = _reliability(true, probabilities)
    if card.calibration.method == "none":
        return Calibration(before=given, temperature=temperature)
    before = measures.softmax(np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) * temperature)
    return Calibration(before=_reliability(true, before), after=given, temperature=temperature)


def _reliability(true: np.ndarray, probabilities: np.ndarray) -> CalibrationFigures:
    bins = measures.reliability(true, probabilities)
    return CalibrationFigures(
        ece=measures.calibration_error(bins),
        nll=measures.negative_log_likelihood(true, probabilities),
        brier=measures.brier_score(true, probabilities),
        bins=tuple(ReliabilityPoint(**vars(part)) for part in bins),
    )


def _abstention(card: Card, true: np.ndarray, predictions: Predictions, judged: np.ndarray) -> AbstentionFigures:
    doubts = np.array([predictions.doubts[i] for i in judged])
    low = np.array([LOW_CONFIDENCE in doubt for doubt in doubts], bool)
    unlike = np.array([UNLIKE in doubt for doubt in doubts], bool)
    accepted, right = predictions.accepted[judged], predictions.numbers[judged] == true[judged]

    def covered(rows: np.ndarray) -> ClassCoverage:
        answers = rows & accepted
        share = (lambda chosen: float(chosen[rows].mean())) if rows.any() else (lambda _: None)
        return ClassCoverage(
            n=int(rows.sum()),
            coverage=share(accepted),
            selective_accuracy=float(right[answers].mean()) if answers.any() else None,
            low_confidence=share(low),
            unlike_training=share(unlike),
        )

    overall = covered(np.ones(len(judged), bool)).model_dump(exclude={"n"})
    per_class = {code: covered(true[judged] == number) for number, code in enumerate(card.codes)}
    threshold = card.abstention.threshold if card.abstention else None
    return AbstentionFigures(threshold=threshold, per_class=per_class, **overall)


def _shortcut(index: TileIndex, true: np.ndarray, rows: dict[str, np.ndarray], progress: Progress) -> np.ndarray:
    """Train the colour-histogram baseline on the training part and let it answer for the test part."""
    train, test = rows["train"], rows["test"]
    if len(train) > _BASELINE_TILES:
        train = np.sort(np.random.default_rng(0).choice(train, _BASELINE_TILES, replace=False))
    answers = np.full(len(index), -1)
    if len(np.unique(true[train])) < 2:
        return answers
    files = [index.root / index.paths[i] for i in np.concatenate([train, test])]
    histograms = histograms_of(files, progress=progress)
    baseline = ColourBaseline().fit(histograms[: len(train)], true[train])
    answers[test] = baseline.predict(histograms[len(train) :])
    return answers


def _shortcut_f1(
    true: np.ndarray, shortcut: np.ndarray, judged: np.ndarray, units: np.ndarray, seed: int
) -> Figure | None:
    if (shortcut[judged] < 0).any():
        return None
    n_classes = int(max(true.max(), shortcut.max())) + 1

    def macro_f1(rows: np.ndarray) -> float:
        matrix = measures.confusion_matrix(true[judged[rows]], shortcut[judged[rows]], n_classes)
        return float(measures.macro(measures.f1(matrix), matrix))

    low, high = measures.bootstrap(macro_f1, units, seed=seed)
    return Figure.of(Estimate(macro_f1(np.arange(len(judged))), float(low), float(high)))


def _doubts(card: Card, index: TileIndex, split: Split | None, accuracy: Figure) -> list[str]:
    """Say in words what makes a result less than it looks."""
    doubts = []
    if split and split.method == "random":
        doubts.append(
            "The split is random: tiles of one slide lie on both sides, so the figures are optimistic. "
            "Use them for comparison with published work only."
        )
    if split and split.method == "file":
        counted = split.duplicate_pairs_across_parts is not None
        doubts.append(
            "The split is a table of which nothing else is known: tiles of one slide may lie on both sides"
            f"{'' if counted else ', and duplicates in different parts were not counted'}."
        )
    ours = {tissue.code for tissue in TISSUE_CLASSES}
    high = accuracy.value is not None and accuracy.value > _CREDIBLE_ACCURACY
    if high and not index.synthetic and set(card.codes) == ours:
        doubts.append(
            f"Accuracy is above {_CREDIBLE_ACCURACY:.2f}; the best credible published results on HMU-GC-HE-30K are "
            "near 0.76. Suspect tiles of the test part in the training part before believing it."
        )
    return doubts
