"""``app`` and ``space``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Overwrite, model_folder
from gastropath.workflows.extras import need


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
    need("app")
    from gastropath.app.examples import read_examples
    from gastropath.app.server import listen, serve
    from gastropath.bundle.files import open_bundle

    bundle = open_bundle(model_folder(model))
    if examples:
        read_examples(examples, bundle.card.codes)
    with listen(address, port) as listening, suppress(KeyboardInterrupt):  # the way to stop it, and no failure
        host = "localhost" if address in {"0.0.0.0", "::"} else address
        path = f"/{base_path.strip('/')}" if base_path else ""
        console.note(f"open http://{host}:{port}{path} in a browser; stop with Ctrl-C")
        serve(bundle.folder, listening, base_path=base_path, examples=examples)


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
    from gastropath.space.builder import build_space

    folder, write = model_folder(model), None
    if examples:
        from gastropath.bundle.files import open_bundle
        from gastropath.data.examples import choose_examples
        from gastropath.data.index import find_tiles
        from gastropath.data.split.split import split_of_run

        index = find_tiles(examples)
        write = choose_examples(index, split_of_run(folder, index), open_bundle(folder).card.codes).write
    build_space(folder, out, title=title, examples=write, overwrite=overwrite)
    console.say(f"wrote {out}; publish it with the Hub's own tool (pip install huggingface_hub):")
    console.say("  hf auth login")
    console.say(f"  hf upload YOUR_NAME/gastropath {out} . --repo-type space")
