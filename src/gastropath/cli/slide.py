"""``slide``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import (
    Json,
    Model,
    Overwrite,
    QupathBegins,
    QupathClasses,
    QupathOrigin,
    Scheduler,
    paths_given,
)

if TYPE_CHECKING:
    from gastropath.slides.cohort import MappedSlides

_LEAST_MPP, _MOST_MPP = 0.01, 100
_SHOWN = ("folder", "classified", "abstained", "refused", "stroma_share")


def slide(
    slides: Annotated[
        list[Path],
        typer.Argument(
            metavar="SLIDES...",
            help="Whole slides, large images, or folders of slides; - reads their paths from standard input.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for one folder per slide, and slides.csv.")] = Path("slides"),
    model: Model = None,
    mpp: Annotated[
        str | None,
        typer.Option(
            metavar="X|CSV",
            help="Micrometres per pixel of level 0, or a table slide,mpp; default: what the slide states.",
        ),
    ] = None,
    stride_um: Annotated[
        float | None, typer.Option(min=1, help="From one tile to the next; default: tiles touch.")
    ] = None,
    mask: Annotated[bool, typer.Option("--mask/--no-mask", help="Leave glass, pen marks and dark borders out.")] = True,
    roi: Annotated[
        Path | None, typer.Option(metavar="GEOJSON", help="Only within these polygons, drawn in QuPath.")
    ] = None,
    features: Annotated[
        bool, typer.Option("--features", help="Also write features.h5, as TRIDENT and CLAM read it.")
    ] = False,
    stamp: Annotated[bool, typer.Option("--stamp", help="Also write stamp.h5: features as STAMP reads them.")] = False,
    anndata: Annotated[
        bool, typer.Option("--anndata", help="Also write tiles.h5ad, as scanpy and squidpy read it.")
    ] = False,
    qupath_origin: QupathBegins = QupathOrigin.BOUNDS,
    qupath_classes: QupathClasses = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table slide,case: write the sums of each case to cases.csv.")
    ] = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Turn slides into tissue maps: tiles.csv, tiles.geojson for QuPath, overlay.png, summary.json.

    Interrupted, the same command goes on; slides that are done are not mapped again.
    """
    from gastropath.memory import give_back_large_buffers
    from gastropath.report.notices import model_notices
    from gastropath.slides.writers.outputs import OVERLAY
    from gastropath.workflows.slides import map_slides

    give_back_large_buffers()
    with console.progress() as progress:
        maps = map_slides(
            paths_given(slides), out, model, mpp=_number_or_table(mpp), stride_um=stride_um, mask=mask, roi=roi,
            features=features, stamp=stamp, anndata=anndata, qupath_origin=qupath_origin.value,
            qupath_classes=qupath_classes, cases=cases, scheduler=scheduler, overwrite=overwrite, progress=progress,
        )  # fmt: skip
    if as_json:
        console.print_json(maps.rows)
    else:
        done = [row for row in maps.rows if row["status"] == "done"]
        console.table(_SHOWN, [[_shown(row[column]) for column in _SHOWN] for row in done])
        if maps.mapped:
            console.say(f"look at {maps.mapped[0].folder / OVERLAY}; all slides: {maps.table}")
    _tell(maps)
    for notice in model_notices(maps.card) if maps.mapped else ():
        console.note(f"warning: {notice}")
    console.refusals({str(slide.path): slide.error for slide in maps.failed})
    if maps.failed or any(slide.summary.tiles.n_refused for slide in maps.mapped):
        raise typer.Exit(console.EXIT_REFUSED)


def _tell(maps: MappedSlides) -> None:
    """Tell what the user should know beside the figures."""
    from gastropath.report.wording import count
    from gastropath.slides.writers.outputs import TISSUE

    if maps.cases is not None:
        console.note(f"cases: {maps.cases.path}")
        for names, one, several in (
            (maps.cases.without_case, "with a map is of no case", "with a map are of no case"),
            (
                maps.cases.without_slide,
                "of the table of cases has no row in slides.csv",
                "of the table of cases have no row in slides.csv",
            ),
        ):
            if names:
                told = count(len(names), f"slide {one}", f"slides {several}")
                console.note(f"{told}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}")
    for path, other in maps.same:
        console.note(f"{path}: is the same slide as {other}, and was not mapped again")
    for slide in maps.mapped:
        for warning in slide.summary.warnings:
            console.note(f"{slide.path}: warning: {warning}")
        if not slide.summary.tiles.classified and not slide.summary.tiles.n_refused:
            console.note(
                f"{slide.path}: no tile was classified; look at {slide.folder / TISSUE}, or try again with --no-mask"
            )


def _number_or_table(mpp: str | None) -> float | Path | None:
    """Read the option ``--mpp``: a number within its range, or else the name of a table."""
    if mpp is None:
        return None
    try:
        number = float(mpp)
    except ValueError:
        return Path(mpp)
    if not _LEAST_MPP <= number <= _MOST_MPP:
        what = f"{mpp} is not in the range {_LEAST_MPP:g}<=x<={_MOST_MPP:g}."
        raise typer.BadParameter(what, param_hint="'--mpp'")
    return number


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
