"""From answers and true classes to figures with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gastropath import formulas
from gastropath.data.index import TileIndex
from gastropath.evaluation.ranks import auroc
from gastropath.report.wording import count
from gastropath.results.card import Card
from gastropath.results.interval import Interval
from gastropath.results.metrics import (
    AbstentionMetrics,
    Calibration,
    CalibrationMetrics,
    ClassCoverage,
    ClassMetrics,
    ShortcutBaseline,
)
from gastropath.results.predictions import Predictions

ENOUGH_GROUPS = 20
"""Groups from which an interval resamples them; with fewer it resamples tiles."""

_SLOW_REPEATS = 300


@dataclass(frozen=True)
class Resampling:
    """What a bootstrap draws with replacement: groups where there are enough of them, else tiles.

    Attributes
    ----------
    units
        Number of the unit of each tile, ``int64``, shape (n,).
    kind
        What the units are.
    warning
        Why they are no groups, or few for their number; ``None`` where neither holds.
    seed
        Of the draws.
    """

    units: np.ndarray
    kind: Literal["groups", "tiles"]
    warning: str | None
    seed: int

    @classmethod
    def of(cls, index: TileIndex, rows: np.ndarray, seed: int) -> Resampling:
        """Number the units of some rows of an index."""
        return cls.of_groups([index.groups[i] for i in rows], seed)

    @classmethod
    def of_groups(cls, groups: Sequence[str], seed: int) -> Resampling:
        """Number the units of tiles of these groups; empty where a group is not known."""
        names = [group or f"\0{i}" for i, group in enumerate(groups)]
        known = {name for name in names if not name.startswith("\0")}
        if len(known) >= ENOUGH_GROUPS:
            units = np.unique(names, return_inverse=True)[1]
            return cls(units, "groups", _alone(groups) or _unequal(units), seed)
        why = (
            f"there {'is' if len(known) == 1 else 'are'} only {count(len(known), 'group')} of tiles"
            if known
            else "no groups (patients, slides) are known"
        )
        sentence = f"Intervals resample tiles because {why}: patients are unknown, and the intervals are too narrow."
        return cls(np.arange(len(groups)), "tiles", sentence, seed)

    def take(self, rows: np.ndarray) -> Resampling:
        """Return the units of some of the tiles."""
        return Resampling(self.units[rows], self.kind, self.warning, self.seed)

    def estimate(
        self, statistic: Callable[[np.ndarray], float], *, unbiased: bool = False, repeats: int = 1000
    ) -> Interval:
        """Compute a statistic of all tiles, and its 95 % interval.

        Parameters
        ----------
        statistic
            Takes tile numbers, shape (m,), with repetitions.
        unbiased
            Whether the interval is moved by what resampling adds to the statistic.
        repeats
            Number of resamples.
        """
        value = float(statistic(np.arange(len(self.units))))
        low, high = formulas.bootstrap(
            statistic, self.units, seed=self.seed, repeats=repeats, unbiased_from=value if unbiased else None
        )
        return Interval.of(value, float(low), float(high))

    def estimates(self, statistics: Callable[[np.ndarray], np.ndarray], *, repeats: int = 1000) -> list[Interval]:
        """Compute several statistics of all tiles, shape (k,), and their intervals on the same resamples."""
        values = statistics(np.arange(len(self.units)))
        low, high = formulas.bootstrap(statistics, self.units, seed=self.seed, repeats=repeats)
        return [Interval.of(*map(float, figure)) for figure in zip(values, low, high, strict=True)]

    def share(self, holds: np.ndarray) -> Interval:
        """Return the share of tiles for which something holds; exact where that is none or all of them."""
        found = self.estimate(lambda rows: float(holds[rows].mean()))
        return self.widened(found, np.ones(len(self.units), bool))

    def widened(self, found: Interval, counted: np.ndarray) -> Interval:
        """Give a share of 0 or 1 the exact interval of the units among the tiles it was counted on."""
        n = len(np.unique(self.units[counted]))
        return _exact_at_the_ends(found, n)


def _exact_at_the_ends(found: Interval, n: int) -> Interval:
    value, low, high = found.numbers
    return Interval.of(value, *formulas.boundary(value, n, (low, high)))


def _alone(groups: Sequence[str]) -> str | None:
    """Warn where some tiles have no group."""
    alone = sum(not group for group in groups)
    if not alone:
        return None
    verbs = ("has", "is") if alone == 1 else ("have", "are")
    return (
        f"{alone:,} of {len(groups):,} tiles {verbs[0]} no group and {verbs[1]} resampled one by one: the intervals "
        "are too narrow."
    )


def _unequal(units: np.ndarray) -> str | None:
    """Warn where groups differ so much in size that they count like few (the inverse of the sum of squared shares)."""
    sizes = np.bincount(units)
    equal = len(units) ** 2 / float((sizes.astype(np.float64) ** 2).sum())
    if equal >= ENOUGH_GROUPS:
        return None
    return (
        f"The {len(sizes):,} groups differ much in size (the largest holds {sizes.max() / len(units):.0%} of the "
        f"tiles): they count like {equal:.0f} equal ones, and the intervals hang on whether the largest are drawn."
    )


@dataclass(frozen=True)
class Accuracies:
    """Every figure of what a model gets right."""

    accuracy: Interval
    macro_precision: Interval
    macro_recall: Interval
    macro_f1: Interval
    per_class: dict[str, ClassMetrics]


def accuracies(
    codes: tuple[str, ...], true: np.ndarray, probabilities: np.ndarray, resampling: Resampling
) -> Accuracies:
    """Compute accuracy, precision, recall, F1 and AUROC, over classes and of each, on the same resamples."""
    n_classes = len(codes)
    predicted = probabilities.argmax(axis=1)

    def statistics(rows: np.ndarray) -> np.ndarray:
        matrix = formulas.confusion_matrix(true[rows], predicted[rows], n_classes)
        per_class = (formulas.precision(matrix), formulas.recall(matrix), formulas.f1(matrix))
        means = [formulas.macro(values, matrix) for values in per_class]
        return np.concatenate([[formulas.accuracy(matrix)], means, *per_class])

    def areas(rows: np.ndarray) -> np.ndarray:
        return np.array([auroc(true[rows] == i, probabilities[rows, i]) for i in range(n_classes)])

    overall = resampling.estimates(statistics)
    precision, recall, f1 = (overall[4 + k * n_classes : 4 + (k + 1) * n_classes] for k in range(3))
    above_rest = resampling.estimates(areas, repeats=_SLOW_REPEATS)
    per_class = {}
    for i, code in enumerate(codes):
        own, given = true == i, predicted == i
        per_class[code] = ClassMetrics(
            precision=resampling.widened(precision[i], given),
            recall=resampling.widened(recall[i], own),
            f1=resampling.widened(f1[i], own) if own.any() else Interval(value=None),
            auroc=above_rest[i],
            support=int(own.sum()),
        )
    accuracy = resampling.widened(overall[0], np.ones(len(true), bool))
    means = (resampling.widened(mean, np.ones(len(true), bool)) for mean in overall[1:4])
    return Accuracies(accuracy, *means, per_class=per_class)


def against_colour(
    true: np.ndarray, predicted: np.ndarray, by_colour: np.ndarray, resampling: Resampling
) -> ShortcutBaseline:
    """Compare the macro-F1 of a model with that of the colour baseline on the same tiles; all are class numbers."""
    n_classes = int(max(true.max(), predicted.max(), by_colour.max())) + 1

    def macro_f1(answers: np.ndarray, rows: np.ndarray) -> float:
        matrix = formulas.confusion_matrix(true[rows], answers[rows], n_classes)
        return float(formulas.macro(formulas.f1(matrix), matrix))

    gain = resampling.estimate(lambda rows: macro_f1(predicted, rows) - macro_f1(by_colour, rows))
    colour = resampling.estimate(lambda rows: macro_f1(by_colour, rows))
    return ShortcutBaseline(macro_f1=colour, gain=gain)


def calibration(card: Card, true: np.ndarray, probabilities: np.ndarray, resampling: Resampling) -> Calibration:
    """Compare confidence with accuracy after temperature scaling, and before it, which the answers can be turned to."""
    temperature = card.calibration.temperature
    given = _reliability(true, probabilities, resampling)
    if card.calibration.method == "none":
        return Calibration(before=given, temperature=temperature)
    before = formulas.softmax(np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) * temperature)
    return Calibration(before=_reliability(true, before, resampling), after=given, temperature=temperature)


def _reliability(true: np.ndarray, probabilities: np.ndarray, resampling: Resampling) -> CalibrationMetrics:
    def ece(rows: np.ndarray) -> float:
        return formulas.calibration_error(formulas.reliability(true[rows], probabilities[rows]))

    def score(formula: Callable[[np.ndarray, np.ndarray], float]) -> Interval:
        return resampling.estimate(lambda rows: formula(true[rows], probabilities[rows]), repeats=_SLOW_REPEATS)

    found = resampling.estimate(ece, unbiased=True, repeats=_SLOW_REPEATS)
    return CalibrationMetrics(
        ece=Interval.of(*np.clip(found.numbers, 0, 1)),
        ece_by_chance=Interval.of(*formulas.calibration_error_by_chance(probabilities, seed=resampling.seed)),
        nll=score(formulas.negative_log_likelihood),
        brier=score(formulas.brier_score),
        bins=formulas.reliability(true, probabilities),
    )


def abstention(card: Card, true: np.ndarray, predictions: Predictions, resampling: Resampling) -> AbstentionMetrics:
    """Tell what a model answers, of which class, and how often it is right there.

    Parameters
    ----------
    card
        Says where it abstains.
    true
        Class numbers.
    predictions
        Answers to the same tiles, all of which could be read.
    """
    low, unlike = predictions.is_low_confidence, predictions.is_out_of_distribution
    accepted, right, confidence = predictions.is_accepted, predictions.numbers == true, predictions.confidence

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

    def right_of_answers(rows: np.ndarray) -> float:
        answered = accepted[rows]
        return float(right[rows][answered].mean()) if answered.any() else float("nan")

    def area(rows: np.ndarray) -> float:
        return formulas.risk_coverage_area(confidence[rows], right[rows])

    return AbstentionMetrics(
        threshold=card.abstention.threshold if card.abstention else None,
        coverage=resampling.share(accepted),
        selective_accuracy=resampling.widened(resampling.estimate(right_of_answers), accepted),
        low_confidence=float(low.mean()),
        unlike_training=float(unlike.mean()),
        per_class={code: covered(true == number) for number, code in enumerate(card.codes)},
        aurc=resampling.estimate(area, repeats=_SLOW_REPEATS),
        curve=formulas.coverage_curve(confidence, right),
    )
