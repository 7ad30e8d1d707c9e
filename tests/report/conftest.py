"""Metrics and cards made by hand, for what is said and drawn of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gastropath.formulas import CoveragePoint, ReliabilityBin
from gastropath.results.card import Abstention, Card, CardClass, CardInput, Domain, TrainingData
from gastropath.results.card import Calibration as CardCalibration
from gastropath.results.faithfulness import CellCurve, ExplanationChecks, RandomisedMaps
from gastropath.results.interval import Interval
from gastropath.results.metrics import (
    AbstentionMetrics,
    Calibration,
    CalibrationMetrics,
    ClassCoverage,
    ClassMetrics,
    DomainMetrics,
    Leakage,
    Metrics,
    OutOfDistributionMetrics,
    ShortcutBaseline,
    SourceMetrics,
    SplitInfo,
)
from gastropath.results.robustness import CorruptionMetrics, Robustness
from gastropath.results.tile_statistics import Shift, TileStatistics

HALF, NOTHING = Interval(value=0.5, low=0.25, high=0.75), Interval(value=None)
COST = Interval(value=-0.1, low=-0.2, high=-0.05)


def _calibration(bins: int) -> CalibrationMetrics:
    shares = np.linspace(0.3, 0.95, bins)
    found = tuple(ReliabilityBin(10, float(share), float(share) ** 2) for share in shares)
    return CalibrationMetrics(ece=HALF, ece_by_chance=HALF, nll=HALF, brier=HALF, bins=found)


def _metrics(classes: Sequence[str] = ("TUM", "STR", "empty"), **changes: object) -> Metrics:
    """Metrics in which each class has 10 tiles, but the last, which has none."""
    n = len(classes)
    full = ClassMetrics(precision=HALF, recall=HALF, f1=HALF, auroc=HALF, support=10)
    empty = ClassMetrics(precision=NOTHING, recall=NOTHING, f1=NOTHING, auroc=NOTHING, support=0)
    covered = ClassCoverage(n=10, coverage=0.75, selective_accuracy=None, low_confidence=0.2, unlike_training=0.05)
    matrix = 3 * np.roll(np.eye(n, dtype=int), 1, axis=1) + 7 * np.eye(n, dtype=int)
    matrix[-1] = 0
    shares = tuple(map(float, np.linspace(0, 1, 8)))
    curve = CellCurve(share=shares, by_map=shares[::-1], by_chance=shares[::-1], gain=HALF, limit=0.01, passed=True)
    document: dict[str, object] = {
        "part": "test",
        "n": 10 * (n - 1),
        "groups": 25,
        "refused": 0,
        "classes": tuple(classes),
        "synthetic": False,
        "split": SplitInfo(method="block", seed=0, tiles={"train": 100, "val": 20, "test": 40}, purged={"gap": 3}),
        "resampled": "groups",
        "parts": {"train": 100, "val": 20, "test": 40},
        "remembered": 0,
        "views": 1,
        "checks": "full",
        "accuracy": HALF,
        "train_accuracy": HALF,
        "val_accuracy": HALF,
        "balanced_accuracy": HALF,
        "macro_precision": HALF,
        "macro_recall": HALF,
        "macro_f1": HALF,
        "per_class": dict.fromkeys(classes[:-1], full) | {classes[-1]: empty},
        "by_source": {
            "another laboratory": SourceMetrics(
                n=7, accuracy=HALF, macro_f1=HALF, coverage=HALF, selective_accuracy=HALF, unlike_training=0.125
            )
        },
        "confusion_matrix": tuple(tuple(int(cell) for cell in row) for row in matrix),
        "calibration": Calibration(before=_calibration(4), after=_calibration(3), temperature=1.5),
        "abstention": AbstentionMetrics(
            threshold=0.6,
            coverage=HALF,
            selective_accuracy=HALF,
            low_confidence=0.4,
            unlike_training=0.2,
            per_class=dict.fromkeys(classes, covered),
            aurc=HALF,
            curve=tuple(CoveragePoint(1 - share / 2, share, 1 - share / 3) for share in (0.25, 0.5, 1.0)),
        ),
        "domain": DomainMetrics(
            method="cosine-knn",
            threshold=0.1,
            unlike_training=0.2,
            other_classes={},
            pictures={
                "drawn gl|ass": OutOfDistributionMetrics(n=30, auroc=HALF, confidence_auroc=HALF, false_accept=HALF)
            },
        ),
        "data": TileStatistics(
            sizes={"224 x 224": 40},
            mpp_known=4,
            guessed=1,
            absent_classes=(classes[-1],),
            other_classes={},
            shifts={"redness": Shift(judged=20.0, trained=10.0, deviations=1.25)},
        ),
        "robustness": Robustness(
            n=40,
            accuracy=HALF,
            coverage=0.5,
            selective_accuracy=None,
            changed=(
                CorruptionMetrics(name="blur, 2 px", accuracy=HALF, change=COST, coverage=0.5, selective_accuracy=None),
            ),
        ),
        "explanations": ExplanationChecks(
            n=40,
            cells=49,
            deletion=curve,
            insertion=curve,
            randomised=(RandomisedMaps(what="all layers", correlation=None, silent=1.0, passed=False),),
        ),
        "shortcut_baseline": ShortcutBaseline(macro_f1=HALF, gain=COST),
        "leakage": Leakage(duplicate_pairs_across_parts=0, identical_pairs_across_parts=0),
        "warnings": ("Beware.",),
    }
    return Metrics.model_validate(document | changes)


def _card(metrics: Metrics | None = None, **changes: object) -> Card:
    codes = metrics.classes if metrics else ("TUM", "STR", "empty")
    document: dict[str, object] = {
        "name": "a model",
        "created": "2026-01-01",
        "classes": tuple(CardClass(code=code, name=code.lower(), color="#000000") for code in codes),
        "input": CardInput(tile_px=224, mpp=0.5),
        "precision": "float32",
        "calibration": CardCalibration(method="temperature", temperature=1.5, fitted_on="validation", n=20),
        "abstention": Abstention(
            threshold=0.6, target="accuracy", target_value=0.8, state="not_shown", coverage=0.7,
            selective_accuracy=Interval(value=0.81, low=0.6, high=0.93),
            fitted_on="validation", n=20,
        ),
        "domain": Domain(
            threshold=0.1, neighbours=5, references=100, accepted_share=0.95, fitted_on="validation", n=20
        ),
        "training_data": TrainingData(name="tiles", n_tiles=3, licence="CC BY 4.0", sha256="0", synthetic=False),
        "recipe": {"views": 8},
        "metrics": metrics,
        "files": {"model.tflite": "0" * 64},
        "versions": {"gastropath": "0"},
    }  # fmt: skip
    return Card.model_validate(document | changes)


@pytest.fixture(scope="session")
def make_metrics() -> Callable[..., Metrics]:
    """Return a function that makes metrics; keywords replace fields."""
    return _metrics


@pytest.fixture(scope="session")
def make_card() -> Callable[..., Card]:
    """Return a function that makes the card of a model with these metrics, or of a draft."""
    return _card
