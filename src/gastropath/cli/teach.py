"""``adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import (
    AnnotatedSlides,
    AnnotationFiles,
    Classes,
    Json,
    LabelTables,
    Model,
    Mpp,
    QupathBegins,
    QupathClasses,
    QupathOrigin,
    Seed,
    SlideFolder,
    chosen,
)


def adapt(
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder of the new model.")] = Path("adapted"),
    tiles: Annotated[
        list[Path] | None,
        typer.Option("--tiles", metavar="DATA", help="Labelled tiles, as `train` takes them; may be repeated."),
    ] = None,
    labels: LabelTables = None,
    annotations: AnnotationFiles = None,
    slide: AnnotatedSlides = None,
    slides: SlideFolder = None,
    classes: Classes = None,
    qupath_classes: QupathClasses = None,
    qupath_origin: QupathBegins = QupathOrigin.BOUNDS,
    mpp: Mpp = None,
    name: Annotated[str, typer.Option(help="Name of the new model.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Let a model learn from a few labels of your own: its head is fitted anew, in seconds, without its tiles."""
    from gastropath.report.sections.adaptation import adaptation
    from gastropath.report.terminal import show
    from gastropath.workflows.adapt import adapt as learn

    with console.progress() as progress:
        found = learn(
            model, out, tiles=tiles or (), labels=labels or (), annotations=annotations or (), slide=slide or (),
            slides=slides, classes=chosen(classes), qupath_classes=qupath_classes, qupath_origin=qupath_origin.value,
            mpp=mpp, name=name, seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        console.print_json(found.adaptation.model_dump())
    else:
        show([adaptation(found.adaptation)], console)
        console.say(f"wrote {found.folder}; look at {found.report}")
        console.say(f"use it:  gastropath slide SLIDES --model {found.folder}")
    console.end(found.refused)
