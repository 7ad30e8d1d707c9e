"""``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Overwrite, Seed


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Finished runs or evaluations, on the same tiles.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for compare.html and the tables.")] = Path("comparison"),
    seed: Seed = 0,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Compare models with the first named, on the same tiles: paired intervals and McNemar's test."""
    from gastropath.evaluation.comparison_page import COLUMNS, conclusion, document, table
    from gastropath.workflows.compare import compare as judge

    found = judge(runs, out, seed=seed, overwrite=overwrite)
    comparison = found.comparison
    if as_json:
        console.print_json(document(comparison))
        return
    rows = table(comparison)
    console.table(COLUMNS[:6], [row[:6] for row in rows])
    console.say("")
    console.table((COLUMNS[0], *COLUMNS[6:]), [(row[0], *row[6:]) for row in rows[1:]])
    for difference in comparison.differences:
        console.say(conclusion(difference, comparison.contenders[0].name))
    for warning in comparison.warnings:
        console.note(f"warning: {warning}")
    console.say(f"look at {found.page}; for a paper: {out / 'comparison.md'}, {out / 'comparison.csv'}")
