"""``train`` and ``export``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Cache, Checks, Classes, Data, Json, Mpp, Scheduler, chosen, command_line
from gastropath.cli.split import told
from gastropath.cli.tiles import tell_of_tiles

if TYPE_CHECKING:
    from gastropath.workflows.train import Beginning
    from gastropath.workflows.train_result import TrainResult

_SHOWN_CONFLICTS = 5


def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("run"),
    recipe: Annotated[
        str | None, typer.Option(help="Name of a recipe, or a TOML file; transfer where none is given.")
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="Table made by `gastropath split`; by default split by block.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, max=20, metavar="K", help="Also cross-validate with K folds: oof.csv."),
    ] = None,
    classes: Classes = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe.")
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option("--apply-review", metavar="FILE", help="label_issues.csv of a run, its decisions filled in."),
    ] = None,
    mpp: Mpp = None,
    cache: Cache = None,
    scheduler: Scheduler = None,
    checks: Checks = "full",
    tensorboard: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also note each epoch for TensorBoard; transfer has no epochs."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    as_json: Json = False,
) -> None:
    """Train a classifier, export it as a bundle, evaluate the bundle and seal it with the result."""
    from gastropath.report.terminal import main_metrics, show
    from gastropath.workflows.train import train as run

    with console.progress() as progress:
        found = run(
            data, out, recipe=recipe, split=split, folds=folds, classes=chosen(classes), settings=settings or [],
            review=review, mpp=mpp, cache=cache, scheduler=scheduler, checks=checks, tensorboard=tensorboard,
            resume=resume, command=command_line(), on_tiles=tell_of_tiles, on_begin=_tell_beginning, progress=progress,
        )  # fmt: skip
    if found.was_finished:
        console.say(f"{found.folder}: this run is finished; look at {found.report}")
        return
    if as_json:
        console.print_json(found.metrics.model_dump())
    else:
        show(main_metrics(found.metrics, found.card), console)
        for line in (*found.remarks, *_told_of_folds(found)):
            console.say(line)
        console.say(f"look at {found.report}; use the model with --model {found.folder}")
    console.end(found.refused)


def _tell_beginning(beginning: Beginning) -> None:
    from gastropath.report.sections.split import review_in_words
    from gastropath.report.wording import count

    for line in told(beginning.split):
        console.note(line)
    if beginning.conflicts:
        n, pictures = sum(map(len, beginning.conflicts)), len(beginning.conflicts)
        console.note(
            f"warning: {n:,} tiles show {count(pictures, 'picture')} with several labels "
            f"({_classes_in_conflict(beginning.conflicts)}), of which at most one can be right; gastropath audit DATA "
            "lists them"
        )
    if beginning.guessed:
        side = beginning.tile_px
        console.note(
            f"warning: {count(beginning.guessed, 'tile is', 'tiles are')} not {side} x {side} px, and the micrometres "
            f"per pixel are not known: each is taken for {side * beginning.mpp:g} µm a side. Give --mpp, or a column "
            "mpp in the CSV"
        )
    if beginning.dropped is not None:
        console.note(
            f"review: {review_in_words(beginning.dropped, beginning.relabelled or 0)}; "
            f"{count(beginning.left_to_test, 'decision there is', 'decisions there are')} left out"
        )


def _classes_in_conflict(conflicts: Sequence[Sequence[str]]) -> str:
    """Name the classes of pictures with several labels, the most frequent first."""
    sets = Counter(" and ".join(sorted(set(labels))) for labels in conflicts).most_common()
    more = ["…"] if len(sets) > _SHOWN_CONFLICTS else []
    return ", ".join([f"{n:,} of {classes}" for classes, n in sets[:_SHOWN_CONFLICTS]] + more)


def _told_of_folds(found: TrainResult) -> Iterator[str]:
    from gastropath.report.sections.accuracy import cross_validation_in_words
    from gastropath.report.wording import count

    if not found.cross_validation:
        return
    yield cross_validation_in_words(found.cross_validation)
    yield (
        f"{count(len(found.suspects), 'label')} may be wrong; look at each, fill in the last column of "
        f"{found.folder / 'label_issues.csv'}, and train again with --apply-review"
    )


def export(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("model"),
    precision: Annotated[
        str,
        typer.Option(
            help="float32; float16: half the size, computed in float32; int8: less than a third, needs --data."
        ),
    ] = "float32",
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="For int8: the tiles the run was trained on; may be repeated.")
    ] = None,
    classes: Classes = None,
    cache: Cache = None,
) -> None:
    """Export the model of a run as a bundle."""
    from gastropath.workflows.export import export as write

    with console.progress() as progress:
        found = write(
            run, out, precision=precision, data=data, classes=chosen(classes), cache=cache, on_tiles=tell_of_tiles,
            progress=progress,
        )  # fmt: skip
    if found.card.metrics is None:
        console.note(f"not evaluated yet: gastropath evaluate --model {out} --data DATA --split {run / 'split.csv'}")
    console.say(f"wrote {found.folder} ({found.graph_bytes / 1e6:.1f} MB graph, {precision})")
