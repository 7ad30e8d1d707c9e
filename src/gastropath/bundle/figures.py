"""What a model is worth, as Markdown for its card: every figure with its n and interval, from ``card.metrics``."""

from __future__ import annotations

from collections.abc import Sequence

from gastropath.results.card import UNLIKE_IS_MEASURED, Card
from gastropath.results.checks import ExplanationChecks, Robustness
from gastropath.results.interval import Interval
from gastropath.results.metrics import Metrics, OutOfDistributionMetrics

_OFTEN = 0.05
"""Share of pictures of a kind from which a model is said to name them."""


def figures(card: Card) -> list[tuple[str, list[str]]]:
    """Return titles and lines of Markdown of the sections that the card has figures for."""
    metrics = card.metrics
    if not metrics:
        return [("How good it is", ["Not evaluated yet: this is a draft."])]
    sections = [("How good it is", _accuracy(metrics)), ("Can its confidence be believed?", _confidence(metrics))]
    if outsiders := metrics.domain.kinds:
        sections.append(("Pictures it should not name", _outsiders(outsiders)))
    if robustness := metrics.robustness:
        sections.append(("Other scanners and stains, imitated", _robustness(robustness)))
    if explanations := metrics.explanations:
        sections.append(("Activation maps", _explanations(explanations)))
    return sections


def limits_as_measured(card: Card) -> tuple[str, ...]:
    """Return the limits of a card with what was measured in place of what may be."""
    if not card.metrics or not card.metrics.domain.kinds:
        return card.limitations
    shares = {name: row.false_accept.value for name, row in card.metrics.domain.kinds}
    named = [f"{name} ({share:.0%})" for name, share in shares.items() if share is not None and share >= _OFTEN]
    told = f"named all the same were {', '.join(named)}" if named else f"of none tried was {_OFTEN:.0%} named"
    measured = (
        f"What it calls unlike the training tiles is measured, not understood. Of pictures that it should not name, "
        f"{told}; tissue of another kind may be named too."
    )
    return tuple(measured if limit == UNLIKE_IS_MEASURED else limit for limit in card.limitations)


def cell(text: str) -> str:
    """Keep a text from ending the cell of a Markdown table, or from being taken for HTML."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _accuracy(metrics: Metrics) -> list[str]:
    groups = f"{metrics.groups:,} groups" if metrics.groups else "groups that are not known"
    whose = {"test": "Test part", "out-of-fold": "Each tile by a model trained without its fold"}.get(
        metrics.part, "All tiles given"
    )
    lines = [f"{whose}: {metrics.n:,} tiles in {groups}; 95 % intervals over {metrics.resampled}."]
    if split := metrics.split:
        tiles = ", ".join(f"{n:,} {part}" for part, n in split.tiles.items())
        lines[0] += f" Split by {split.method}: {tiles} tiles."
    lines += ["", "| | value | interval |", "|---|---|---|"]
    overall = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1")
    lines += [f"| {key.replace('_', ' ')} | {_cells(getattr(metrics, key))} |" for key in overall]
    if colour := metrics.shortcut_baseline.macro_f1:
        lines.append(f"| macro f1 of a colour histogram | {_cells(colour)} |")
    lines += ["", "| class | tiles | precision | recall | F1 | AUROC |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {cell(code)} | {row.support:,} | "
        f"{' | '.join(figure_text(getattr(row, kind)) for kind in ('precision', 'recall', 'f1', 'auroc'))} |"
        for code, row in metrics.per_class.items()
    ]
    if sources := metrics.by_source:
        lines += ["", "| source | tiles | accuracy | interval | macro-F1 | interval |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {cell(name)} | {row.n:,} | {_cells(row.accuracy)} | {_cells(row.macro_f1)} |"
            for name, row in sources.items()
        ]
    return lines + [f"\n{warning}" for warning in metrics.warnings]


def _confidence(metrics: Metrics) -> list[str]:
    given = metrics.calibration.after or metrics.calibration.before
    abstention = metrics.abstention
    lines = [
        f"- Expected calibration error {figure_text(given.ece)}; chance alone gives a perfectly calibrated model "
        f"{figure_text(given.ece_by_chance)} on so many tiles. Negative log-likelihood {figure_text(given.nll)}, "
        f"Brier score {figure_text(given.brier)}.",
        f"- It answers {figure_text(abstention.coverage)} of the tiles, and is right on "
        f"{figure_text(abstention.selective_accuracy)} of these. Area under the risk-coverage curve "
        f"{figure_text(abstention.aurc)}.",
        "",
        "| class | tiles | answered | right of these |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {cell(code)} | {row.n:,} | {_share(row.coverage)} | {_share(row.selective_accuracy)} |"
        for code, row in abstention.per_class.items()
    ]


def _outsiders(outsiders: Sequence[tuple[str, OutOfDistributionMetrics]]) -> list[str]:
    lines = [
        "Classes it does not have, and pictures that show no tissue: how well the distance to the training tiles tells "
        "them from the judged tiles (AUROC), and the share it named all the same.",
        "",
        "| pictures | n | AUROC | named |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {cell(name)} | {row.n:,} | {figure_text(row.auroc)} | {figure_text(row.false_accept)} |"
        for name, row in outsiders
    ]


def _robustness(robustness: Robustness) -> list[str]:
    lines = [
        f"{robustness.n:,} judged tiles, changed by computer; accuracy as they are {figure_text(robustness.accuracy)}.",
        "",
        "| change | accuracy | difference, in pairs |",
        "|---|---|---|",
    ]
    return lines + [
        f"| {cell(row.name)} | {figure_text(row.accuracy)} | {figure_text(row.change)} |" for row in robustness.changed
    ]


def _explanations(explained: ExplanationChecks) -> list[str]:
    checks = [
        ("deletion: gain over random order", explained.deletion.gain, explained.deletion.passed),
        ("insertion: gain over random order", explained.insertion.gain, explained.insertion.passed),
        *(
            (f"rank correlation with maps after shuffling {row.what}", row.correlation, row.passed)
            for row in explained.randomised
        ),
    ]
    lines = [f"Checked on {explained.n:,} judged tiles.", "", "| check | value | passed |", "|---|---|---|"]
    lines += [f"| {name} | {figure_text(value)} | {'yes' if passed else 'NO'} |" for name, value, passed in checks]
    if not all(passed for *_, passed in checks):
        lines += ["", "**Do not believe the activation maps of this model.**"]
    return lines


def _cells(figure: Interval) -> str:
    """Return value and interval as two cells."""
    if figure.value is None:
        return "– | –"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f} | –"
    return f"{figure.value:.3f} | {figure.low:.3f}–{figure.high:.3f}"


def figure_text(figure: Interval | None) -> str:
    """Write a figure of ``metrics.json`` with its interval; a dash where there is none."""
    return "–" if figure is None else str(figure)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
