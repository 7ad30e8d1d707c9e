"""Options that several commands share."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

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
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="A run folder, a model bundle, or hf://OWNER/NAME[@REVISION]; the starter model where none is given.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Where features are kept from run to run; or set GASTROPATH_CACHE."),
]
Mpp = Annotated[
    float | None,
    typer.Option(min=0.01, max=100, metavar="X", help="Micrometres per pixel of the images; default: not known."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Work on the Dask cluster behind it, e.g. tcp://node7:8786."),
]
Checks = Annotated[
    Literal["full", "quick", "none"],
    typer.Option("--checks", metavar="full|quick|none", help="Checks beside the answers; quick: no further pictures."),
]
Views = Annotated[
    int, typer.Option(min=1, max=8, help="Average over so many flips and quarter turns; as many times slower.")
]


class QupathOrigin(StrEnum):
    """Where QuPath's coordinates begin."""

    BOUNDS = "bounds"
    LEVEL0 = "level0"


QupathBegins = Annotated[
    QupathOrigin,
    typer.Option(
        "--qupath-origin", help="Where QuPath's coordinates begin: at the bounds that a slide states, or at level 0."
    ),
]
QupathClasses = Annotated[
    Path | None,
    typer.Option("--qupath-classes", metavar="CSV", help="Table code,name: what classes are called in QuPath."),
]
LabelTables = Annotated[
    list[Path] | None,
    typer.Option("--labels", metavar="FILE", help="CSV slide,x_px,y_px,width_px,height_px,label; may be repeated."),
]
AnnotationFiles = Annotated[
    list[Path] | None,
    typer.Option("--annotations", metavar="FILE", help="GeoJSON with classes, as QuPath exports it; may be repeated."),
]
AnnotatedSlides = Annotated[
    list[Path] | None, typer.Option("--slide", metavar="FILE", help="The slide of each --annotations, in order.")
]
SlideFolder = Annotated[Path | None, typer.Option("--slides", metavar="DIR", help="Where the slides of --labels lie.")]


def chosen(classes: str | None) -> list[str] | None:
    """Split the value of ``--classes``."""
    return [code.strip() for code in classes.split(",") if code.strip()] if classes else None


def command_line() -> str:
    """Return the command as it was given, for the record."""
    return shlex.join(["gastropath", *sys.argv[1:]])


def paths_given(words: list[Path]) -> list[Path]:
    """Put the lines of standard input in the place of a ``-`` among paths; empty lines are passed by."""
    lines = [Path(line) for line in sys.stdin.read().splitlines() if line.strip()] if Path("-") in words else []
    return [path for word in words for path in (lines if str(word) == "-" else [word])]
