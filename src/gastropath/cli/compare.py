"""``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Overwrite, Seed
from gastropath.workflows.extras import need


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
    need("compare")
    from gastropath.evaluation.comparison import compare as compare_judged
    from gastropath.evaluation.comparison import read_judged
    from gastropath.evaluation.comparison_page import COLUMNS, FILES, conclusion, document, table, write_comparison
    from gastropath.outputs import replacing_folder

    judged = [read_judged(run, name) for run, name in zip(runs, _names(runs), strict=True)]
    comparison = compare_judged(judged, seed=seed)
    with replacing_folder(out, FILES, overwrite=overwrite) as folder:
        write_comparison(comparison, folder)
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
    console.say(f"look at {out / 'compare.html'}; for a paper: {out / 'comparison.md'}, {out / 'comparison.csv'}")


def _names(runs: list[Path]) -> list[str]:
    """Return the shortest endings of the folders' paths that tell them apart."""
    paths = [run.resolve().parts for run in runs]
    for length in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-length:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{'/'.join(parts[-1:])} ({i})" for i, parts in enumerate(paths, start=1)]  # a folder named twice
