"""``train`` and ``export``."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Cache, Classes, Data, Json, Mpp, Scheduler, cache_folder, chosen
from gastropath.cli.split import told
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.data.audit.audit import Audit
    from gastropath.data.review import Review
    from gastropath.data.split.split import Split
    from gastropath.results.metrics import Metrics
    from gastropath.training.recipe import Recipe

_RECIPE = "transfer"


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
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    as_json: Json = False,
) -> None:
    """Train a classifier, export it as a bundle, evaluate the bundle and seal it with the result."""
    if scheduler:
        need("train --scheduler")
    need_tensorflow("train --folds" if folds else "train")
    from gastropath.bundle.files import open_bundle, seal
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.index import find_tiles
    from gastropath.data.learned import learned_tiles
    from gastropath.data.review import read_review
    from gastropath.data.split.division import make_split
    from gastropath.data.split.split import check_trainable, read_split
    from gastropath.errors import OutputExists
    from gastropath.evaluation.assessment import assess, assess_out_of_fold
    from gastropath.evaluation.label_noise import suspected_errors, write_suspects
    from gastropath.evaluation.report import CrossValidated, write_evaluation, write_predictions
    from gastropath.inference.classifier import Classifier
    from gastropath.outputs import write_json
    from gastropath.parallel import pool
    from gastropath.results.environment import described
    from gastropath.tables import read_table, write_table
    from gastropath.training import run as runs
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import read_recipe

    settings = settings or []
    index = find_tiles(data, chosen(classes))
    reviewed = read_review(review, index) if review else None
    options = runs.RunOptions(folds, mpp)
    resuming = resume and runs.has_begun(out)
    if resuming:
        options = runs.options_of_run(out, options)
    index = index.with_mpp(options.mpp) if options.mpp else index
    if resuming:
        asked = read_recipe(recipe or _RECIPE, settings) if recipe or settings else None
        parts, used = runs.continue_run(out, index, asked, reviewed, split)
        if runs.is_finished(out):
            console.say(f"{out}: this run is finished; look at {out / 'report.html'}")
            return
    else:
        if not resume and out.is_dir() and any(out.iterdir()):
            raise OutputExists(f"{out}: is there already; go on with it by --resume, or choose another --out")
        used = read_recipe(recipe or _RECIPE, settings)
        with console.progress() as progress:
            audited = audit_tiles(index, progress=progress)
        if split:
            parts = read_split(split, index, audited)
        else:
            parts = make_split(audited, "block", seed=used.seed, folds=folds)
        _check_folds(parts, folds)
        check_trainable(parts)
        for line in (*told(parts), *_sizes(audited, used)):
            console.note(line)
        if reviewed:
            console.note(_review_told(reviewed, parts))
        made_with = described(shlex.join(["gastropath", *sys.argv[1:]]))
        runs.begin_run(out, parts, used, made_with, options, reviewed, overwrite=resume)
        if refused := audited.refused():
            write_table(
                out / "refused.csv", ("path", "problem"), [{"path": p, "problem": r} for p, r in refused.items()]
            )
    folded = None
    with console.progress() as progress, pool(scheduler) as workers:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        store = FeatureStore(cache_folder(cache), workers)
        runs.train(out, parts, used, name=_name(data), created=now, store=store, progress=progress)
        bundle = open_bundle(out)
        classifier = Classifier.load(out)
        learned = learned_tiles(out)
        assessment = assess(classifier, parts.index, parts, learned=learned, seed=used.seed, progress=progress)
        if options.folds:
            answers = runs.cross_validated(out, parts, used, bundle.card, store, progress=progress)
            oof = assess_out_of_fold(bundle.card, answers.index, answers.predictions, seed=used.seed)
            write_predictions(oof, out / "oof.csv", answers.folds)
            folded = CrossValidated(oof, suspected_errors(oof, parts))
            write_suspects(folded.suspects, out / "label_issues.csv")
            write_json(out / "cross_validation.json", oof.metrics.model_dump())
    _, rows = read_table(out / "history.csv", ())
    history = [{key: float(value) for key, value in row.items()} for row in rows]
    write_evaluation(assessment, classifier, out, history, folded)
    seal(bundle, assessment.metrics)
    runs.finish_run(out)
    if as_json:
        console.print_json(assessment.metrics.model_dump())
    else:
        show_metrics(assessment.metrics)
        if folded:
            of_folds = folded.assessment.metrics
            console.say(
                f"cross-validation over {options.folds} folds, {of_folds.n:,} tiles: accuracy "
                f"{of_folds.accuracy}, macro-F1 {of_folds.macro_f1}"
            )
            console.say(
                f"{len(folded.suspects):,} labels are doubted and worth a look; to act on it, fill in the last column "
                f"of {out / 'label_issues.csv'} and train again with --apply-review"
            )
        console.say(f"look at {out / 'report.html'}; use the model with --model {out}")
    if (out / "refused.csv").exists():
        _, refused_rows = read_table(out / "refused.csv", ("path", "problem"))
        console.refusals({row["path"]: row["problem"] for row in refused_rows})
        raise typer.Exit(console.EXIT_REFUSED)


def _review_told(review: Review, split: Split) -> str:
    """Say what a review changes, and what it leaves."""
    dropped, relabelled = review.counts(split)
    left = len(review.among(split.part("test")).decisions)
    return (
        f"review: {dropped:,} tiles dropped and {relabelled:,} relabelled before training; {left:,} decisions on the "
        "test part are left out, which keeps its published labels"
    )


def _check_folds(split: Split, folds: int | None) -> None:
    """Check that a split has as many folds as are asked for."""
    from gastropath.errors import UnknownSetting

    has = len(set(split.folds) - {""})
    if folds and has != folds:
        found = f"{has} folds" if has else "no folds"
        raise UnknownSetting(
            f"--folds {folds}: the split has {found}; make it with: gastropath split … --folds {folds}"
        )


def _sizes(audited: Audit, recipe: Recipe) -> list[str]:
    """Warn of tiles whose field of view has to be guessed."""
    known = audited.index.mpp()
    side = recipe.tile_px
    guessed = sum(
        1
        for i in audited.readable()
        if known[i] is None and (audited.records[i].width, audited.records[i].height) != (side, side)
    )
    if not guessed:
        return []
    return [
        f"warning: {guessed:,} tiles are not {side} x {side} px and their micrometres per pixel are not known: each is "
        f"taken for {side * recipe.mpp:g} µm a side. Give --mpp, or a column mpp in the CSV"
    ]


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
    need_tensorflow("export")
    from gastropath.data.index import find_tiles
    from gastropath.errors import UnknownSetting, did_you_mean
    from gastropath.training.features import FeatureStore
    from gastropath.training.run import export_quantised, export_run

    if precision == "int8":
        if not data:
            raise UnknownSetting(
                "--precision int8: the head is fitted anew on what the integer network gives; name its tiles "
                "with --data"
            )
        with console.progress() as progress:
            index = find_tiles(data, chosen(classes))
            bundle = export_quantised(run, index, out, FeatureStore(cache_folder(cache)), progress=progress)
        console.note(f"not evaluated yet: gastropath evaluate --model {out} --data DATA --split {run / 'split.csv'}")
    elif precision == "float32" or precision == "float16":
        bundle = export_run(run, out, precision)
    else:
        known = ["float32", "float16", "int8"]
        raise UnknownSetting(f"--precision: there is no {precision!r}{did_you_mean(precision, known)}")
    console.say(f"wrote {out} ({bundle.graph.stat().st_size / 1e6:.1f} MB graph, {precision})")


def show_metrics(metrics: Metrics) -> None:
    """Print the main metrics of an evaluation."""
    from gastropath.report import terminal

    terminal.show(terminal.main_metrics(metrics), console)


def _name(data: list[Path]) -> str:
    names = " + ".join(path.resolve().name for path in data)
    return names.encode("utf-8", "backslashreplace").decode()[:150]


def need_tensorflow(command: str) -> None:
    """Say how to install what training needs, before anything is read."""
    need(command)
    from gastropath.inference.nativelog import without_native_log

    with without_native_log():
        import tensorflow  # noqa: F401  # here, so that its native start-up lines go nowhere
