"""``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Mpp, Overwrite, paths_given

_TABLE = "explanations.csv"


def explain(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Image files, and folders of them.")],
    model: Model = None,
    out: Annotated[Path, typer.Option(help=f"Folder for the overlays and {_TABLE}.")] = Path("explanations"),
    code: Annotated[
        str | None, typer.Option("--class", metavar="CODE", help="Class to explain; by default the predicted one.")
    ] = None,
    mpp: Mpp = None,
    overwrite: Overwrite = False,
) -> None:
    """Show where each image speaks for a class: its activation map, laid over it."""
    from gastropath.report.notices import model_notices
    from gastropath.report.wording import count
    from gastropath.workflows.explain import explain as show

    with console.progress() as progress:
        found = show(paths_given(images), model, out, code=code, mpp=mpp, overwrite=overwrite, progress=progress)
    console.say(f"wrote {count(len(found.overlays), 'overlay')} and {_TABLE} into {out}")
    for notice in model_notices(found.classifier.card):
        console.note(f"warning: {notice}")
    console.end(found.refused)
