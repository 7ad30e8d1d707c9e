"""Which sections stand in which document, and in what order."""

from __future__ import annotations

from gastropath.report.parts import Section, Text
from gastropath.report.sections import (
    accuracy,
    adaptation,
    checks,
    confidence,
    faithfulness,
    judged_tiles,
    model,
    robustness,
)
from gastropath.report.wording import count
from gastropath.results.card import Card
from gastropath.results.metrics import Metrics


def card_sections(card: Card) -> list[Section]:
    """Return what a model card says, for its README and for the page of the web app."""
    found = (
        model.classes(card),
        model.training_data(card),
        *_worth(card),
        model.limits(card),
        model.citation(card),
        model.input_and_output(card),
        model.settings(card),
        model.versions(card),
    )
    return [section for section in found if section]


def accuracy_sections(metrics: Metrics) -> list[Section]:
    """Return how often a model is right."""
    found = [accuracy.accuracy(metrics), accuracy.each_class(metrics), accuracy.sources(metrics)]
    return [section for section in (*found, accuracy.confusion(metrics)) if section]


def trust_sections(card: Card, metrics: Metrics) -> list[Section]:
    """Return how far its confidence and its activation maps can be trusted, and whether its accuracy lasts."""
    found = (
        checks.not_checked(metrics),
        confidence.confidence(metrics),
        confidence.abstention(card, metrics),
        confidence.out_of_distribution(metrics),
        robustness.robustness(metrics),
        faithfulness.activation_maps(metrics),
        judged_tiles.judged_tiles(metrics),
    )
    return [section for section in found if section]


def summary(metrics: Metrics, folds: Metrics | None = None) -> list[str]:
    """Return what a reader should know first, a sentence or two a line.

    Parameters
    ----------
    metrics
        Of the judged tiles.
    folds
        Of the cross-validation; ``None`` where there was none.
    """
    present = sum(1 for row in metrics.per_class.values() if row.support)
    total = len(metrics.classes)
    over = f"over {total} classes" if present == total else f"over the {present} of {total} classes that have tiles"
    lines = [
        f"On {count(metrics.n, 'tile')} ({metrics.judged}), accuracy is {metrics.accuracy.percent()} and macro-F1 "
        f"{metrics.macro_f1} {over}; brackets hold 95 % intervals.",
        accuracy.cross_validation_in_words(folds) if folds else None,
        accuracy.best_and_worst_class(metrics),
        accuracy.against_colour(metrics),
        confidence.coverage_in_words(metrics),
        robustness.robustness_in_words(metrics.robustness) if metrics.robustness else None,
        faithfulness.maps_in_words(metrics.explanations) if metrics.explanations else None,
        checks.not_checked_in_words(metrics),
    ]
    return [line for line in lines if line]


def _worth(card: Card) -> list[Section]:
    """Return how good a model is; a draft has rules of abstention, but no metrics."""
    if card.adaptation:
        return [adaptation.adaptation(card.adaptation), confidence.abstention(card, None)]
    if card.metrics is None:
        return [Section("Accuracy", [Text(model.NOT_EVALUATED, "warning")]), confidence.abstention(card, None)]
    return [*accuracy_sections(card.metrics), *trust_sections(card, card.metrics)]
