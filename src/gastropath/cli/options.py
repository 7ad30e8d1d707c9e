"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    list[Path],
    typer.Argument(
        metavar="DATA...",
        help="Folders with a sub-folder for each class (or a folder above one), or a CSV with path,label[,group].",
    ),
]
Classes = Annotated[str | None, typer.Option("--classes", metavar="A,B,...", help="Use only these classes.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing result.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Model = Annotated[Path, typer.Option("--model", help="A run folder or a model bundle.")]


def chosen(classes: str | None) -> list[str] | None:
    """Split the value of ``--classes``."""
    return [code.strip() for code in classes.split(",") if code.strip()] if classes else None
