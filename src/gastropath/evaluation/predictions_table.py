"""Predictions of any model, read from a table: the figures that follow from answers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gastropath import __version__
from gastropath.data.alike import cleaned, joined, skeleton
from gastropath.data.index import TileIndex
from gastropath.data.matching import PIXELS
from gastropath.errors import CannotReadTable, UnknownSetting, did_you_mean
from gastropath.evaluation.assessment import Assessment, assess_answers
from gastropath.outputs import write_json
from gastropath.report.wording import count
from gastropath.results.card import Card, CardClass, CardInput, TrainingData
from gastropath.results.interval import Interval
from gastropath.results.metrics import Calibration, CalibrationMetrics, JudgedPart, Metrics
from gastropath.results.prediction import OUT_OF_DISTRIBUTION, Refusal
from gastropath.results.predictions import Predictions
from gastropath.tables import read_table
from gastropath.tissue_classes import tissue_classes

FILES = ("predictions.csv", "figures", "report.html", "metrics.json", "environment.json")
"""What is written."""

_PROBABILITY = "prob_"
_DECISIONS = ("accepted", "abstained", "refused")
_ROUNDING = 0.01
"""How far the probabilities of a row may add up to something else than 1: they were rounded when written."""


@dataclass(frozen=True)
class Answers:
    """Predictions of a table, and the true label of each.

    Attributes
    ----------
    index
        Path (or number of the row), true label and group of each image.
    predictions
        The answers. Where the table has labels only, each has the whole probability.
    part
        The judged part, as ``metrics.json`` names it.
    has_probabilities
        Whether the table has probabilities.
    other_classes
        Rows whose true label is none of the model's classes, by label; they are left out.
    notes
        What is to be said of labels and groups that were spelled in several ways.
    """

    index: TileIndex
    predictions: Predictions
    part: JudgedPart
    has_probabilities: bool
    other_classes: Mapping[str, int]
    notes: tuple[str, ...] = ()


def read_answers(table: Path, part: str | None = None) -> Answers:
    """Read a table of predictions, GastroPath's own or another's.

    Parameters
    ----------
    table
        CSV file with ``true_label``, and ``predicted_label`` or ``prob_CODE`` or both; optionally ``group``, ``path``,
        ``part``, ``decision``, ``reason`` and ``detail``.
    part
        Take the rows of this part alone.

    Raises
    ------
    CannotReadTable
        If a column is missing, or a cell is not what it should be.
    UnknownSetting
        If there are several parts and none is chosen, or there is no such part.
    """
    columns, rows = read_table(table, required=("true_label",))
    probabilities = [column for column in columns if column.startswith(_PROBABILITY)]
    if not probabilities and "predicted_label" not in columns:
        raise CannotReadTable("has neither a column 'predicted_label' nor columns 'prob_CODE'", where=table)
    rows = _of_part([(row.line, row) for row in rows], columns, part, table)
    rows, notes = _in_one_spelling(rows, [column.removeprefix(_PROBABILITY) for column in probabilities])
    classes = [column.removeprefix(_PROBABILITY) for column in probabilities] or sorted(
        {row[name] for _, row in rows for name in ("true_label", "predicted_label")} - {""}
    )
    if len({skeleton(code) for code in classes}) != len(classes) or len(classes) < 2:
        raise CannotReadTable(f"expected two or more classes, found {', '.join(classes) or 'none'}", where=table)
    others = Counter(row["true_label"] for _, row in rows if row["true_label"] not in classes)
    rows = [(number, row) for number, row in rows if row["true_label"] in classes]
    if not rows:
        raise CannotReadTable(f"has no row with a true label among {', '.join(classes)}", where=table)
    pixels = tuple(row.get(PIXELS, "") for _, row in rows)
    index = TileIndex(
        table.parent,
        tuple(row.get("path") or f"line {number}" for number, row in rows),
        tuple(row["true_label"] for _, row in rows),
        tuple(row.get("group", "") for _, row in rows),
        pixels=pixels if all(pixels) else (),  # by which an evaluation of ours orders its tiles
    )
    predictions = _predictions(rows, classes, bool(probabilities), table)
    return Answers(index, predictions, "test" if part == "test" else "all", bool(probabilities), others, notes)


def _in_one_spelling(
    rows: Sequence[tuple[int, dict[str, str]]], codes: Sequence[str]
) -> tuple[list[tuple[int, dict[str, str]]], tuple[str, ...]]:
    """Clean labels and groups, and join those that print alike or differ in case only; and say which."""
    n, named = len(rows), ("true_label", "predicted_label", "group")
    cells = {name: [cleaned(row.get(name, "")) for _, row in rows] for name in named}
    labels, of_labels = joined([*cells["true_label"], *cells["predicted_label"]], codes)
    groups, of_groups = joined(cells["group"])
    spelled = {"true_label": labels[:n], "predicted_label": labels[n:], "group": groups}
    changed = [
        (number, row | {name: spelled[name][i] for name in named if name in row})
        for i, (number, row) in enumerate(rows)
    ]
    notes = [entry.sentence("label") for entry in of_labels] + [entry.sentence("group") for entry in of_groups]
    return changed, tuple(f"{note}." for note in notes)


def _of_part(
    rows: list[tuple[int, dict[str, str]]], columns: Sequence[str], part: str | None, table: Path
) -> list[tuple[int, dict[str, str]]]:
    parts = sorted({row["part"] for _, row in rows}) if "part" in columns else []
    if part is None:
        if len(parts) > 1:
            raise UnknownSetting(
                f"the table has rows of several parts ({', '.join(parts)})",
                where=table,
                remedy="say which `part` is to be judged, e.g. 'test'",
            )
        return rows
    if part not in parts:
        raise UnknownSetting(f"there is no part {part!r}{did_you_mean(part, parts)}", where=table, parameter="part")
    return [(number, row) for number, row in rows if row["part"] == part]


def _predictions(
    rows: Sequence[tuple[int, dict[str, str]]], classes: Sequence[str], has_probabilities: bool, table: Path
) -> Predictions:
    """Turn cells into answers; the line is told where one cannot be."""
    place = {code: i for i, code in enumerate(classes)}
    found = np.full((len(rows), len(classes)), np.nan, np.float32)
    refusals: list[Refusal | None] = []
    unsure, unlike = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for i, (number, row) in enumerate(rows):
        where = f"{table}, line {number}"
        decision, reason = row.get("decision") or "accepted", row.get("reason", "")
        if decision not in _DECISIONS:
            raise CannotReadTable(f"decision is {decision!r}{did_you_mean(decision, _DECISIONS)}", where=where)
        if decision == "refused":
            refusals.append(Refusal(reason or "refused", row.get("detail") or "was refused"))
            continue
        refusals.append(None)
        unlike[i] = decision == "abstained" and OUT_OF_DISTRIBUTION in reason
        unsure[i] = decision == "abstained" and not unlike[i]
        label = row.get("predicted_label", "")
        if label not in place and (label or not has_probabilities):
            raise CannotReadTable(f"predicted_label is {label!r}{did_you_mean(label, classes)}", where=where)
        if has_probabilities:
            cells = [row[f"{_PROBABILITY}{code}"] for code in classes]
            found[i] = _probabilities(cells, place.get(label), where)
        else:
            found[i] = np.eye(len(classes), dtype=np.float32)[place[label]]
    return Predictions.of(classes, found, refusals=refusals, is_low_confidence=unsure, is_out_of_distribution=unlike)


def _probabilities(cells: Sequence[str], predicted: int | None, where: str) -> np.ndarray:
    """Return the probabilities of a row, that of the predicted class first among equals."""
    try:
        found = np.array([float(cell) for cell in cells])
    except ValueError:
        found = np.array([np.nan])
    if not (np.isfinite(found).all() and (found >= 0).all() and abs(found.sum() - 1) <= _ROUNDING):
        raise CannotReadTable(
            f"expected probabilities from 0 to 1 that add up to 1, found {', '.join(cells)}", where=where
        )
    if predicted is not None:
        if found[predicted] < found.max():
            raise CannotReadTable(
                "predicted_label is not the class with the highest probability",
                where=where,
                remedy="leave out that column, or the probabilities",
            )
        found[predicted] = np.nextafter(np.float32(found[predicted]), np.float32(2))
    return found / found.sum()


def assess(answers: Answers, *, seed: int = 0) -> Assessment:
    """Judge them; figures that need probabilities have no value where there are none, as have those that need a model.

    Raises
    ------
    NoTilesFound
        If every answer was refused.
    """
    index, predictions = answers.index, answers.predictions
    judged = assess_answers(_unknown_model(predictions.classes), index, predictions, answers.part, seed=seed)
    metrics = judged.metrics
    if not answers.has_probabilities:
        metrics = _without_probabilities(metrics)
    metrics = metrics.model_copy(update={"warnings": (*metrics.warnings, *answers.notes)})
    if others := answers.other_classes:
        told = (
            f"{count(sum(others.values()), 'row has', 'rows have')} a true label that is none of the model's classes "
            f"({', '.join(sorted(others))}), and left out"
        )
        metrics = metrics.model_copy(update={"warnings": (*metrics.warnings, told)})
    return replace(judged, metrics=metrics)


def _unknown_model(classes: Sequence[str]) -> Card:
    """Return the card of a model of which nothing is known but its classes."""
    return Card(
        name="a model of which only the answers are known",
        created="",
        classes=tuple(CardClass(code=t.code, name=t.name, color=t.color) for t in tissue_classes(classes)),
        input=CardInput(tile_px=224, mpp=1),
        precision="float32",
        training_data=TrainingData(name="not known", n_tiles=0, licence="", sha256="", synthetic=False),
        files={},
        versions={},
    )


def _without_probabilities(metrics: Metrics) -> Metrics:
    nothing = Interval(value=None)
    calibration = CalibrationMetrics(ece=nothing, ece_by_chance=nothing, nll=nothing, brier=nothing, bins=())
    classes = {code: row.model_copy(update={"auroc": nothing}) for code, row in metrics.per_class.items()}
    return metrics.model_copy(
        update={
            "calibration": Calibration(before=calibration),
            "per_class": classes,
            "abstention": metrics.abstention.model_copy(update={"aurc": nothing, "curve": ()}),
        }
    )


def write(assessment: Assessment, name: str, out: Path) -> None:
    """Write ``predictions.csv``, ``figures/``, ``report.html`` and, last, ``metrics.json``.

    Parameters
    ----------
    assessment
        From :func:`assess`.
    name
        Of the table, for the title.
    out
        Folder.
    """
    from gastropath.evaluation.report import write_charts, write_predictions
    from gastropath.report.html import Page
    from gastropath.report.sections.order import accuracy_sections, trust_sections

    metrics = assessment.metrics
    parts = accuracy_sections(metrics)
    if metrics.calibration.before.bins:
        trust = trust_sections(_unknown_model(metrics.classes), metrics)
        parts += trust if (metrics.abstention.coverage.value or 0) == 1 else trust[:1]
    summary = [
        f"On {count(metrics.n, 'image')} the predictions are right on {metrics.accuracy.percent()}; macro-F1 "
        f"{metrics.macro_f1}. The model itself was not asked: only what follows from its answers is here."
    ]
    footer = f"GastroPath {__version__}. Intervals: 95 % bootstrap over {metrics.resampled}."
    page = Page(f"Evaluation of {name}", summary, parts, False, footer)
    write_charts(page, out / "figures")
    page.write(out / "report.html")
    write_predictions(assessment, out / "predictions.csv")
    write_json(out / "metrics.json", metrics.model_dump())
