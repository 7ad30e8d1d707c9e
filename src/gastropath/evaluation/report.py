"""The evaluation as a page, and everything that lies beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gastropath import __version__
from gastropath.data.index import TileIndex
from gastropath.data.matching import PIXELS
from gastropath.evaluation.assessment import Assessment
from gastropath.evaluation.caveats import LEARNED_FROM
from gastropath.evaluation.confusions import confused_pairs, copy_misclassified, misclassified
from gastropath.evaluation.gallery import misclassified_tiles, suspected_labels
from gastropath.evaluation.label_noise import Suspect
from gastropath.inference.classifier import Classifier
from gastropath.outputs import write_json
from gastropath.report.charts.training import History, history_chart
from gastropath.report.html import Page
from gastropath.report.notices import SYNTHETIC_MODEL, model_notices
from gastropath.report.parts import Bullets, Chart, Part, Section, Table, Text
from gastropath.report.sections.accuracy import cross_validation
from gastropath.report.sections.order import accuracy_sections, summary, trust_sections
from gastropath.report.sections.split import review_in_words, split_rows
from gastropath.report.wording import count
from gastropath.results.card import Card
from gastropath.results.predictions import Predictions
from gastropath.tables import write_table

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
    history: History = (),
    cross_validated: CrossValidated | None = None,
    remarks: Sequence[str] = (),
) -> None:
    """Write ``predictions.csv``, ``figures/``, ``misclassified/``, ``report.html`` and, last, ``metrics.json``.

    Parameters
    ----------
    assessment
        The metrics.
    classifier
        What was judged; it shows where it sees the class in the tiles it got wrong.
    out
        Folder.
    history
        How training went, for a chart.
    cross_validated
        What models made without the tile say of it; ``None`` where there are none.
    remarks
        What is to be said of the training, a sentence each.
    """
    page = report(assessment, classifier, history, cross_validated, remarks)
    write_predictions(assessment, out / "predictions.csv")
    write_charts(page, out / "figures")
    copy_misclassified(misclassified(assessment), out / "misclassified")
    page.write(out / "report.html")
    write_json(out / "metrics.json", assessment.metrics.model_dump())


def write_charts(page: Page, folder: Path) -> None:
    """Write every chart of a page, as SVG and PNG, into a folder."""
    for section in page.sections:
        for part in section.parts:
            if isinstance(part, Chart):
                part.write(folder)


def report(
    assessment: Assessment,
    classifier: Classifier,
    history: History = (),
    cross_validated: CrossValidated | None = None,
    remarks: Sequence[str] = (),
) -> Page:
    """Lay the page out; see :func:`write_evaluation`."""
    metrics, card = assessment.metrics, classifier.card
    errors = misclassified_tiles(classifier, misclassified(assessment), metrics.n)
    sections = [
        *accuracy_sections(metrics),
        Section("Most confused classes", _pairs(assessment)),
        Section("Misclassified tiles", errors),
    ]
    folds = cross_validated.assessment.metrics if cross_validated else None
    if cross_validated and folds:
        suspects = suspected_labels(cross_validated.suspects, folds.n)
        sections += [Section("Labels to look at again", suspects), cross_validation(folds)]
    sections += trust_sections(card, metrics)
    if history or remarks:
        chart = [history_chart(history)] if history else []
        sections.append(Section("Training", [*chart, *map(Text, remarks)]))
    sections.append(Section("How this was made", [_provenance(assessment, card)]))
    footer = f"GastroPath {__version__}. Intervals: 95 % bootstrap over {metrics.resampled} where nothing else is said."
    alerts = [line for line in metrics.warnings if line.startswith(LEARNED_FROM)]
    drawn_tiles = assessment.index.synthetic
    alerts += [notice for notice in model_notices(card) if notice != SYNTHETIC_MODEL or not drawn_tiles]
    return Page(f"Evaluation of {card.name}", summary(metrics, folds), sections, drawn_tiles, footer, alerts)


def _pairs(assessment: Assessment) -> list[Part]:
    pairs = confused_pairs(assessment)
    return [Bullets([pair.sentence() for pair in pairs])] if pairs else [Text("No tile was misclassified.")]


def _provenance(assessment: Assessment, card: Card) -> Table:
    metrics, data = assessment.metrics, card.training_data
    rows: list[tuple[str, object]] = [
        ("tiles", str(assessment.index.root)),
        ("index SHA-256", assessment.index.sha256()),
    ]
    rows += split_rows(metrics)
    rows += [
        ("model", f"{card.name}, {card.precision}, made {card.created}"),
        ("model SHA-256", card.files["model.tflite"]),
        *([("model fetched from", card.source)] if card.source else []),
        ("trained on", f"{data.name}, {count(data.n_tiles, 'tile')}"),
    ]
    if data.review:
        changed = review_in_words(data.review.dropped, data.review.relabelled)
        rows.append(("labels reviewed", f"{changed} ({data.review.sha256[:12]})"))
    rows += [
        ("views averaged", f"{metrics.views}; changed tiles and maps are checked with one"),
        ("versions", ", ".join(f"{name} {version}" for name, version in card.versions.items())),
    ]
    return Table(("what", "value"), rows)


def write_predictions(assessment: Assessment, path: Path, folds: Sequence[str] = ()) -> None:
    """Write an answer a tile, with its true label and group, and its part or (where they are given) its fold.

    Tiles of classes that the model does not have come last, as part ``other``. Where the tiles have been read, the last
    column says what each is, whatever it is called.
    """
    index, predictions = assessment.index, assessment.predictions
    name, cells = ("fold", folds) if folds else ("part", assessment.parts)
    sets = [(index, predictions, cells)]
    if others := assessment.out_of_distribution:
        sets.append((others.index, others.predictions, ("other",) * len(others.index)))
    rows = (
        {**row, "true_label": label, "group": group, name: cell, PIXELS: pixels}
        for tiles, answers, column in sets
        for row, label, group, cell, pixels in zip(
            answers.rows(tiles.paths), tiles.labels, tiles.groups, column, _pixels(tiles), strict=True
        )
    )
    columns = [*Predictions.columns(predictions.classes, "true_label"), "group", name]
    write_table(path, [*columns, PIXELS] if index.pixels else columns, rows)


def _pixels(tiles: TileIndex) -> Sequence[str]:
    return tiles.pixels or ("",) * len(tiles)
