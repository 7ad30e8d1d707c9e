"""``audit`` and ``split``."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Classes, Data, Json, Overwrite, Seed, chosen
from gastropath.errors import MissingExtra


def audit(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for index.csv, audit.json and audit.html.")] = Path("audit"),
    classes: Classes = None,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Look at every tile: class distribution, samples, sizes, identical and unreadable files."""
    if find_spec("jinja2") is None:
        raise MissingExtra("gastropath audit", "evaluate", "jinja2")
    from gastropath.data.audit import audit_tiles
    from gastropath.data.audit_page import audit_page
    from gastropath.data.index import find_tiles
    from gastropath.outputs import replacing_folder

    index = find_tiles(data, chosen(classes))
    with replacing_folder(out, ("index.csv", "audit.json", "audit.html"), overwrite=overwrite) as folder:
        with console.progress() as progress:
            result = audit_tiles(index, progress=progress)
        result.write(folder)
        audit_page(result).write(folder / "audit.html")
    summary, (ratio, verdict) = result.summary(), result.imbalance()
    if as_json:
        console.print_json(summary)
    else:
        console.table(["class", "tiles"], list(index.counts().items()))
        balance = "" if math.isnan(ratio) else f", largest : smallest = {ratio:.1f}"
        console.say(f"{len(index):,} tiles, {len(index.classes)} classes{balance}; {verdict}")
        if identical := len(result.duplicates.identical):
            console.say(
                f"{identical:,} {'group' if identical == 1 else 'groups'} of tiles show exactly the same picture"
            )
        console.say(f"look at {out / 'audit.html'}")
    _end(result.refused())


def split(
    data: Data,
    out: Annotated[Path, typer.Option(help="Table to write; its description goes beside it as .json.")] = Path(
        "split.csv"
    ),
    by: Annotated[
        str, typer.Option(help="group: tiles of a group, and identical tiles, stay together. random: optimistic.")
    ] = "group",
    classes: Classes = None,
    seed: Seed = 0,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Divide tiles into train (70 %), val (15 %) and test (15 %), each class in the same proportion."""
    from gastropath.data.audit import audit_tiles
    from gastropath.data.index import find_tiles
    from gastropath.data.split import make_split
    from gastropath.errors import UnknownSetting, did_you_mean
    from gastropath.outputs import new_file

    if by not in ("group", "random"):
        raise UnknownSetting(f"--by: there is no method {by!r}{did_you_mean(by, ['group', 'random'])}")
    index = find_tiles(data, chosen(classes))
    for file in (out, out.with_suffix(".json")):
        new_file(file, overwrite=overwrite)
    with console.progress() as progress:
        audited = audit_tiles(index, progress=progress)
    result = make_split(audited, "random" if by == "random" else "group", seed=seed)
    result.write(out)
    description = result.describe()
    if as_json:
        console.print_json(description)
    else:
        counts = {part: result.part(part).counts() for part in ("train", "val", "test")}
        rows = [(code, *(counts[part].get(code, 0) for part in counts)) for code in result.index.classes]
        console.table(["class", *counts], rows)
        pairs = result.duplicate_pairs_across_parts
        console.say(f"pairs of identical tiles in different parts: {pairs:,}")
        if by == "random":
            console.say("a random split is optimistic: use its figures for comparison with published work only")
        console.say(f"wrote {out} and {out.with_suffix('.json')}")
    _end(audited.refused())


def _end(refused: dict[str, str]) -> None:
    console.refusals(refused)
    if refused:
        raise typer.Exit(console.EXIT_REFUSED)
