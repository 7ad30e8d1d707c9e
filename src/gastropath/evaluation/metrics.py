"""``metrics.json``: the figures of an evaluation, checked when made."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gastropath.measures import Estimate

Share = Annotated[float, Field(ge=0, le=1)]
JudgedPart = Literal["test", "all", "out-of-fold"]
"""Tiles judged: of the test part, all given, or each tile by a model that was trained without its fold."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Part):
    """A value with its 95 % interval; ``None`` where it is not defined (a class without tiles, say)."""

    value: Share | None
    low: Share | None = None
    high: Share | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Figure:
        """Turn NaN into ``None``."""
        return cls(value=_known(estimate.value), low=_known(estimate.low), high=_known(estimate.high))

    def estimate(self) -> Estimate:
        """Turn ``None`` into NaN."""
        return Estimate(*(math.nan if v is None else v for v in (self.value, self.low, self.high)))


class ClassFigures(_Part):
    """Figures of one class; AUROC is one class against the rest."""

    precision: Figure
    recall: Figure
    f1: Figure
    auroc: Figure
    support: Annotated[int, Field(ge=0)]


class ReliabilityPoint(_Part):
    """One bin of equal mass."""

    n: int
    confidence: float
    accuracy: float


class CalibrationFigures(_Part):
    """How well confidence matches accuracy."""

    ece: Share
    nll: float
    brier: float
    bins: tuple[ReliabilityPoint, ...]


class Calibration(_Part):
    """Before and after temperature scaling; ``after`` is ``None`` where confidence was not calibrated."""

    before: CalibrationFigures
    after: CalibrationFigures | None = None
    temperature: float = 1.0


class ClassCoverage(_Part):
    """What the model answered of one class: shares of its ``n`` tiles, and of the answers those that are right."""

    n: int
    coverage: Share | None
    selective_accuracy: Share | None
    low_confidence: Share | None
    unlike_training: Share | None


class AbstentionFigures(_Part):
    """What the model answers, at the thresholds its bundle carries."""

    threshold: Share | None
    coverage: Share
    selective_accuracy: Share | None
    low_confidence: Share
    unlike_training: Share
    per_class: dict[str, ClassCoverage]


class DomainFigures(_Part):
    """From which distance to the training tiles on a tile is unlike them, and the share of the judged tiles that is."""

    method: str
    threshold: float
    unlike_training: Share


class ShortcutBaseline(_Part):
    """What a colour histogram alone reaches on the same split; ``None`` where there is no training part."""

    macro_f1: Figure | None


class Leakage(_Part):
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


class SplitInfo(_Part):
    """How the tiles were divided: method (``"file"`` and no seed where it is not known), and what was left out."""

    method: str
    seed: int | None
    tiles: dict[str, int]
    purged: dict[str, int]


class Metrics(_Part):
    """Everything ``metrics.json`` holds. Rows of the confusion matrix are true classes, columns predicted ones."""

    part: JudgedPart
    n: int
    groups: int
    refused: int
    classes: tuple[str, ...]
    synthetic: bool
    split: SplitInfo | None
    resampled: Literal["groups", "tiles"]
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
    domain: DomainFigures | None
    shortcut_baseline: ShortcutBaseline
    leakage: Leakage
    warnings: tuple[str, ...]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
