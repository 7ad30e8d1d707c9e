"""``app`` and ``space``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Overwrite
from gastropath.cli.tiles import tell_of_tiles


def app(
    model: Model = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "localhost",
    base_path: Annotated[
        str | None, typer.Option(metavar="PATH", help="Path that a reverse proxy puts before the page's and passes on.")
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option("--examples", metavar="DIR", help="Example tiles: the folder examples that `space` writes."),
    ] = None,
) -> None:
    """Serve the web page on this computer."""
    from gastropath.workflows.space import serve

    serve(model, port=port, address=address, base_path=base_path, examples=examples, on_ready=_told)


def _told(page: str) -> None:
    console.note(f"open {page} in a browser; stop with Ctrl-C")


def space(
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("space"),
    title: Annotated[str, typer.Option(help="Title of the Space.")] = "GastroPath",
    examples: Annotated[
        list[Path] | None,
        typer.Option(
            "--examples", metavar="DATA", help="Show tiles of these to visitors: of a run, its validation tiles."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a folder that can be pushed to Hugging Face Spaces as it is."""
    from gastropath.workflows.space import space as write

    write(out, model, title=title, examples=examples, overwrite=overwrite, on_tiles=tell_of_tiles)
    console.say(f"wrote {out}; publish it with the Hub's own tool (pip install huggingface_hub):")
    console.say("  hf auth login")
    console.say(f"  hf upload YOUR_NAME/gastropath {out} . --repo-type space")
