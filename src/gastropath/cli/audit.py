"""``audit``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Classes, Data, Json, Overwrite, chosen
from gastropath.cli.tiles import tell_of_tiles

if TYPE_CHECKING:
    from gastropath.data.audit.against import Against
    from gastropath.data.audit.audit import Audit

_SHOWN_CONFLICTS = 10
_SHOWN_TILES = 6


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
    from gastropath.workflows.audit import audit as look

    with console.progress() as progress:
        found = look(
            data, out, classes=chosen(classes), against=against, near=near, overwrite=overwrite,
            on_tiles=tell_of_tiles, progress=progress,
        )  # fmt: skip
    if as_json:
        console.print_json(found.summary())
    else:
        _tell(found.audit, found.against)
        console.say(f"look at {found.page}")
    console.end(found.refused)


def _tell(audit: Audit, shared: Against | None) -> None:
    """Print what an audit found, the most serious last, next to the prompt."""
    from gastropath.data.audit.record import words
    from gastropath.report.wording import count

    index, (ratio, verdict), counts = audit.index, audit.imbalance(), audit.readable_counts()
    console.table(["class", "tiles"], list(counts.items()))
    balance = "" if math.isnan(ratio) else f", largest : smallest = {ratio:.1f}"
    found = f"{count(sum(counts.values()), 'tile')} that can be read, {count(len(counts), 'class', 'classes')}"
    console.say(f"{found}{balance}; {verdict}")
    if problems := audit.summary_of_problems():
        console.say("tiles to look at: " + ", ".join(f"{n:,} {words(code)}" for code, n in problems.items()))
    groups, identical = audit.duplicates.groups, audit.duplicates.identical
    near = "near-duplicates not searched for" if audit.near is None else count(len(audit.near), "near-duplicate pair")
    console.say(f"duplicates: {count(len(groups), 'group')} ({len(identical):,} of identical tiles; {near})")
    if shared:
        here, there = shared.shared()
        of = count(len(shared.other.index), "tile")
        told = f"{len(there):,} of the {of} of {shared.other.index.root} {'is' if len(there) == 1 else 'are'} here too"
        console.say(f"warning: {told} ({count(len(here), 'tile')} here)" if there else told)
    for group in (conflicts := audit.conflicts())[:_SHOWN_CONFLICTS]:
        console.say("label conflict: " + " = ".join(index.paths[i] for i in group[:_SHOWN_TILES]))
    if len(conflicts) > _SHOWN_CONFLICTS:
        console.say(f"label conflicts: {len(conflicts):,} in all, see duplicates.csv")
