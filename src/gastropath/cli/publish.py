"""``app`` and ``space``."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Overwrite, model_folder
from gastropath.errors import MissingExtra


def app(
    model: Model = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "localhost",
    base_path: Annotated[
        str | None, typer.Option(metavar="PATH", help="Path that a reverse proxy puts before the page's and passes on.")
    ] = None,
) -> None:
    """Serve the web page on this computer."""
    if find_spec("streamlit") is None:
        raise MissingExtra("gastropath app", "app", "streamlit")
    from gastropath.app.server import listen, serve
    from gastropath.bundle.files import open_bundle

    folder = open_bundle(model_folder(model)).folder
    with listen(address, port) as listening, suppress(KeyboardInterrupt):  # the way to stop it, and no failure
        host = "localhost" if address in {"0.0.0.0", "::"} else address
        path = f"/{base_path.strip('/')}" if base_path else ""
        console.note(f"open http://{host}:{port}{path} in a browser; stop with Ctrl-C")
        serve(folder, listening, base_path=base_path)


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
