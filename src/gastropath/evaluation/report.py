"""The evaluation as a page, and everything that lies beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gastropath import __version__
from gastropath.evaluation import sections
from gastropath.evaluation.assessment import Assessment
from gastropath.evaluation.chart import Chart
from gastropath.evaluation.confusions import confused_pairs, copy_misclassified, misclassified
from gastropath.evaluation.figures import charts
from gastropath.evaluation.gallery import misclassified_tiles, suspected_labels
from gastropath.evaluation.label_noise import Suspect
from gastropath.evaluation.shortcuts import LEARNED_FROM
from gastropath.inference.classifier import Classifier
from gastropath.outputs import write_json
from gastropath.report.html import Figure as Picture
from gastropath.report.html import Page, Part, Section, Table, Text
from gastropath.report.notices import SYNTHETIC_MODEL
from gastropath.results.card import Card
from gastropath.results.metrics import Leakage, Metrics, SplitInfo
from gastropath.results.predictions import Predictions
from gastropath.tables import write_table
from gastropath.tissue import tissue_class

_ENOUGH_OF_A_CLASS = 10

FILES = ("predictions.csv", "figures", "misclassified", "report.html", "metrics.json", "environment.json")
"""What an evaluation writes."""


@dataclass(frozen=True)
class CrossValidated:
    """Out-of-fold answers, judged, and the labels they throw doubt on."""

    assessment: Assessment
    suspects: Sequence[Suspect]


def write_evaluation(
    assessment: Assessment,
    classifier: Classifier,
    out: Path,
    history: Sequence[Mapping[str, float]] = (),
    cross_validated: CrossValidated | None = None,
) -> None:
    """Write ``predictions.csv``, ``figures/``, ``misclassified/``, ``report.html`` and, last, ``metrics.json``.

    Parameters
    ----------
    assessment
        The figures.
    classifier
        What was judged; it shows where it sees the class in the tiles it got wrong.
    out
        Folder.
    history
        How training went, for a chart.
    cross_validated
        What models made without the tile say of it; ``None`` where there are none.
    """
    drawn = charts(assessment.metrics, history)
    write_predictions(assessment, out / "predictions.csv")
    for chart in drawn:
        chart.write(out / "figures")
    copy_misclassified(misclassified(assessment), out / "misclassified")
    report(assessment, classifier, drawn, cross_validated).write(out / "report.html")
    write_json(out / "metrics.json", assessment.metrics.model_dump())


def report(
    assessment: Assessment, classifier: Classifier, drawn: Sequence[Chart], cross_validated: CrossValidated | None
) -> Page:
    """Lay the page out; see :func:`write_evaluation`."""
    metrics, card = assessment.metrics, classifier.card
    pictures = {chart.name: Picture(chart.svg, chart.alt, chart.caption) for chart in drawn}
    errors = misclassified_tiles(classifier, misclassified(assessment), metrics.n)
    parts = [
        *sections.accuracy(metrics, pictures),
        Section("Most confused classes", _pairs(assessment)),
        Section("Misclassified tiles", errors),
    ]
    if cross_validated:
        metrics_of_folds, suspects = cross_validated.assessment.metrics, cross_validated.suspects
        parts += [
            Section("Labels to look at again", suspected_labels(suspects, metrics_of_folds.n)),
            Section("Cross-validation", sections.cross_validation(metrics_of_folds)),
        ]
    parts += [*sections.confidence(metrics, card, pictures), *sections.checks(metrics, pictures)]
    if "history" in pictures:
        parts.append(Section("Training", [pictures["history"]]))
    parts.append(Section("How this was made", [_provenance(assessment, card)]))
    title = f"Evaluation of {card.name}"
    footer = f"GastroPath {__version__}. Intervals: 95 % bootstrap over {metrics.resampled} where nothing else is said."
    alerts = [line for line in metrics.warnings if line.startswith(LEARNED_FROM)]
    drawn_tiles = assessment.index.synthetic
    if card.training_data.synthetic and not drawn_tiles:
        alerts.append(SYNTHETIC_MODEL)
    return Page(title, _summary(assessment, cross_validated), parts, drawn_tiles, footer, alerts)


def _over(metrics: Metrics) -> str:
    present = sum(1 for figures in metrics.per_class.values() if figures.support)
    total = len(metrics.classes)
    return f"over {total} classes" if present == total else f"over the {present} of {total} classes that have tiles"


def _summary(assessment: Assessment, cross_validated: CrossValidated | None) -> list[str]:
    metrics = assessment.metrics
    where = "tiles of the test part" if metrics.part == "test" else "tiles given"
    if metrics.remembered == 0:
        where += ", none of which the model learned from,"
    value, low, high = metrics.accuracy.numbers
    lines = [
        f"On {metrics.n:,} {where}, the model is right on {value:.1%} (95 % interval {low:.1%} to "
        f"{high:.1%}); macro-F1 {metrics.macro_f1} {_over(metrics)}."
    ]
    if cross_validated:
        folded = cross_validated.assessment.metrics
        lines.append(
            f"Cross-validated over all {folded.n:,} tiles, each judged by a model made without its fold: right on "
            f"{folded.accuracy}, macro-F1 {folded.macro_f1}."
        )
    scored = [(f.f1.value, code) for code, f in metrics.per_class.items() if f.support and f.f1.value is not None]
    fewest = min((f.support for f in metrics.per_class.values() if f.support), default=0)
    if len(scored) > 1 and fewest < _ENOUGH_OF_A_CLASS:
        lines.append(f"Classes have as few as {fewest} tiles here: too few to say which is recognised best or worst.")
    elif len(scored) > 1:
        best, worst = max(scored), min(scored)
        lines.append(
            f"Best recognised: {_named(best[1])} (F1 {best[0]:.2f}); worst: {_named(worst[1])} (F1 {worst[0]:.2f})."
        )
    if metrics.shortcut_baseline.macro_f1:
        colour = metrics.shortcut_baseline.macro_f1
        gain = metrics.shortcut_baseline.gain
        more = gain is not None and (gain.low or 0) > 0
        verdict = "the model sees more than colour" if more else "nothing shows that the model sees more than colour"
        paired = f", paired difference {gain}" if gain else ""
        lines.append(f"A colour histogram alone reaches macro-F1 {colour} on the same tiles{paired}: {verdict}.")
    answered, right = metrics.abstention.coverage.value, metrics.abstention.selective_accuracy.value
    if answered is not None and answered < 0.995:
        told = "" if right is None else f" and is right on {right:.0%} of these"
        lines.append(f"It answers {answered:.0%} of the tiles{told}; to the others it says that it does not know.")
    if metrics.robustness:
        surely = [row for row in metrics.robustness.changed if row.change.is_below_zero]
        if surely:
            worst_change = min(surely, key=lambda row: row.change.numbers[0])
            lines.append(
                f"Of {len(metrics.robustness.changed)} computed changes of the tiles, {len(surely)} cost accuracy; "
                f"most {worst_change.name}: {worst_change.change}."
            )
        else:
            lines.append(
                f"None of {len(metrics.robustness.changed)} computed changes of stain, focus, brightness and "
                f"compression costs accuracy that could be told from chance on {metrics.robustness.n:,} tiles."
            )
    if metrics.explanations:
        lines.append(sections.verdict_on_maps(metrics.explanations))
    return lines


def _pairs(assessment: Assessment) -> list[Part]:
    pairs = confused_pairs(assessment)
    return [Text(pair.sentence()) for pair in pairs] or [Text("No tile was misclassified.")]


def _provenance(assessment: Assessment, card: Card) -> Table:
    metrics = assessment.metrics
    rows: list[tuple[str, object]] = [
        ("tiles", str(assessment.index.root)),
        ("index SHA-256", assessment.index.sha256()),
        ("model", f"{card.name}, {card.precision}, made {card.created}"),
        ("model SHA-256", card.files["model.tflite"]),
        ("trained on", f"{card.training_data.name}, {card.training_data.n_tiles:,} tiles"),
        ("views averaged", f"{metrics.views}; changed tiles and maps are checked with one"),
        ("versions", ", ".join(f"{name} {version}" for name, version in card.versions.items())),
    ]
    if review := card.training_data.review:
        rows.insert(
            5,
            (
                "labels reviewed",
                f"{review.dropped:,} training and validation tiles dropped, {review.relabelled:,} "
                f"relabelled; the test part keeps its published labels ({review.sha256[:12]})",
            ),
        )
    if metrics.split:
        rows[2:2] = [
            ("split", _split(metrics.split)),
            ("tiles left out by the split", _left_out(metrics.split)),
            ("duplicate tiles across parts", _leaks(metrics.leakage)),
        ]
    return Table(("what", "value"), rows)


def _split(split: SplitInfo) -> str:
    how = {
        "block": "neighbouring file numbers of a class stay together",
        "group": "groups and duplicates stay together",
        "random": "nothing stays together, so the figures are optimistic",
        "file": "a table of which nothing else is known",
    }.get(split.method)
    return ", ".join(
        [split.method, *([f"seed {split.seed}"] if split.seed is not None else []), *([how] if how else [])]
    )


def _left_out(split: SplitInfo) -> str:
    if not sum(split.purged.values()):
        return "none" if split.method != "file" else "not known"
    near, copies = split.purged.get("gap", 0), split.purged.get("copies", 0)
    return f"{near:,} too close to another part in file number, {copies:,} with a copy in another part"


def _leaks(leakage: Leakage) -> str:
    identical, near = leakage.identical_pairs_across_parts, leakage.near_pairs_across_parts
    if identical is None:
        return "not counted"
    other = "near-duplicates were not searched for" if near is None else f"{near:,} near-duplicate"
    return f"pairs: {identical:,} identical, {other}"


def write_predictions(assessment: Assessment, path: Path, folds: Sequence[str] = ()) -> None:
    """Write an answer a tile, with its true label and group, and its part or (where they are given) its fold.

    Tiles of classes that the model does not have come last, as part ``other``.
    """
    index, predictions = assessment.index, assessment.predictions
    name, cells = ("fold", folds) if folds else ("part", assessment.parts)
    sets = [(index, predictions, cells)]
    if others := assessment.outsiders:
        sets.append((others.index, others.predictions, ("other",) * len(others.index)))
    rows = (
        {**row, "true_label": label, "group": group, name: cell}
        for tiles, answers, of in sets
        for row, label, group, cell in zip(answers.rows(tiles.paths), tiles.labels, tiles.groups, of, strict=True)
    )
    write_table(path, [*Predictions.columns(predictions.classes, "true_label"), "group", name], rows)


def _named(code: str) -> str:
    name = tissue_class(code).name
    return f"{code} ({name})" if name != code else code
