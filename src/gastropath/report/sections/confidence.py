"""Whether the confidence of a model can be believed, and whether it knows what it does not know."""

from __future__ import annotations

import math

from gastropath.report.charts.confidence import reliability, risk_coverage
from gastropath.report.parts import Bullets, Part, Section, Table, Text
from gastropath.report.sections.accuracy import VALUE, where
from gastropath.report.wording import count, interval, listed, share
from gastropath.results.card import MEASURED, UNLIKE_IS_MEASURED, Abstention, Calibration, Card, Domain
from gastropath.results.metrics import Metrics

_OFTEN = 0.05
"""Share of pictures of a kind that got a class, from which on it is said in words."""


def confidence(metrics: Metrics) -> Section:
    """Compare confidence with accuracy, before and after calibration."""
    before, after = metrics.calibration.before, metrics.calibration.after
    both = [before, after] if after else [before]
    rows = [
        ("expected calibration error", *(interval(row.ece) for row in both)),
        ("negative log-likelihood", *(interval(row.nll) for row in both)),
        ("Brier score", *(interval(row.brier) for row in both)),
    ]
    columns = ("metric", "before calibration", "after calibration") if after else ("metric", VALUE)
    caption = f"{where(metrics)}, with 95 % intervals"
    caption += f"; temperature {metrics.calibration.temperature:.3g}" if after else ""
    parts: list[Part] = [Table(columns, rows, caption), Text(_against_chance(metrics))]
    if after and (after.nll.value or 0) > (before.nll.value or 0):
        worse = "Calibration did not help on these tiles: the likelihood is lower with the temperature than without it."
        parts.append(Text(worse))
    return Section("Confidence", [*parts, reliability(metrics)])


def _against_chance(metrics: Metrics) -> str:
    found = metrics.calibration.after or metrics.calibration.before
    chance = found.ece_by_chance
    verdict = (
        "the error measured here cannot be told from chance"
        if (found.ece.value or 0) <= (chance.high or 0)
        else "the error measured here is larger"
    )
    return (
        f"On so many tiles, chance alone gives a perfectly calibrated model an expected calibration error of {chance}; "
        f"{verdict}."
    )


def abstention(card: Card, metrics: Metrics | None) -> Section:
    """Say when the model abstains, and what that gave on the judged tiles."""
    parts: list[Part] = [Text(calibration_in_words(card)), *_rules(card)]
    if metrics is None:
        return Section("Abstention", parts)
    found = metrics.abstention
    error = 1 - (metrics.accuracy.value or 0)
    curve = Text(
        f"The area under the risk-coverage curve is {found.aurc}: 0 is perfect, and a confidence that tells nothing "
        f"gives {error:.3f}."
    )
    if _abstains(card, metrics):
        selective = "" if found.selective_accuracy.value is None else (
            f", selective accuracy {found.selective_accuracy.percent()}"
        )  # fmt: skip
        parts.append(
            Text(
                f"On {metrics.n:,} judged tiles: coverage {found.coverage.percent()}{selective}. "
                f"{found.low_confidence:.1%} have low confidence and {found.unlike_training:.1%} are out of "
                "distribution; a tile may be both."
            )
        )
        parts += [*_target(card, metrics), _coverage_table(metrics)]
    return Section("Abstention", [*parts, curve, risk_coverage(metrics)])


def calibration_in_words(card: Card) -> str:
    """Say whether and on what the confidence was calibrated."""
    if card.calibration.method == "none":
        return "Confidence is not calibrated."
    return f"Confidence is calibrated by temperature scaling on {_fitted_on(card.calibration)}."


def coverage_in_words(metrics: Metrics) -> str | None:
    """Say how many tiles get an answer; ``None`` where all do."""
    coverage, right = metrics.abstention.coverage.value, metrics.abstention.selective_accuracy.value
    if coverage is None or coverage >= 0.995:
        return None
    selective = "" if right is None else f", of which {right:.0%} are right (selective accuracy)"
    return f"The model answers {coverage:.0%} of the tiles (coverage){selective}; on the others it abstains."


def out_of_distribution(metrics: Metrics) -> Section | None:
    """Say whether the model abstains on pictures that show none of its classes; ``None`` where none were tried."""
    kinds = metrics.domain.kinds
    if not kinds:
        return None
    rows = [
        (name, f"{row.n:,}", interval(row.auroc), interval(row.confidence_auroc), interval(row.false_accept))
        for name, row in kinds
    ]
    caption = (
        "Classes that the model does not have, and pictures that show no tissue. AUROC: how well the distance to the "
        "training tiles, or the confidence, tells them from the judged tiles (0.5 is chance). The last column should "
        "be 0."
    )
    worst, answered = max(((name, row.false_accept.value or 0) for name, row in kinds), key=lambda kind: kind[1])
    verdict = (
        "The model assigned a class to none of these pictures."
        if answered == 0
        else f"The model assigned a class to {answered:.1%} of the pictures of {worst}, which show none of its classes."
    )
    columns = ("pictures", "n", "AUROC, distance", "AUROC, confidence", "assigned a class")
    parts = [Text(verdict, "warning" if answered > _OFTEN else "plain"), Table(columns, rows, caption)]
    return Section("Out-of-distribution pictures", parts)


def measured_limits(card: Card) -> tuple[str, ...]:
    """Return the limits of a card, with what was measured in place of what may be."""
    if not card.metrics or not card.metrics.domain.kinds:
        return card.limitations
    shares = {name: row.false_accept.value for name, row in card.metrics.domain.kinds}
    often = [f"{name} ({value:.0%})" for name, value in shares.items() if value is not None and value >= _OFTEN]
    found = (
        f"it still assigned a class to {listed(often)}"
        if often
        else f"it assigned a class to less than {_OFTEN:.0%} of every kind tried"
    )
    measured = (
        f"{MEASURED} Of pictures that show none of its classes, {found}; tissue of another kind may get a class too."
    )
    return tuple(measured if limit == UNLIKE_IS_MEASURED else limit for limit in card.limitations)


def _abstains(card: Card, metrics: Metrics) -> bool:
    return bool(card.abstention or card.domain) or (metrics.abstention.coverage.value or 0) < 1


def _rules(card: Card) -> list[Part]:
    rules = [
        *([_low_confidence(card.abstention)] if card.abstention else []),
        *([_distance(card.domain)] if card.domain else []),
    ]
    if not rules:
        return [Text("The model never abstains: it assigns one of its classes whatever a picture shows.")]
    return [
        Text("The model abstains, and says why, in these cases:"),
        Bullets(rules),
    ]


def _low_confidence(rule: Abstention) -> str:
    if math.isinf(rule.answers_from):
        return f"Low confidence: always. {target_in_words(rule)}"
    target = "selective accuracy" if rule.target == "accuracy" else "coverage"
    return (
        f"Low confidence: below {rule.threshold:.3f}. This threshold was chosen on {_held_out(rule)} for a "
        f"{target} of {rule.target_value:.0%}; there, coverage was {rule.coverage:.0%}. "
        f"{target_in_words(rule, 'these tiles')}"
    )


def target_in_words(rule: Abstention, tiles: str = "") -> str:
    """Say whether the share of right answers that the threshold was chosen for is reached where it was chosen.

    ``tiles`` is what those tiles are called; by default it is said which they are.
    """
    tiles = tiles or _held_out(rule)
    found = f"selective accuracy {_without_own_group(rule)}"
    if rule.target == "coverage":
        return f"On {tiles}, {found}."
    target = f"a selective accuracy of {rule.target_value:.0%}"
    if rule.state == "met":
        return f"On {tiles}, {target} is met: {found}."
    if rule.state == "not_shown":
        return f"That answers reach {target} is not shown on {tiles}: {found}."
    does = (
        "It answers nevertheless, as it was told to"
        if rule.answers_unmet
        else "It abstains on every tile; its best guess and the probabilities are still given"
    )
    return (
        f"This model does not reach {target} on {tiles}: {found}. {does}. What would help: more tiles, above "
        "all from more patients; transfer learning in place of a network trained from scratch; more epochs."
    )


def _held_out(rule: Abstention) -> str:
    """Say which tiles the threshold was chosen on: not those that the model is judged by here."""
    if rule.fitted_on == "validation":
        return f"the validation part of the model's training data ({count(rule.n, 'tile')})"
    return f"the model's training data ({count(rule.n, 'tile')}, each judged by a model made without it)"


def _without_own_group(rule: Abstention) -> str:
    if rule.selective_accuracy.value is None:
        return "unknown, for no tile is answered"
    if rule.selective_accuracy.low is None:
        return f"{rule.selective_accuracy.percent()} on the same tiles, without an interval"
    return f"{rule.selective_accuracy.percent()}, each tile judged by a threshold chosen without its group"


def _distance(rule: Domain) -> str:
    return (
        "Out of distribution (unlike the training tiles): the mean cosine distance to the "
        f"{rule.neighbours} nearest of {rule.references:,} training tiles is above {rule.threshold:.4g}. "
        f"{100 * rule.accepted_share:.4g}% of the tiles of other groups lie below it (measured on {_fitted_on(rule)})."
    )


def _fitted_on(fitted: Calibration | Domain) -> str:
    if fitted.fitted_on == "validation":
        return count(fitted.n, "validation tile")
    return f"{count(fitted.n, 'tile')}, each judged by a model made without it"


def _target(card: Card, metrics: Metrics) -> list[Part]:
    """Warn where the threshold surely misses here what it was chosen for."""
    rule, found = card.abstention, metrics.abstention
    if rule is None or found.threshold is None:  # a threshold of each fold's model, not of this card
        return []
    reached, target = (
        (found.selective_accuracy, "selective accuracy") if rule.target == "accuracy" else (found.coverage, "coverage")
    )
    if reached.high is None or reached.high >= rule.target_value:
        return []
    missed = f"The {target} of {rule.target_value:.0%} that the threshold was chosen for is missed on these tiles."
    return [Text(missed, "warning")]


def _coverage_table(metrics: Metrics) -> Table:
    rows = [
        (
            code,
            f"{row.n:,}",
            *map(share, (row.coverage, row.selective_accuracy, row.low_confidence, row.unlike_training)),
        )
        for code, row in metrics.abstention.per_class.items()
    ]
    columns = ("class", "tiles", "coverage", "selective accuracy", "low confidence", "out of distribution")
    return Table(columns, rows, where(metrics))
