"""``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import (
    AnnotatedSlides,
    AnnotationFiles,
    Checks,
    Classes,
    Json,
    LabelTables,
    Model,
    Mpp,
    Overwrite,
    QupathBegins,
    QupathClasses,
    QupathOrigin,
    Seed,
    SlideFolder,
    Views,
    chosen,
    command_line,
)
from gastropath.cli.tiles import tell_of_tiles


def evaluate(
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Tiles, in any form that `train` takes; may be repeated.")
    ] = None,
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, predictions.csv and report.html.")] = Path(
        "evaluation"
    ),
    labels: LabelTables = None,
    annotations: AnnotationFiles = None,
    slide: AnnotatedSlides = None,
    slides: SlideFolder = None,
    qupath_classes: QupathClasses = None,
    qupath_origin: QupathBegins = QupathOrigin.BOUNDS,
    split: Annotated[Path | None, typer.Option(help="Judge the test part of this split.")] = None,
    classes: Classes = None,
    mpp: Mpp = None,
    views: Views = 1,
    seed: Seed = 0,
    checks: Checks = "full",
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Judge a model: accuracy, precision, recall, F1, confusion matrix, misclassified tiles.

    With the data a run was trained on, its test part is judged; with other data, all of it. Or name places of slides:
    `--labels`, or `--annotations` with `--slide`.
    """
    from gastropath.report.terminal import main_metrics, show
    from gastropath.workflows.evaluate import evaluate as judge

    with console.progress() as progress:
        found = judge(
            data or (), model, out, labels=labels or (), annotations=annotations or (), slide=slide or (),
            slides=slides, qupath_classes=qupath_classes, qupath_origin=qupath_origin.value,
            split=split, classes=chosen(classes), mpp=mpp, views=views, seed=seed, checks=checks,
            overwrite=overwrite, command=command_line(), on_tiles=tell_of_tiles, progress=progress,
        )  # fmt: skip
    if as_json:
        console.print_json(found.metrics.model_dump())
    else:
        show(main_metrics(found.metrics, found.card), console)
        console.say(f"look at {found.report}")
    console.end(found.refused)
