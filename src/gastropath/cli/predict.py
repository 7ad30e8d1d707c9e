"""``predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Model, Mpp, Overwrite, Views, paths_given

if TYPE_CHECKING:
    from gastropath.workflows.predict import PredictionResult

_SHOWN = 20


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES...", help="Image files, and folders of them; - reads their paths from standard input."
        ),
    ],
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option(help="Table to write, - for standard output; predictions.csv without --json.")
    ] = None,
    mpp: Mpp = None,
    views: Views = 1,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Classify image files: one row an image; files that cannot be read are refused and named."""
    from gastropath.workflows.predict import predict as answer

    to_stdout = str(out) == "-"
    table = None if to_stdout or (out is None and as_json) else out or Path("predictions.csv")
    with console.progress() as progress:
        found = answer(paths_given(images), model, table, mpp=mpp, views=views, overwrite=overwrite, progress=progress)
    card = found.classifier.card
    if as_json:
        synthetic = card.training_data.synthetic
        told = {"model": card.name, "source": card.source, "synthetic": synthetic}
        console.print_json({**told, "predictions": list(found.documents())})
    elif to_stdout:
        found.write_rows(sys.stdout)
    else:
        _tell(found)
    if found.guessed:
        from gastropath.report.wording import count

        verb = "is" if found.guessed == 1 else "are"
        side = card.input.tile_px
        console.note(
            f"warning: {found.guessed:,} of {count(len(found.files), 'image')} {verb} not {side} x {side} px; each "
            f"was taken for {side * card.input.mpp:g} µm a side. Give --mpp if you know their micrometres per pixel"
        )
    console.end(found.refused)


def _tell(found: PredictionResult) -> None:
    from gastropath.report.notices import model_notices

    card = found.classifier.card
    names = {entry.code: entry.name for entry in card.classes}
    rows = [
        (
            answer.label if answer.decision == "accepted" else "",
            {"accepted": names.get(answer.label or "", ""), "abstained": f"not sure: {answer.detail}"}.get(
                answer.decision, ""
            ),
            "" if answer.confidence is None else f"{answer.confidence:.3f}",
            answer.decision,
            path,
        )
        for path, answer in zip(found.paths[:_SHOWN], found.predictions[:_SHOWN], strict=True)
    ]
    console.table(["class", "tissue", "confidence", "decision", "image"], rows)
    if len(found.files) > _SHOWN:
        console.say(f"… and {len(found.files) - _SHOWN:,} more")
    console.say(f"wrote {found.table}")
    for notice in model_notices(card):
        console.note(f"warning: {notice}")
