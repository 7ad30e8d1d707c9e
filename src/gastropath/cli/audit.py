"""``audit``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Classes, Data, Json, Overwrite, chosen
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.data.audit.against import Against
    from gastropath.data.audit.audit import Audit

_SHOWN_CONFLICTS = 10
_SHOWN_TILES = 6


FILES = ("index.csv", "duplicates.csv", "against.csv", "audit.json", "audit.html")


def audit(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for index.csv, duplicates.csv, audit.json and audit.html.")] = Path(
        "audit"
    ),
    classes: Classes = None,
    against: Annotated[
        Path | None, typer.Option(help="Another folder of tiles (or CSV): find those that DATA holds too.")
    ] = None,
    near: Annotated[bool, typer.Option(help="Search for near-duplicates, not only identical tiles.")] = True,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Look at every tile: duplicates, label conflicts, classes, colour, glass, blur, sizes, unreadable files."""
    need("audit")
    from gastropath.data.audit.against import compare
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.audit_page.page import audit_page
    from gastropath.data.colour.study import study_colour
    from gastropath.data.index import find_tiles
    from gastropath.outputs import replacing_folder

    index = find_tiles(data, chosen(classes))
    other = find_tiles([against]) if against else None
    with replacing_folder(out, FILES, overwrite=overwrite) as folder:
        with console.progress() as progress:
            result = audit_tiles(index, near=near, progress=progress)
            shared = compare(result, other, near=near, progress=progress) if other else None
            colour = study_colour(result, progress=progress)
        more: dict[str, object] = {"colour_alone": colour.summary() if colour else None}
        if shared:
            shared.write(folder / "against.csv")
            more["against"] = shared.summary()
        result.write(folder, more)
        audit_page(result, colour=colour, against=shared).write(folder / "audit.html")
    if as_json:
        console.print_json(result.summary() | more)
    else:
        _tell(result, shared)
        console.say(f"look at {out / 'audit.html'}")
    _end(result.refused())


def _tell(audit: Audit, shared: Against | None) -> None:
    """Print what an audit found, the most serious last, next to the prompt."""
    from gastropath.data.audit.record import words

    index, (ratio, verdict) = audit.index, audit.imbalance()
    console.table(["class", "tiles"], list(index.counts().items()))
    balance = "" if math.isnan(ratio) else f", largest : smallest = {ratio:.1f}"
    console.say(f"{len(index):,} tiles, {len(index.classes)} classes{balance}; {verdict}")
    if problems := audit.summary_of_problems():
        console.say("tiles to look at: " + ", ".join(f"{n:,} {words(code)}" for code, n in problems.items()))
    groups, identical = audit.duplicates.groups, audit.duplicates.identical
    near = "near-duplicates not searched for" if audit.near is None else f"{len(audit.near):,} near-duplicate pairs"
    console.say(f"duplicates: {len(groups):,} groups ({len(identical):,} of identical tiles; {near})")
    if shared:
        here, there = shared.shared()
        told = f"{len(there):,} of the {len(shared.other.index):,} tiles of {shared.other.index.root} are here too"
        console.say(f"warning: {told} ({len(here):,} tiles here)" if there else told)
    for group in (conflicts := audit.conflicts())[:_SHOWN_CONFLICTS]:
        console.say("label conflict: " + " = ".join(index.paths[i] for i in group[:_SHOWN_TILES]))
    if len(conflicts) > _SHOWN_CONFLICTS:
        console.say(f"label conflicts: {len(conflicts):,} in all, see duplicates.csv")


def _end(refused: dict[str, str]) -> None:
    console.refusals(refused)
    if refused:
        raise typer.Exit(console.EXIT_REFUSED)
