"""``split``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Classes, Data, Json, Overwrite, Seed, chosen
from gastropath.cli.tiles import tell_of_tiles

if TYPE_CHECKING:
    from gastropath.data.split.split import Split


def split(
    data: Data,
    out: Annotated[Path, typer.Option(help="Table to write; its description goes beside it as .json.")] = Path(
        "split.csv"
    ),
    by: Annotated[
        str,
        typer.Option(
            metavar="METHOD",
            help="block: neighbouring file numbers of a class stay together, and what is too close to another part is "
            "left out. group: patients or slides, and duplicates, stay together. random: nothing does; optimistic. "
            "folders: the parts of DATA, in folders train, val and test or a column part, are kept.",
        ),
    ] = "block",
    groups: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table of patients or slides, with the columns path,group.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, max=20, metavar="K", help="Also deal the tiles into K folds.")
    ] = None,
    block: Annotated[int | None, typer.Option(min=1, help="Tiles in a block; by default 1/20 of the class.")] = None,
    gap: Annotated[
        int | None,
        typer.Option(min=0, help="File numbers between parts; by default 16, or 1/4 of a block where that is less."),
    ] = None,
    classes: Classes = None,
    seed: Seed = 0,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Divide tiles into train (70 %), val (15 %) and test (15 %), each class in the same proportion."""
    from gastropath.workflows.split import split as divide

    with console.progress() as progress:
        found = divide(
            data, out, by=by, groups=groups, folds=folds, block=block, gap=gap, classes=chosen(classes), seed=seed,
            overwrite=overwrite, on_tiles=tell_of_tiles, progress=progress,
        )  # fmt: skip
    if as_json:
        console.print_json(found.split.describe().model_dump(mode="json"))
    else:
        counts = {part: found.split.part(part).counts() for part in ("train", "val", "test")}
        rows = [(code, *(counts[part].get(code, 0) for part in counts)) for code in found.split.index.classes]
        console.table(["class", *counts], rows)
        for line in told(found.split):
            console.say(line)
        console.say(f"wrote {found.table} and {found.description}")
    console.end(found.refused)


def told(split: Split) -> Iterator[str]:
    """Say in words how a split was made, and what to think of it."""
    from gastropath.data.split.blocks import unnumbered
    from gastropath.data.split.published import published_in_words
    from gastropath.report.sections.split import split_in_words

    parts = frozenset(part for part in ("train", "val", "test") if "" in split.part(part).groups)
    yield from published_in_words(split)
    yield from split_in_words(split.describe(), unnumbered=unnumbered(split.index), ungrouped_parts=parts)
