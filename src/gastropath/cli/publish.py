"""``app`` and ``space``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Overwrite, model_folder
from gastropath.extras import need


def app(
    model: Model = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "localhost",
) -> None:
    """Serve the web page on this computer."""
    need("app")
    from gastropath.app.server import command, serve

    arguments = command(model_folder(model), port=port, address=address)
    host = "localhost" if address in {"0.0.0.0", "::"} else address
    console.note(f"open http://{host}:{port} in a browser; stop with Ctrl-C")
    raise typer.Exit(serve(arguments))


def space(
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("space"),
    title: Annotated[str, typer.Option(help="Title of the Space.")] = "GastroPath",
    overwrite: Overwrite = False,
) -> None:
    """Write a folder that can be pushed to Hugging Face Spaces as it is."""
    from gastropath.space.builder import build_space

    build_space(model_folder(model), out, title=title, overwrite=overwrite)
    console.say(f"wrote {out}; publish it with the Hub's own tool (pip install huggingface_hub):")
    console.say("  hf auth login")
    console.say(f"  hf upload YOUR_NAME/gastropath {out} . --repo-type space")
