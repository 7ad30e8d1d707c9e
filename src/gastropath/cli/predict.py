"""``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Model, Mpp, Overwrite, Views, model_folder

_SHOWN = 20


def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Image files, and folders of them.")],
    model: Model = None,
    out: Annotated[Path | None, typer.Option(help="Table to write; predictions.csv where --json is not given.")] = None,
    mpp: Mpp = None,
    views: Views = 1,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Classify image files: one row an image; files that cannot be read are refused and named."""
    from gastropath.inference.classifier import Classifier
    from gastropath.inference.gathering import gather
    from gastropath.outputs import new_file
    from gastropath.report.notices import SYNTHETIC_MODEL
    from gastropath.results.predictions import Predictions
    from gastropath.tables import write_table

    files = gather(images)
    if out is None and not as_json:
        out = Path("predictions.csv")
    if out:
        new_file(out, overwrite=overwrite)
    classifier = Classifier.load(model_folder(model))
    with console.progress() as progress:
        predictions = classifier.predict(files, mpp=mpp, views=views, progress=progress)
    paths = [str(file) for file in files]
    if out:
        write_table(out, Predictions.columns(classifier.classes), predictions.rows(paths))
    names = {entry.code: entry.name for entry in classifier.card.classes}
    if as_json:
        console.print_json(
            {
                "model": classifier.card.name,
                "synthetic": classifier.card.training_data.synthetic,
                "predictions": list(predictions.documents(paths)),
            }
        )
    else:
        rows = [
            (
                label if decision == "accepted" else "",
                {"accepted": names.get(label, ""), "abstained": f"not sure: {reason}"}.get(decision, ""),
                "" if decision == "refused" else f"{confidence:.3f}",
                decision,
                path,
            )
            for path, label, confidence, decision, reason in zip(
                paths, predictions.labels, predictions.confidence, predictions.decisions, predictions.details,
                strict=True,
            )
        ]  # fmt: skip
        console.table(["class", "tissue", "confidence", "decision", "image"], rows[:_SHOWN])
        if len(rows) > _SHOWN:
            console.say(f"… and {len(rows) - _SHOWN:,} more")
        console.say(f"wrote {out}")
        if classifier.card.training_data.synthetic:
            console.note(f"warning: {SYNTHETIC_MODEL}")
    if guessed := int(predictions.is_field_of_view_assumed.sum()):
        side = classifier.tile_px
        console.note(
            f"warning: {guessed:,} of {len(files):,} images are not {side} x {side} px; each was taken for "
            f"{side * classifier.card.input.mpp:g} µm a side. Give --mpp if you know their micrometres per pixel"
        )
    refused = predictions.refused_of(paths)
    console.refusals(refused)
    if refused:
        raise typer.Exit(console.EXIT_REFUSED)
