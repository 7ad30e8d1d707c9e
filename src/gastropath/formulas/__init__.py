"""Formulas, in NumPy alone: what a classifier got right, how far its confidence can be believed, how sure we can be.

Callers write ``formulas.NAME``; each formula stands in the module of its subject.
"""

from gastropath.formulas.abstention import (
    CoveragePoint,
    choose_threshold,
    coverage_curve,
    cross_fitted_answers,
    risk_coverage_area,
)
from gastropath.formulas.calibration import (
    ReliabilityBin,
    brier_score,
    calibration_error,
    calibration_error_by_chance,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax,
)
from gastropath.formulas.intervals import bootstrap, boundary, holm, wilson
from gastropath.formulas.scores import accuracy, confusion_matrix, f1, macro, precision, recall

__all__ = [
    "CoveragePoint",
    "ReliabilityBin",
    "accuracy",
    "bootstrap",
    "boundary",
    "brier_score",
    "calibration_error",
    "calibration_error_by_chance",
    "choose_threshold",
    "confusion_matrix",
    "coverage_curve",
    "cross_fitted_answers",
    "f1",
    "fit_temperature",
    "holm",
    "macro",
    "negative_log_likelihood",
    "precision",
    "recall",
    "reliability",
    "risk_coverage_area",
    "softmax",
    "wilson",
]
