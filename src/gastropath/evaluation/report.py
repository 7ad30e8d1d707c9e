"""The evaluation as a page, and everything that lies beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gastropath import __version__
from gastropath.bundle.card import Card
from gastropath.errors import CannotReadImage
from gastropath.evaluation.assessment import Assessment
from gastropath.evaluation.confusions import Misclassified, confused_pairs, copy_misclassified, misclassified
from gastropath.evaluation.figures import Chart, charts
from gastropath.evaluation.metrics import Figure, Leakage, Metrics, SplitInfo
from gastropath.images import encode_jpeg, load_tile
from gastropath.inference.predictions import Predictions
from gastropath.outputs import write_json
from gastropath.page import Figure as Picture
from gastropath.page import Gallery, Page, Part, Section, Table, Text, Tile
from gastropath.tables import write_table
from gastropath.tissue import tissue_class

FILES = ("predictions.csv", "figures", "misclassified", "report.html", "metrics.json")
"""What an evaluation writes."""

_SHOWN_ERRORS = 60
_THUMBNAIL_PX = 160


def write_evaluation(
    assessment: Assessment, card: Card, out: Path, history: Sequence[Mapping[str, float]] = ()
) -> None:
    """Write ``predictions.csv``, ``figures/``, ``misclassified/``, ``report.html`` and, last, ``metrics.json``."""
    errors = misclassified(assessment)
    drawn = charts(assessment.metrics, history)
    write_predictions(assessment, out / "predictions.csv")
    for chart in drawn:
        chart.write(out / "figures")
    copy_misclassified(errors, out / "misclassified")
    report(assessment, card, drawn, errors).write(out / "report.html")
    write_json(out / "metrics.json", assessment.metrics.model_dump())


def report(assessment: Assessment, card: Card, drawn: Sequence[Chart], errors: Sequence[Misclassified]) -> Page:
    """Lay the page out."""
    metrics = assessment.metrics
    pictures = {chart.name: Picture(chart.svg, chart.alt, chart.caption) for chart in drawn}
    confusion: list[Part] = [pictures["confusion_matrix"], pictures["confusion_matrix_normalised"]]
    sections = [
        Section("Accuracy", [_accuracy_table(metrics), *(Text(line, "warning") for line in metrics.warnings)]),
        Section("Each class", [_class_table(metrics), pictures["per_class"]]),
        Section("Confusion matrix", confusion),
        Section("Most confused classes", _pairs(assessment)),
        Section("Misclassified tiles", _gallery(errors, metrics)),
        Section("Confidence", [_confidence(metrics), pictures["reliability"]]),
        Section("When it says \u201cI don't know\u201d", _abstaining(metrics)),
    ]
    if "history" in pictures:
        sections.append(Section("Training", [pictures["history"]]))
    sections.append(Section("How this was made", [_provenance(assessment, card)]))
    title = f"Evaluation of {card.name}"
    footer = f"GastroPath {__version__}. Intervals: 95 % bootstrap over {metrics.resampled}."
    return Page(title, _summary(assessment), sections, metrics.synthetic, footer)


def _summary(assessment: Assessment) -> list[str]:
    metrics = assessment.metrics
    where = "tiles of the test part, which took no part in training" if metrics.part == "test" else "tiles given"
    lines = [
        f"On {metrics.n:,} {where}, the model is right on {_percent(metrics.accuracy)}; macro-F1 "
        f"{metrics.macro_f1.estimate()} over {len(metrics.classes)} classes."
    ]
    scored = [(f.f1.value, code) for code, f in metrics.per_class.items() if f.support and f.f1.value is not None]
    if len(scored) > 1:
        best, worst = max(scored), min(scored)
        lines.append(
            f"Best recognised: {_named(best[1])} (F1 {best[0]:.2f}); worst: {_named(worst[1])} (F1 {worst[0]:.2f})."
        )
    if metrics.shortcut_baseline.macro_f1:
        colour = metrics.shortcut_baseline.macro_f1.estimate()
        gain = metrics.macro_f1.estimate().value - colour.value
        verdict = (
            "the model sees more than colour"
            if gain > 0.05
            else "so nothing shows that the model sees more than colour"
        )
        lines.append(f"A colour histogram alone reaches macro-F1 {colour} on the same tiles: {verdict}.")
    return lines


def _accuracy_table(metrics: Metrics) -> Table:
    rows: list[tuple[str, str, str]] = []
    if metrics.split:
        tiles = metrics.split.tiles
        rows += [
            ("accuracy, training part", f"{tiles['train']:,}", _text(metrics.train_accuracy)),
            ("accuracy, validation part", f"{tiles['val']:,}", _text(metrics.val_accuracy)),
        ]
    n = f"{metrics.n:,}"
    rows += [
        (f"accuracy, {metrics.part} part", n, _text(metrics.accuracy)),
        ("balanced accuracy", n, _text(metrics.balanced_accuracy)),
        ("macro precision", n, _text(metrics.macro_precision)),
        ("macro recall", n, _text(metrics.macro_recall)),
        ("macro-F1", n, _text(metrics.macro_f1)),
    ]
    if metrics.shortcut_baseline.macro_f1:
        rows.append(("macro-F1 of a colour histogram", n, _text(metrics.shortcut_baseline.macro_f1)))
    return Table(("figure", "tiles", "value (95 % interval)"), rows)


def _class_table(metrics: Metrics) -> Table:
    rows = [
        (code, tissue_class(code).name, f.support, *(_text(x) for x in (f.precision, f.recall, f.f1, f.auroc)))
        for code, f in metrics.per_class.items()
    ]
    columns = ("class", "tissue", "tiles", "precision", "recall", "F1", "AUROC (one against the rest)")
    return Table(columns, rows, f"{metrics.part.capitalize()} part, n = {metrics.n:,}, with 95 % intervals")


def _pairs(assessment: Assessment) -> list[Part]:
    pairs = confused_pairs(assessment)
    return [Text(pair.sentence()) for pair in pairs] or [Text("No tile was misclassified.")]


def _gallery(errors: Sequence[Misclassified], metrics: Metrics) -> list[Part]:
    if not errors:
        return [Text("None.")]
    tiles = []
    for error in errors[:_SHOWN_ERRORS]:
        try:
            image = encode_jpeg(load_tile(error.file, _THUMBNAIL_PX), 80)
        except CannotReadImage:  # readable a moment ago; its row stands in predictions.csv
            continue
        caption = (
            f"{error.true} → {error.predicted} at {error.confidence:.2f} "
            f"({error.true} {error.probability_of_true:.2f}) {error.path}"
        )
        alt = f"tile of {error.true} classified as {error.predicted}"
        tiles.append(Tile(image, caption, alt, tissue_class(error.predicted).color))
    caption = (
        f"{len(errors):,} of {metrics.n:,} tiles, most confident error first: true → predicted at its confidence, the "
        "probability of the true class, the file. The bar has the colour of the predicted class."
    )
    parts: list[Part] = [Gallery(tiles, caption)]
    if len(errors) > _SHOWN_ERRORS:
        parts.append(Text(f"{len(errors) - _SHOWN_ERRORS:,} more stand in predictions.csv.", "note"))
    return parts


def _confidence(metrics: Metrics) -> Table:
    before, after = metrics.calibration.before, metrics.calibration.after
    both = [before, after] if after else [before]
    rows = [
        ("expected calibration error", *(f"{figures.ece:.3f}" for figures in both)),
        ("negative log-likelihood", *(f"{figures.nll:.3f}" for figures in both)),
        ("Brier score", *(f"{figures.brier:.3f}" for figures in both)),
    ]
    columns = ("figure", "before calibration", "as shipped") if after else ("figure", "not calibrated")
    note = f"{metrics.part.capitalize()} part, n = {metrics.n:,}"
    return Table(columns, rows, f"{note}; temperature {metrics.calibration.temperature:.3g}" if after else note)


def _abstaining(metrics: Metrics) -> list[Part]:
    figures = metrics.abstention
    if figures.threshold is None and metrics.domain is None:
        return [Text("This model never abstains.")]
    right = "" if figures.selective_accuracy is None else f"; {figures.selective_accuracy:.1%} of these are right"
    sentence = (
        f"The model answers {figures.coverage:.1%} of the {metrics.n:,} tiles{right}. On {figures.low_confidence:.1%} "
        f"its confidence is too low; {figures.unlike_training:.1%} are unlike the training tiles (a tile may be both)."
    )
    rows = [
        (
            code,
            f"{row.n:,}",
            *map(_share, (row.coverage, row.selective_accuracy, row.low_confidence, row.unlike_training)),
        )
        for code, row in figures.per_class.items()
    ]
    columns = ("class", "tiles", "answered", "right of these", "low confidence", "unlike the training tiles")
    return [Text(sentence), Table(columns, rows, f"{metrics.part.capitalize()} part, n = {metrics.n:,}")]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _provenance(assessment: Assessment, card: Card) -> Table:
    metrics = assessment.metrics
    rows: list[tuple[str, object]] = [
        ("tiles", str(assessment.index.root)),
        ("index SHA-256", assessment.index.sha256()),
        ("model", f"{card.name}, {card.precision}, made {card.created}"),
        ("model SHA-256", card.files["model.tflite"]),
        ("trained on", f"{card.training_data.name}, {card.training_data.n_tiles:,} tiles"),
        ("versions", ", ".join(f"{name} {version}" for name, version in card.versions.items())),
    ]
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
    """Write an answer a tile, with its true label, and its part or (where they are given) its fold."""
    index, predictions = assessment.index, assessment.predictions
    name, cells = ("fold", folds) if folds else ("part", assessment.parts)
    rows = (
        {**row, "true_label": label, name: cell}
        for row, label, cell in zip(predictions.rows(index.paths), index.labels, cells, strict=True)
    )
    write_table(path, [*Predictions.columns(predictions.classes, "true_label"), name], rows)


def _text(figure: Figure | None) -> str:
    return "–" if figure is None else str(figure.estimate())


def _percent(figure: Figure) -> str:
    estimate = figure.estimate()
    return f"{estimate.value:.1%} (95 % interval {estimate.low:.1%} to {estimate.high:.1%})"


def _named(code: str) -> str:
    name = tissue_class(code).name
    return f"{code} ({name})" if name != code else code
