"""``metrics.json``: the figures of an evaluation, checked when made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gastropath.results.checks import DataFigures, ExplanationFigures, Robustness
from gastropath.results.interval import Figure, Part, Score, Share

JudgedPart = Literal["test", "all", "out-of-fold"]
"""Tiles judged: of the test part, all given, or each tile by a model that was trained without its fold."""


class ClassFigures(Part):
    """Figures of one class; AUROC is one class against the rest."""

    precision: Figure
    recall: Figure
    f1: Figure
    auroc: Figure
    support: Annotated[int, Field(ge=0)]


class ReliabilityPoint(Part):
    """One bin of equal mass."""

    n: int
    confidence: float
    accuracy: float


class CalibrationFigures(Part):
    """How well confidence matches accuracy.

    ``ece_by_chance`` is what a perfectly calibrated model of the same confidences would show on so many tiles.
    """

    ece: Figure
    ece_by_chance: Figure
    nll: Score
    brier: Score
    bins: tuple[ReliabilityPoint, ...]


class Calibration(Part):
    """Before and after temperature scaling; ``after`` is ``None`` where confidence was not calibrated."""

    before: CalibrationFigures
    after: CalibrationFigures | None = None
    temperature: float = 1.0


class ClassCoverage(Part):
    """What the model answered of one class: shares of its ``n`` tiles, and of the answers those that are right."""

    n: int
    coverage: Share | None
    selective_accuracy: Share | None
    low_confidence: Share | None
    unlike_training: Share | None


class CurvePoint(Part):
    """Were only tiles answered whose confidence reaches ``threshold``: their share, and the share of right answers."""

    threshold: Share
    coverage: Share
    accuracy: Share


class AbstentionFigures(Part):
    """What the model answers, at the thresholds its bundle carries.

    The curve follows the confidence alone. ``aurc`` is the area under risk (1 - accuracy) over coverage: 0 is perfect,
    and a confidence that tells nothing gives 1 - accuracy of all tiles.
    """

    threshold: Share | None
    coverage: Figure
    selective_accuracy: Figure
    low_confidence: Share
    unlike_training: Share
    per_class: dict[str, ClassCoverage]
    aurc: Figure
    curve: tuple[CurvePoint, ...]


class OutsiderFigures(Part):
    """How a kind of picture that shows no class of the model is told from the judged tiles.

    ``auroc`` is that of the distance to the training tiles, ``confidence_auroc`` that of 1 - confidence;
    ``false_accept`` is the share that got an answer all the same.
    """

    n: int
    auroc: Figure
    confidence_auroc: Figure
    false_accept: Figure


class DomainFigures(Part):
    """From which distance to the training tiles on a tile is unlike them, and the share of the judged tiles that is.

    ``outsiders``: classes the model does not have, and pictures that show no tissue, by name.
    """

    method: str | None
    threshold: float | None
    unlike_training: Share
    outsiders: dict[str, OutsiderFigures]


class ShortcutBaseline(Part):
    """What a colour histogram alone reaches on the same split, and how much more macro-F1 the model has, in pairs.

    ``None`` where there is no training part.
    """

    macro_f1: Figure | None
    gain: Score | None = None


class Leakage(Part):
    """Pairs of duplicate tiles in different parts, both kinds and each; ``None`` where they were not counted."""

    duplicate_pairs_across_parts: int | None
    identical_pairs_across_parts: int | None = None
    near_pairs_across_parts: int | None = None
    warning: str | None = None

    @classmethod
    def of(cls, identical: int | None, near: int | None) -> Leakage:
        """Add the two kinds up, and warn where there are any."""
        if identical is None:
            return cls(duplicate_pairs_across_parts=None)
        pairs = identical + (near or 0)
        kinds = f"{identical:,} identical" + ("" if near is None else f", {near:,} near-duplicate")
        warning = (
            f"{pairs:,} {'pair' if pairs == 1 else 'pairs'} of duplicate tiles ({kinds}) lie in different parts; the "
            "figures are too good by an unknown amount"
        )
        return cls(
            duplicate_pairs_across_parts=pairs,
            identical_pairs_across_parts=identical,
            near_pairs_across_parts=near,
            warning=warning if pairs else None,
        )


class SplitInfo(Part):
    """How the tiles were divided: method (``"file"`` and no seed where it is not known), and what was left out."""

    method: str
    seed: int | None
    tiles: dict[str, int]
    purged: dict[str, int]


class Metrics(Part):
    """Everything ``metrics.json`` holds. Rows of the confusion matrix are true classes, columns predicted ones.

    ``parts`` counts the tiles of each part that could be read and have a class of the model. ``remembered`` counts the
    judged tiles that the model learned from; ``None`` where that is not known.

    ``data``, ``robustness`` and ``explanations`` are ``None`` for answers of several models, one a fold.
    """

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
    accuracy: Figure
    train_accuracy: Figure | None
    val_accuracy: Figure | None
    balanced_accuracy: Figure
    macro_precision: Figure
    macro_recall: Figure
    macro_f1: Figure
    per_class: dict[str, ClassFigures]
    confusion_matrix: tuple[tuple[int, ...], ...]
    calibration: Calibration
    abstention: AbstentionFigures
    domain: DomainFigures
    data: DataFigures | None
    robustness: Robustness | None
    explanations: ExplanationFigures | None
    shortcut_baseline: ShortcutBaseline
    leakage: Leakage
    warnings: tuple[str, ...]

    @property
    def whose(self) -> str:
        """The judged tiles, in words."""
        return {"test": "test part", "all": "all tiles", "out-of-fold": "out-of-fold answers"}[self.part]
