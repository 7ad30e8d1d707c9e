"""``teach`` and ``adapt``."""

from __future__ import annotations

from collections.abc import Sequence
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


def teach(
    slides: Annotated[
        list[Path], typer.Argument(metavar="SLIDES...", help="Whole slides, large images, or folders of slides.")
    ],
    model: Model = None,
    out: Annotated[
        Path, typer.Option(help="Folder for labels, maps and the new model; an earlier lesson there goes on.")
    ] = Path("taught"),
    classes: Classes = None,
    mpp: Mpp = None,
    mask: Annotated[bool, typer.Option("--mask/--no-mask", help="Leave glass, pen marks and dark borders out.")] = True,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who labels, for the record.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8502,
) -> None:
    """Correct a model on your own slides, on a page of this computer: it learns from each label at once.

    Slides are mapped first. Interrupted, the same command goes on; no label is lost. A sealed model is like any other.
    """
    from gastropath.memory import give_back_large_buffers
    from gastropath.workflows.teach import teach as begin

    give_back_large_buffers()
    with console.progress() as progress:
        found = begin(
            slides, model, out, classes=chosen(classes), mpp=mpp, mask=mask, labelled_by=by, port=port,
            progress=progress, on_classes=_of_other_classes, on_refused=console.refusals, on_ready=_told,
            on_sealed=_sealed,
        )  # fmt: skip
    from gastropath.report.wording import count

    console.note(f"{count(found.labels, 'label')} kept in {found.folder}; the same command goes on with them")
    if found.refused:
        raise typer.Exit(console.EXIT_REFUSED)


def _of_other_classes(added: Sequence[str], left_out: Sequence[str]) -> None:
    """Say it before anybody labels: a class may be new, or its name mistyped."""
    if added:
        console.note(f"the model has no class {', '.join(added)}: new, to be learned from your labels alone")
    if left_out:
        console.note(f"classes of the model that are left out: {', '.join(left_out)}")


def _told(page: str) -> None:
    console.note(f"open {page} in a browser; stop with Ctrl-C")


def _sealed(lines: Sequence[str]) -> None:
    for line in lines:
        console.say(line)


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
