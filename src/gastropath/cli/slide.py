"""``slide``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Model, Overwrite, Scheduler, model_folder
from gastropath.errors import CannotUseCluster, GastroPathError
from gastropath.workflows.extras import need

_SHOWN = ("folder", "classified", "abstained", "refused", "stroma_share")


def slide(
    slides: Annotated[list[Path], typer.Argument(metavar="SLIDES...", help="Whole slides, or large images.")],
    out: Annotated[Path, typer.Option(help="Folder for a folder a slide, and slides.csv.")] = Path("slides"),
    model: Model = None,
    mpp: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=100, metavar="X", help="Micrometres per pixel of level 0; default: what the slide tells."
        ),
    ] = None,
    stride_um: Annotated[
        float | None, typer.Option(min=1, help="From one tile to the next; default: tiles touch.")
    ] = None,
    everything: Annotated[bool, typer.Option("--no-mask", help="Classify glass, pen marks and borders too.")] = False,
    roi: Annotated[
        Path | None, typer.Option(metavar="GEOJSON", help="Only within these polygons, drawn in QuPath.")
    ] = None,
    features: Annotated[bool, typer.Option("--features", help="Also write features.h5.")] = False,
    scheduler: Scheduler = None,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Turn slides into tissue maps: tiles.csv, tiles.geojson for QuPath, overlay.png, summary.json.

    Interrupted, the same command goes on; slides that are done are passed over.
    """
    if scheduler:
        need("slide --scheduler")
    need("slide --features" if features else "slide")
    from gastropath.inference.classifier import Classifier
    from gastropath.parallel import pool
    from gastropath.report.notices import SYNTHETIC_MODEL
    from gastropath.slides.identity import result_name
    from gastropath.slides.job import SlideJob, SlideSettings
    from gastropath.slides.result import add_to_table, earlier_rows, finish
    from gastropath.slides.tables import slides_columns, slides_row

    classifier = Classifier.load(model_folder(model))
    settings = SlideSettings(mpp, stride_um, everything, roi, features)
    earlier_rows(out / "slides.csv")  # better refused now than after the work
    rows: list[dict[str, object]] = []
    failed: dict[str, str] = {}
    slides = list({path.resolve(): path for path in slides}.values())  # each once
    with pool(scheduler) as workers:
        for path in slides:
            name = ""
            try:
                name = result_name(path, out, [str(row["folder"]) for row in rows])
                job = SlideJob(path, out / name, classifier, settings)
                with console.progress() as progress:
                    document = finish(job, workers, overwrite=overwrite, progress=progress)
                rows.append(slides_row(path, name, document))
            except CannotUseCluster:
                raise
            except GastroPathError as error:
                failed[str(path)] = str(error).removeprefix(f"{path}: ")
                rows.append({"slide": str(path), "folder": name, "status": "failed", "reason": failed[str(path)]})
    if len(failed) == len(slides):
        raise GastroPathError("; ".join(f"{path}: {reason}" for path, reason in failed.items()))
    add_to_table(out / "slides.csv", slides_columns(classifier.classes), rows)
    done = [row for row in rows if row["status"] == "done"]
    if as_json:
        console.print_json(rows)
    else:
        console.table(_SHOWN, [[_shown(row[column]) for column in _SHOWN] for row in done])
        console.say(f"look at {out / str(done[0]['folder']) / 'overlay.png'}; all slides: {out / 'slides.csv'}")
    for row in done:
        if not row["classified"] and not row["refused"]:
            picture = out / str(row["folder"]) / "tissue.png"
            console.note(f"{row['slide']}: no tile was classified; look at {picture}, or give --no-mask")
    if classifier.card.training_data.synthetic:
        console.note(f"warning: {SYNTHETIC_MODEL}")
    console.refusals(failed)
    if failed or any(row["refused"] for row in done):
        raise typer.Exit(console.EXIT_REFUSED)


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
