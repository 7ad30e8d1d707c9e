"""Training: from tiles to a sealed model and its evaluation, in one run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.errors import OutputExists, UnknownSetting
from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, cache_folder, changes, codes, now, optional, paths
from gastropath.workflows.extras import need, need_tensorflow
from gastropath.workflows.train_result import REFUSED, TrainResult, finished, history_of, refused_in

if TYPE_CHECKING:
    from gastropath.data.audit.audit import Audit
    from gastropath.data.index import TileIndex
    from gastropath.data.review import Review
    from gastropath.data.split.split import Split
    from gastropath.evaluation.report import CrossValidated
    from gastropath.results.metrics import Metrics
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import Recipe
    from gastropath.training.run import RunOptions

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
    dropped, relabelled
        Tiles that a review changes before training; ``None`` where there is none.
    left_to_test
        Decisions of the review on the test part, which keeps its published labels.
    """

    split: Split
    tile_px: int
    mpp: float
    guessed: int
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
    resume: bool = False,
    created: str | None = None,
    command: str = "gastropath.train",
    on_begin: Callable[[Beginning], object] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a classifier, export it as a bundle, evaluate the bundle and seal it with the result.

    Parameters
    ----------
    data
        Tiles, in any form that :func:`gastropath.audit` takes.
    out
        Run folder.
    recipe
        Name of a recipe that comes with GastroPath, or a TOML file; ``"transfer"`` where none is given.
    split
        Table made by :func:`gastropath.split`; by default the tiles are divided by block.
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
    resume
        Go on with an interrupted run, with identical results.
    created
        Date and time for the model's card; by default now.
    command
        How the run was started, for the record in ``environment.json``.
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
    need_tensorflow("train --folds" if folds else "train")
    from gastropath.data.index import find_tiles
    from gastropath.data.review import read_review
    from gastropath.parallel import pool
    from gastropath.training import run as runs
    from gastropath.training.features import FeatureStore

    run, table, lines = Path(out), optional(split), changes(settings)
    named = None if recipe is None else str(recipe)
    index = find_tiles(paths(data), codes(classes))
    reviewed = read_review(Path(review), index) if review is not None else None
    options = runs.RunOptions(folds, mpp)
    resuming = resume and runs.has_begun(run)
    if resuming:
        options = runs.options_of_run(run, options)
    index = index.with_mpp(options.mpp) if options.mpp else index
    names = [*([] if resuming else [_READING]), _TRAINING, *([_FOLDS] if options.folds else []), _EVALUATING]
    stages = Stages(names, progress)
    if resuming:
        asked = runs.read_recipe(named or RECIPE, lines) if named or lines else None
        parts, used = runs.continue_run(run, index, asked, reviewed, table)
        if runs.is_finished(run):
            return finished(run)
    else:
        if not resume and run.is_dir() and any(run.iterdir()):
            raise OutputExists(
                "already exists", where=run, remedy="go on with this run by `resume`, or choose another `out`"
            )
        used = runs.read_recipe(named or RECIPE, lines)
        parts, audited = _divided(index, table, used.seed, folds, stages[_READING])
        if on_begin:
            on_begin(_beginning(parts, audited, used, reviewed))
        _begin(run, parts, used, options, reviewed, audited, command, overwrite=resume)
    with pool(scheduler) as workers:
        store, name = FeatureStore(cache_folder(cache), workers), _name(paths(data))
        runs.train(run, parts, used, name=name, created=created or now(), store=store, progress=stages[_TRAINING])
        folded = _cross_validated(run, parts, used, store, stages[_FOLDS]) if options.folds else None
        metrics = _sealed(run, parts, used.seed, folded, stages[_EVALUATING])
        runs.finish_run(run)
    if folded is None:
        return TrainResult(run, metrics, refused=refused_in(run))
    return TrainResult(run, metrics, folded.assessment.metrics, folded.suspects, refused_in(run))


def _divided(
    index: TileIndex, table: Path | None, seed: int, folds: int | None, progress: Progress
) -> tuple[Split, Audit]:
    """Read every tile, and divide them: as a table says, or by block."""
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.split.division import make_split
    from gastropath.data.split.split import check_trainable, read_split

    audited = audit_tiles(index, progress=progress)
    parts = read_split(table, index, audited) if table else make_split(audited, "block", seed=seed, folds=folds)
    has = len(set(parts.folds) - {""})
    if folds and has != folds:
        raise UnknownSetting(
            f"{folds} asked for, but the split has {f'{has} folds' if has else 'no folds'}",
            parameter="folds",
            remedy="make the table of `split` with as many `folds`",
        )
    check_trainable(parts)
    return parts, audited


def _beginning(split: Split, audited: Audit, recipe: Recipe, review: Review | None) -> Beginning:
    known, side = audited.index.mpp(), (recipe.tile_px, recipe.tile_px)
    sizes = {row: (audited.records[row].width, audited.records[row].height) for row in audited.readable()}
    guessed = sum(known[row] is None and size != side for row, size in sizes.items())
    if review is None:
        return Beginning(split, recipe.tile_px, recipe.mpp, guessed)
    left = len(review.among(split.part("test")).decisions)
    return Beginning(split, recipe.tile_px, recipe.mpp, guessed, *review.counts(split), left)


def _begin(
    run: Path,
    split: Split,
    recipe: Recipe,
    options: RunOptions,
    review: Review | None,
    audited: Audit,
    command: str,
    *,
    overwrite: bool,
) -> None:
    """Make the run folder, and note which files could not be read."""
    from gastropath.results.environment import described
    from gastropath.tables import write_table
    from gastropath.training.run import begin_run

    begin_run(run, split, recipe, described(command), options, review, overwrite=overwrite)
    if refused := audited.refused():
        rows = [{"path": path, "problem": reason} for path, reason in refused.items()]
        write_table(run / REFUSED, ("path", "problem"), rows)


def _cross_validated(
    run: Path, split: Split, recipe: Recipe, store: FeatureStore, progress: Progress
) -> CrossValidated:
    """Train a model for each fold, judge what it says of the tiles it has not seen, and write that down."""
    from gastropath.bundle.files import open_bundle
    from gastropath.evaluation.assessment import assess_out_of_fold
    from gastropath.evaluation.label_noise import suspected_errors, write_suspects
    from gastropath.evaluation.report import CrossValidated, write_predictions
    from gastropath.outputs import write_json
    from gastropath.training.run import cross_validated

    card = open_bundle(run).card
    answers = cross_validated(run, split, recipe, card, store, progress=progress)
    judged = assess_out_of_fold(card, answers.index, answers.predictions, seed=recipe.seed)
    write_predictions(judged, run / "oof.csv", answers.folds)
    folded = CrossValidated(judged, suspected_errors(judged, split))
    write_suspects(folded.suspects, run / "label_issues.csv")
    write_json(run / "cross_validation.json", judged.metrics.model_dump())
    return folded


def _sealed(run: Path, split: Split, seed: int, folded: CrossValidated | None, progress: Progress) -> Metrics:
    """Evaluate the draft bundle of a run, write the report, and seal the bundle with the result."""
    from gastropath.bundle.files import open_bundle, seal
    from gastropath.data.learned import learned_tiles
    from gastropath.evaluation.assessment import assess
    from gastropath.evaluation.report import write_evaluation
    from gastropath.inference.classifier import Classifier

    classifier, learned = Classifier.load(run), learned_tiles(run)
    assessment = assess(classifier, split.index, split, learned=learned, seed=seed, progress=progress)
    write_evaluation(assessment, classifier, run, history_of(run), folded)
    seal(open_bundle(run), assessment.metrics)
    return assessment.metrics


def _name(data: Sequence[Path]) -> str:
    """Name the data after its folders, for the card."""
    names = " + ".join(path.resolve().name for path in data)
    return names.encode("utf-8", "backslashreplace").decode()[:150]
