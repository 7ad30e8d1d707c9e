"""``metrics.json``: the figures of an evaluation, checked when made."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gastropath.formulas import CoveragePoint, ReliabilityBin
from gastropath.results.documents import Document, Upgrade
from gastropath.results.faithfulness import ExplanationChecks
from gastropath.results.interval import Interval, Part, Share, ShareInterval
from gastropath.results.robustness import Robustness
from gastropath.results.tile_statistics import TileStatistics
from gastropath.results.versions import metrics_2, metrics_3, metrics_4, metrics_5

JudgedPart = Literal["test", "all", "out-of-fold"]
"""Tiles judged: of the test part, all given, or each tile by a model that was trained without its fold."""


class ClassMetrics(Part):
    """Figures of one class; AUROC is one class against the rest."""

    precision: ShareInterval
    recall: ShareInterval
    f1: ShareInterval
    auroc: ShareInterval
    support: Annotated[int, Field(ge=0)]


class CalibrationMetrics(Part):
    """How well confidence matches accuracy.

    ``ece_by_chance`` is what a perfectly calibrated model of the same confidences would show on so many tiles.
    """

    ece: ShareInterval
    ece_by_chance: ShareInterval
    nll: Interval
    brier: Interval
    bins: tuple[ReliabilityBin, ...]


class Calibration(Part):
    """Before and after temperature scaling; ``after`` is ``None`` where confidence was not calibrated."""

    before: CalibrationMetrics
    after: CalibrationMetrics | None = None
    temperature: float = 1.0


class ClassCoverage(Part):
    """What the model answered of one class: shares of its ``n`` tiles, and of the answers those that are right."""

    n: int
    coverage: Share | None
    selective_accuracy: Share | None
    low_confidence: Share | None
    unlike_training: Share | None


class AbstentionMetrics(Part):
    """What the model answers, at the thresholds its bundle carries.

    The curve follows the confidence alone. ``aurc`` is the area under risk (1 - accuracy) over coverage: 0 is perfect,
    and a confidence that tells nothing gives 1 - accuracy of all tiles.
    """

    threshold: Share | None
    coverage: ShareInterval
    selective_accuracy: ShareInterval
    low_confidence: Share
    unlike_training: Share
    per_class: dict[str, ClassCoverage]
    aurc: ShareInterval
    curve: tuple[CoveragePoint, ...]


class OutOfDistributionMetrics(Part):
    """How a kind of picture that shows no class of the model is told from the judged tiles.

    ``auroc`` is that of the distance to the training tiles, ``confidence_auroc`` that of 1 - confidence;
    ``false_accept`` is the share that got an answer all the same.
    """

    n: int
    auroc: ShareInterval
    confidence_auroc: ShareInterval
    false_accept: ShareInterval


class DomainMetrics(Part):
    """From which distance to the training tiles a tile is out of distribution, and the share of judged tiles that is.

    ``other_classes`` holds classes that the model does not have, by code; ``pictures`` pictures that show no tissue, by
    what they show.
    """

    method: str | None
    threshold: float | None
    unlike_training: Share
    other_classes: dict[str, OutOfDistributionMetrics]
    pictures: dict[str, OutOfDistributionMetrics]

    @property
    def kinds(self) -> tuple[tuple[str, OutOfDistributionMetrics], ...]:
        """Both, the classes first."""
        return (*self.other_classes.items(), *self.pictures.items())


Checks = Literal["full", "quick", "none"]
"""Checks of a model beside its answers: all; those that ask it for no further pictures; none."""


class SourceMetrics(Part):
    """How good a model is on the tiles of one source (a data set, a laboratory), and what it answers of them."""

    n: Annotated[int, Field(ge=1)]
    accuracy: ShareInterval
    macro_f1: ShareInterval
    coverage: ShareInterval
    selective_accuracy: ShareInterval
    unlike_training: Share


class ShortcutBaseline(Part):
    """What a colour histogram alone reaches on the same split, and how much more macro-F1 the model has, in pairs.

    ``None`` where there is no training part.
    """

    macro_f1: ShareInterval | None
    gain: Interval | None = None


class Leakage(Part):
    """Pairs of duplicate tiles in different parts, both kinds and each; ``None`` where they were not counted."""

    duplicate_pairs_across_parts: int | None
    identical_pairs_across_parts: int | None = None
    near_pairs_across_parts: int | None = None
    warning: str | None = None


class SplitInfo(Part):
    """How the tiles were divided: method (``"file"`` and no seed where it is not known), and what was left out.

    ``kept_together`` and ``grouped_by`` are those of ``split.json``.
    """

    method: str
    seed: int | None
    tiles: dict[str, int]
    purged: dict[str, int]
    kept_together: dict[str, int] | None = None
    grouped_by: str = ""


class Metrics(Document):
    """Everything ``metrics.json`` holds. Rows of the confusion matrix are true classes, columns predicted ones.

    ``parts`` counts the tiles of each part that could be read and have a class of the model. ``remembered`` counts the
    judged tiles that the model learned from; ``None`` where that is not known.

    ``checks`` says which checks of the model ran beside its answers to the judged tiles: what it leaves out is not
    known, not passed. It is ``None`` for answers without their model.

    ``by_source`` is empty where the tiles name no source. ``data``, ``robustness`` and ``explanations`` are ``None``
    for answers of several models, one a fold.
    """

    upgrades: ClassVar[tuple[Upgrade, ...]] = (metrics_2, metrics_3, metrics_4, metrics_5)

    format_version: Literal[5] = 5
    part: JudgedPart
    n: int
    groups: int
    refused: int
    classes: tuple[str, ...]
    synthetic: bool
    split: SplitInfo | None
    resampled: Literal["groups", "tiles"]
    parts: dict[str, int]
    remembered: int | None
    views: int
    checks: Checks | None
    accuracy: ShareInterval
    train_accuracy: ShareInterval | None
    val_accuracy: ShareInterval | None
    balanced_accuracy: ShareInterval
    macro_precision: ShareInterval
    macro_recall: ShareInterval
    macro_f1: ShareInterval
    per_class: dict[str, ClassMetrics]
    by_source: dict[str, SourceMetrics] = Field(default_factory=dict)
    confusion_matrix: tuple[tuple[int, ...], ...]
    calibration: Calibration
    abstention: AbstentionMetrics
    domain: DomainMetrics
    data: TileStatistics | None
    robustness: Robustness | None
    explanations: ExplanationChecks | None
    shortcut_baseline: ShortcutBaseline
    leakage: Leakage
    warnings: tuple[str, ...]

    @property
    def judged(self) -> str:
        """The judged tiles, in words."""
        return {"test": "test part", "all": "all tiles", "out-of-fold": "out-of-fold answers"}[self.part]
