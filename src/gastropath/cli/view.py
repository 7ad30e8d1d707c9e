"""``view``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console


def view(
    maps: Annotated[
        list[Path], typer.Argument(metavar="MAPS...", help="Maps that `slide` has made, or folders of such.")
    ],
    slides: Annotated[
        list[Path] | None, typer.Option("--slides", metavar="DIR", help="Where the slides lie, if they have moved.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="The run or bundle that made the maps; by default it is looked for beside them."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8502,
) -> None:
    """Show maps on a page of this computer: the slide at every zoom, with the tiles over it.

    Nobody else can open it: it listens on 127.0.0.1, and the address that is printed holds a token.
    """
    from gastropath.workflows.view import view as show

    refused = show(maps, slides=slides, model=model, port=port, on_refused=console.refusals, on_ready=_told)
    if refused:
        raise typer.Exit(console.EXIT_REFUSED)


def _told(page: str) -> None:
    console.note(f"open {page} in a browser; stop with Ctrl-C")
