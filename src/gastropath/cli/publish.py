"""``app``, ``space`` and ``push``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Overwrite, command_line
from gastropath.cli.tiles import tell_of_tiles

Private = Annotated[bool, typer.Option("--private", help="Show a new repository to nobody else.")]


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
    push: Annotated[
        str | None, typer.Option("--push", metavar="OWNER/NAME", help="Also put it on the Hub, as this Space.")
    ] = None,
    private: Private = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a folder that can be pushed to Hugging Face Spaces as it is, and push it."""
    from gastropath.workflows.space import space as write

    found = write(
        out, model, title=title, examples=examples, push=push, private=private, overwrite=overwrite,
        on_tiles=tell_of_tiles,
    )  # fmt: skip
    if found.uploaded:
        commit = found.uploaded.address.revision
        console.say(f"wrote {out} and pushed it: {found.uploaded.page} (commit {commit}); the Hub builds its image now")
    else:
        console.say(f"wrote {out}; publish it (with the extra hub installed):")
        console.say("  hf auth login")
        console.say(f"  {command_line()} --overwrite --push YOUR_NAME/gastropath")


def push(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run folder or a model bundle.")],
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Repository on the Hub; made where there is none.")],
    private: Private = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Put a commit upon what the repository holds; its history stays.")
    ] = False,
) -> None:
    """Put a model on the Hugging Face Hub, with its card as the repository's README."""
    from gastropath.workflows.push import push as put

    done = put(model, name, private=private, overwrite=overwrite)
    console.say(f"pushed {model}: {done.page}")
    console.say(f"use it:  gastropath predict IMAGES --model {done.address}")
