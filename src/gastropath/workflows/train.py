"""Training: from tiles to a sealed model and its evaluation, in one run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.errors import CannotReadTable, OutputExists, UnknownSetting
from gastropath.progress import Progress, Stages
from gastropath.report.wording import count
from gastropath.workflows.arguments import (
    Paths,
    StrPath,
    cache_folder,
    changes,
    check_checks,
    codes,
    now,
    optional,
    paths,
)
from gastropath.workflows.extras import need
from gastropath.workflows.train_result import REFUSED, TrainResult, finished, refused_in

if TYPE_CHECKING:
    from gastropath.data.audit.audit import Audit
    from gastropath.data.index import TileIndex
    from gastropath.data.review import Review
    from gastropath.data.split.split import Split
    from gastropath.evaluation.report import CrossValidated
    from gastropath.results.card import Card
    from gastropath.results.metrics import Checks, Metrics
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import Recipe
    from gastropath.training.run import Run
    from gastropath.training.start import Start

RECIPE = "transfer"
"""The recipe where none is named."""

_READING, _TRAINING, _FOLDS, _EVALUATING = "auditing tiles", "training", "cross-validating", "evaluating"


@dataclass(frozen=True)
class Beginning:
    """What is known before training begins, and worth a look while it goes on.

    Attributes
    ----------
    split
        How the tiles were divided.
    tile_px, mpp
        Of the model that is trained.
    guessed
        Tiles of another size whose micrometres per pixel are not known: each is taken for one field of view.
    conflicts
        For each picture that has several labels, the label of each of its tiles, as a review leaves them.
    dropped, relabelled
        Tiles that a review changes before training; ``None`` where there is none.
    left_to_test
        Decisions of the review on the test part, which keeps its published labels.
    """

    split: Split
    tile_px: int
    mpp: float
    guessed: int
    conflicts: tuple[tuple[str, ...], ...] = ()
    dropped: int | None = None
    relabelled: int | None = None
    left_to_test: int = 0


def train(
    data: Paths,
    out: StrPath = "run",
    *,
    recipe: StrPath | None = None,
    split: StrPath | None = None,
    folds: int | None = None,
    classes: Sequence[str] | None = None,
    settings: Mapping[str, object] | Sequence[str] = (),
    review: StrPath | None = None,
    mpp: float | None = None,
    cache: StrPath | None = None,
    scheduler: str | None = None,
    checks: Checks = "full",
    tensorboard: StrPath | None = None,
    resume: bool = False,
    created: str | None = None,
    command: str = "gastropath.train",
    on_tiles: Callable[[TileIndex], object] | None = None,
    on_begin: Callable[[Beginning], object] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a classifier, export it as a bundle, evaluate the bundle and seal it with the result.

    Parameters
    ----------
    data
        Tiles, in any form that ``gastropath.audit`` takes.
    out
        Run folder.
    recipe
        Name of a recipe that comes with GastroPath, or a TOML file; ``"transfer"`` where none is given.
    split
        Table made by ``gastropath.split``; by default the tiles are divided by block.
    folds
        Also cross-validate with so many folds, 2 to 20, and list the labels that are probably wrong.
    classes
        Use only these.
    settings
        Settings of the recipe to change: a mapping, or lines ``"KEY=VALUE"`` with the value as in TOML.
    review
        ``label_issues.csv`` of an earlier run, its decisions filled in.
    mpp
        Micrometres per pixel of tiles whose table does not tell; by default not known.
    cache
        Folder where features are kept from run to run; by default that of this system for such files, or what the
        environment variable GASTROPATH_CACHE names.
    scheduler
        Address of a Dask scheduler, on whose cluster features are computed.
    checks
        Of the evaluation: see ``gastropath.evaluate``.
    tensorboard
        Folder for what Keras's own callback notes for TensorBoard after each epoch of the recipes that have epochs; not
        of the models of folds.
    resume
        Go on with an interrupted run, with identical results.
    created
        Date and time for the model's card; by default now.
    command
        How the run was started, for the record in ``environment.json``.
    on_tiles
        Called once with the tiles that were found, before any is read.
    on_begin
        Called once before training begins; not for a run that goes on.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    TrainResult
        The figures, and where everything lies.

    Raises
    ------
    MissingExtra
        If the extra ``train`` is not installed.
    NoTilesFound, CannotReadTable, TooFewTiles
        If there are no tiles, or too few to train on.
    UnknownSetting
        If the recipe or a setting does not exist, or has a value it cannot take.
    OutputExists
        If ``out`` already holds something.
    CannotResume
        If a run was asked to go on with other data or settings than it began with.
    CannotUseCluster, CannotWrite
        If no scheduler answers, or ``out`` cannot be written.

    Examples
    --------
    >>> run = gastropath.train("HMU-GC-HE-30K", "run", settings={"views": 1})  # doctest: +SKIP
    >>> print(run.metrics.macro_f1)                                           # doctest: +SKIP
    0.712 (0.690–0.733)
    """
    if scheduler:
        need("train --scheduler")
    if tensorboard is not None and recipe not in (None, RECIPE):  # which has no epochs to note
        need("train --tensorboard")
    need("train --folds" if folds else "train")
    from gastropath.data.audit.audit import with_pixels
    from gastropath.data.index import find_tiles
    from gastropath.data.review import read_review
    from gastropath.parallel import pool
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import read_recipe
    from gastropath.training.run import Run
    from gastropath.training.start import RunOptions, Start

    check_checks(checks)
    run, table, lines = Run(Path(out)), optional(split), changes(settings)
    if table and not table.is_file():  # before the tiles are read, which takes minutes
        raise CannotReadTable("there is no such file", where=table, parameter="split")
    named = None if recipe is None else str(recipe)
    index = find_tiles(paths(data), codes(classes))
    if on_tiles:
        on_tiles(index)
    options, resuming = RunOptions(folds, mpp), resume and run.has_begun
    folding = folds or (resuming and run.options.folds)
    names = [_READING, _TRAINING, *([_FOLDS] if folding else []), _EVALUATING]
    stages = Stages(names, progress)
    store_folder = cache_folder(cache)
    if resuming or review is not None:
        index = with_pixels(index, cache=store_folder, progress=stages[_READING])
    reviewed = read_review(Path(review), index) if review is not None else None
    if resuming:
        asked = read_recipe(named or RECIPE, lines) if named or lines else None
        start = run.resume(index, recipe=asked, table=table, review=reviewed, options=options)
        if run.is_finished:
            return finished(run.folder)
    else:
        if not resume and run.folder.is_dir() and any(run.folder.iterdir()):
            raise OutputExists(
                "already exists", where=run.folder, remedy="go on with this run by `resume`, or choose another `out`"
            )
        used, index = read_recipe(named or RECIPE, lines), index.with_mpp(mpp) if mpp else index
        parts, audited = _divided(index, table, used.seed, folds, store_folder, stages[_READING])
        if on_begin:
            on_begin(_beginning(parts, audited, used, reviewed))
        start = Start(parts, used, options, reviewed)
        _begin(run, start, audited, command, overwrite=resume)
        del audited  # with the keypoints of all tiles
    with pool(scheduler) as workers, run.alone():
        store, name = FeatureStore(store_folder, workers), _name(paths(data))
        bundle = run.train(
            start, name=name, created=created or now(), store=store, tensorboard=optional(tensorboard),
            progress=stages[_TRAINING],
        )  # fmt: skip
        folded = _cross_validated(run, start, bundle.card, store, stages[_FOLDS]) if folding else None
        metrics, said = _sealed(run, start, folded, checks, tensorboard is not None, stages[_EVALUATING])
        run.finish()
    if folded is None:
        return TrainResult(run.folder, metrics, refused=refused_in(run.folder), remarks=said)
    return TrainResult(run.folder, metrics, folded.assessment.metrics, folded.suspects, refused_in(run.folder), said)


def _divided(
    index: TileIndex, table: Path | None, seed: int, folds: int | None, cache: Path, progress: Progress
) -> tuple[Split, Audit]:
    """Read every tile, and divide them: as a table says, or by block."""
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.split.division import make_split
    from gastropath.data.split.split import read_split

    audited = audit_tiles(index, cache=cache, progress=progress)
    parts = read_split(table, index, audited) if table else make_split(audited, "block", seed=seed, folds=folds)
    has = len(set(parts.folds) - {""})
    if folds and has != folds:
        raise UnknownSetting(
            f"{folds} asked for, but the split has {count(has, 'fold') if has else 'no folds'}",
            parameter="folds",
            remedy="make the table of `split` with as many `folds`",
        )
    return parts, audited


def _beginning(split: Split, audited: Audit, recipe: Recipe, review: Review | None) -> Beginning:
    known, side = audited.index.mpp(), (recipe.tile_px, recipe.tile_px)
    sizes = {row: (audited.records[row].width, audited.records[row].height) for row in audited.readable()}
    guessed = sum(known[row] is None and size != side for row, size in sizes.items())
    conflicts = tuple(_conflicts(audited, split, review))
    if review is None:
        return Beginning(split, recipe.tile_px, recipe.mpp, guessed, conflicts)
    left = len(review.among(split.part("test")).decisions)
    return Beginning(split, recipe.tile_px, recipe.mpp, guessed, conflicts, *review.counts(split), left)


def _conflicts(audited: Audit, split: Split, review: Review | None) -> Iterator[tuple[str, ...]]:
    index, after = audited.index, review.applied(split).index if review else split.index
    reviewed = dict(zip(after.paths, after.labels, strict=True))
    dropped = set(split.index.paths) - set(after.paths)
    for group in audited.conflicts():  # those of tiles too that the split leaves out as copies
        kept = [row for row in group if index.paths[row] not in dropped]
        labels = tuple(reviewed.get(index.paths[row], index.labels[row]) for row in kept)
        if len(set(labels)) > 1:
            yield labels


def _begin(run: Run, start: Start, audited: Audit, command: str, *, overwrite: bool) -> None:
    """Make the run folder, and note which files could not be read."""
    from gastropath.results.environment import described
    from gastropath.tables import write_table

    run.begin(start, described(command), overwrite=overwrite)
    if refusals := audited.refusals():
        rows = [
            {"path": path, "problem": refusal.code, "problem_detail": refusal.sentence}
            for path, refusal in refusals.items()
        ]
        write_table(run.folder / REFUSED, ("path", "problem", "problem_detail"), rows)


def _cross_validated(run: Run, start: Start, card: Card, store: FeatureStore, progress: Progress) -> CrossValidated:
    """Train a model for each fold, judge what it says of the tiles it has not seen, and write that down."""
    from gastropath.evaluation.assessment import assess_out_of_fold
    from gastropath.evaluation.label_noise import suspected_errors, write_suspects
    from gastropath.evaluation.report import CrossValidated, write_predictions
    from gastropath.outputs import write_text

    answers = run.cross_validate(start, card, store, progress=progress)
    judged = assess_out_of_fold(card, answers.index, answers.predictions, seed=start.recipe.seed)
    write_predictions(judged, run.folder / "oof.csv", answers.folds)
    folded = CrossValidated(judged, suspected_errors(judged, start.split))
    write_suspects(folded.suspects, run.folder / "label_issues.csv")
    write_text(run.folder / "cross_validation.json", judged.metrics.to_json())
    return folded


def _sealed(
    run: Run, start: Start, folded: CrossValidated | None, checks: Checks, noted: bool, progress: Progress
) -> tuple[Metrics, tuple[str, ...]]:
    """Evaluate the draft bundle of a run, write the report, and seal the bundle with the result."""
    from gastropath.bundle.files import open_bundle, seal
    from gastropath.data.learned import learned_tiles
    from gastropath.evaluation.assessment import assess
    from gastropath.evaluation.report import write_evaluation
    from gastropath.inference.classifier import Classifier
    from gastropath.training.remarks import remarks

    classifier, learned, split = Classifier.load(run.folder), learned_tiles(run.folder).pixels, start.split
    assessment = assess(
        classifier, split.index, split, learned=learned, seed=start.recipe.seed, checks=checks, progress=progress
    )
    said = tuple(remarks(start.recipe, start.reviewed, classifier.card, run.history(), noted=noted))
    write_evaluation(assessment, classifier, run.folder, run.history(), folded, said)
    seal(open_bundle(run.folder), assessment.metrics)
    return assessment.metrics, said


def _name(data: Sequence[Path]) -> str:
    """Name the data after its folders, for the card."""
    names = " + ".join(path.resolve().name for path in data)
    return names.encode("utf-8", "backslashreplace").decode()[:150]
