"""``split``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Classes, Data, Json, Overwrite, Seed, chosen
from gastropath.workflows.extras import need

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
            "left out. group: patients or slides, and duplicates, stay together. random: nothing does; optimistic.",
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
    need("split")
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.index import find_tiles
    from gastropath.data.split.division import make_split
    from gastropath.data.split.groups import with_groups
    from gastropath.data.split.units import method_named
    from gastropath.errors import UnknownSetting
    from gastropath.outputs import new_file

    method = method_named(by)
    if method != "block" and (block is not None or gap is not None):
        raise UnknownSetting(f"--block and --gap are settings of --by block, not of --by {by}; leave them out")
    index = find_tiles(data)
    if groups:
        index = with_groups(index, groups)
    if wanted := chosen(classes):
        index = index.of_classes(wanted)
    if method == "group" and not any(index.groups):
        raise UnknownSetting(
            "--by group: no tile has a group; name a table of patients or slides with --groups, or use --by block, "
            "which keeps neighbouring file numbers together"
        )
    for file in (out, out.with_suffix(".json")):
        new_file(file, overwrite=overwrite)
    with console.progress() as progress:
        audited = audit_tiles(index, progress=progress)
    result = make_split(audited, method, seed=seed, folds=folds, block=block, gap=gap)
    result.write(out)
    if as_json:
        console.print_json(result.describe().model_dump(mode="json"))
    else:
        counts = {part: result.part(part).counts() for part in ("train", "val", "test")}
        rows = [(code, *(counts[part].get(code, 0) for part in counts)) for code in result.index.classes]
        console.table(["class", *counts], rows)
        for line in told(result):
            console.say(line)
        console.say(f"wrote {out} and {out.with_suffix('.json')}")
    console.refusals(audited.refused())
    if audited.refused():
        raise typer.Exit(console.EXIT_REFUSED)


def told(split: Split) -> Iterator[str]:
    """Say in words how a split was made, and what to think of it."""
    from gastropath.data.split.blocks import unnumbered

    if split.method == "file":
        yield "how the table was made is not known: no description beside it fits it and these tiles"
    if split.method == "group" and (alone := split.index.groups.count("")):
        yield f"{_tiles(alone)} without a group: each stands alone, but for its duplicates"
    if split.method == "block" and (alone := unnumbered(split.index)):
        yield f"{_tiles(alone)} with neither a group nor a number in the name: nothing is known of their neighbours"
    if split.block and max(split.block.values()) == 1:
        yield "blocks of a single file: with so few tiles, neighbouring numbers may lie in different parts"
    elif split.block and split.gap:
        yield f"blocks of about {_range(split.block)} neighbouring files, more than {_range(split.gap)} numbers apart"
    if sum(split.purged.values()):
        near, copies = split.purged.get("gap", 0), split.purged.get("copies", 0)
        yield f"left out: {_tiles(near)} too close to another part, {_tiles(copies)} with a copy in another part"
    yield from _pairs(split)
    if split.folds:
        k, none = len(set(split.folds) - {""}), split.folds.count("")
        yield f"{k} folds" + (f"; {_tiles(none)} in none, being too close to another fold or a copy" if none else "")
    for part in ("val", "test"):
        tiles = split.part(part)
        if 0 < (n := len(set(tiles.groups) - {""})) < 5 and "" not in tiles.groups:
            yield f"warning: the {part} part holds {_tiles(len(tiles))} of only {n} groups"
    if split.method == "random":
        yield "a random split is optimistic: use its figures for comparison with published work only"


def _pairs(split: Split) -> Iterator[str]:
    identical, near = split.identical_pairs_across_parts, split.near_pairs_across_parts
    if identical is not None:
        other = "near-duplicates were not searched for" if near is None else f"{near:,} near-duplicate"
        yield f"pairs of duplicate tiles in different parts: {identical:,} identical, {other}"


def _tiles(n: int) -> str:
    return f"{n:,} {'tile' if n == 1 else 'tiles'}"


def _range(numbers: Mapping[str, int]) -> str:
    low, high = min(numbers.values()), max(numbers.values())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
