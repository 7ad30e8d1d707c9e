"""``fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Json


def fetch(
    out: Annotated[Path, typer.Option(help="Folder for the data set; HMU-GC-HE-30K appears in it.")] = Path(
        "gastric_data"
    ),
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FILE.zip", help="An archive downloaded before, from figshare or Kaggle; no network."),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the downloaded zip file beside the tiles.")
    ] = False,
    api: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Another server with figshare's API.")
    ] = "https://api.figshare.com",
    as_json: Json = False,
) -> None:
    """Download the data set HMU-GC-HE-30K (3.3 GB), verify and unpack it; goes on where it was interrupted."""
    from gastropath.workflows.fetch import fetch as get

    try:
        with console.progress() as progress:
            fetched = get(
                out, archive=archive, keep_archive=keep_archive, api=api, tell=console.note, progress=progress
            )
    except KeyboardInterrupt:
        console.note("download interrupted; run the same command again to resume")
        raise
    for note in fetched.notes:
        console.note(f"note: {note}")
    if as_json:
        console.print_json(fetched.document())
        return
    from gastropath.report.wording import count

    console.table(["class", "tiles"], list(fetched.counts.items()))
    state = "was there already, nothing was downloaded" if fetched.already_there else "is complete"
    console.say(f"{fetched.folder} {state}: {count(sum(fetched.counts.values()), 'tile')}")
    if md5 := fetched.source.get("md5"):
        verified = ", as published" if "figshare_file" in fetched.source else ""
        console.say(f"MD5 of the archive: {md5}{verified}")
    console.say(f"licence CC BY 4.0; how to cite it: {fetched.folder / 'CITATION.txt'}")
    console.say(f"go on with: gastropath audit {out}")
