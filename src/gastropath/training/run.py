"""A run folder: settings and split in, trained model and draft bundle out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from gastropath.bundle.files import GRAPH, KERAS_MODEL, Bundle, find_bundle, open_bundle, write_bundle
from gastropath.data.index import TileIndex
from gastropath.data.learned import LEARNED, write_learned
from gastropath.data.review import Review, read_review
from gastropath.data.split.split import Split, check_trainable, read_split, split_of_run
from gastropath.errors import BadBundle, CannotResume, OutputExists, TooFewTiles, UnknownSetting
from gastropath.inference.classifier import Classifier
from gastropath.inference.selftest import with_self_test
from gastropath.outputs import new_folder, write_json
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.training.cnn import train_cnn
from gastropath.training.cross_validation import OutOfFold, cross_validate, fold_splits
from gastropath.training.draft import draft_card, uncalibrated, with_review
from gastropath.training.export import Precision, export_graph
from gastropath.training.features import FeatureStore
from gastropath.training.finetune import train_finetuned
from gastropath.training.fit import WORK_FOLDER, clear_work
from gastropath.training.quantised import write_quantised
from gastropath.training.recipe import CnnRecipe, FinetuneRecipe, Recipe, TransferRecipe, read_recipe
from gastropath.training.trained import Trained
from gastropath.training.transfer import train_transfer

REVIEW = "review.csv"
"""The review of labels a run applies, in its folder."""


@dataclass(frozen=True)
class RunOptions:
    """What a run was asked for beside its recipe; ``None`` where nothing was said."""

    folds: int | None = None
    mpp: float | None = None


def begin_run(
    run: Path,
    split: Split,
    recipe: Recipe,
    environment: Mapping[str, object],
    options: RunOptions = RunOptions(),
    review: Review | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Make a run folder and write what it starts from: the recipe last, as the sign that all of it is there.

    Parameters
    ----------
    environment
        What it is computed with, for the record.
    overwrite
        Replace what an interrupted beginning left.

    Raises
    ------
    TooFewTiles
        If the split cannot be trained on, or no longer can after the review, or one of its folds cannot.
    """
    review = review.among(split.index) if review else None
    check_trainable(_reviewed(split, review))
    if review and options.folds:
        _check_folds(split, recipe, review)
    new_folder(run, overwrite=overwrite)
    (run / WORK_FOLDER).mkdir(exist_ok=True)
    split.write(run / "split.csv")
    write_learned(split, run)
    if review:
        review.write(run / REVIEW)
    write_json(run / "environment.json", {**environment, **asdict(options)})
    recipe.write(run / "recipe.toml")


def _check_folds(split: Split, recipe: Recipe, review: Review) -> None:
    for number, part in fold_splits(split, with_validation=_watches(recipe)):
        left = set(review.applied(part).part("train").labels)
        if missing := sorted(set(split.index.classes) - left):
            raise TooFewTiles(
                f"after the review no tile of class {missing[0]!r} is left to train on without fold {number}"
            )


def _watches(recipe: Recipe) -> bool:
    """Tell whether a method watches a validation part while it trains."""
    return not isinstance(recipe, TransferRecipe)


def options_of_run(run: Path, asked: RunOptions) -> RunOptions:
    """Return the options a run began with.

    Raises
    ------
    CannotResume
        If others are asked for now.
    """
    record = json.loads((run / "environment.json").read_text("utf-8"))
    began = RunOptions(record.get("folds"), record.get("mpp"))
    for name, given in asdict(asked).items():
        if given is not None and given != getattr(began, name):
            before = getattr(began, name)
            told = f"--{name} {before:g}" if before is not None else f"no --{name}"
            raise CannotResume(f"{run}: began with {told}; leave the option out to go on, or use a new --out")
    return began


def has_begun(run: Path) -> bool:
    """Tell whether a folder holds a run that can go on.

    Raises
    ------
    OutputExists
        If it holds something else.
    """
    if (run / "recipe.toml").is_file():
        return True
    strays = [entry.name for entry in run.iterdir()] if run.is_dir() else []
    if any(
        not name.startswith((".partial-", "split.", LEARNED, "environment.", REVIEW, WORK_FOLDER)) for name in strays
    ):
        raise OutputExists(f"{run}: holds files but no run that could be resumed; choose another --out")
    return False


def continue_run(
    run: Path,
    index: TileIndex,
    recipe: Recipe | None,
    review: Review | None = None,
    table: Path | None = None,
) -> tuple[Split, Recipe]:
    """Read back what a run started from, and check that it is still the same, as far as it is given.

    Raises
    ------
    CannotResume
        If the data, the settings or the review differ from those the run began with.
    """
    begun = read_recipe(str(run / "recipe.toml"))
    if recipe is not None and recipe != begun:
        old, new = begun.model_dump(), recipe.model_dump()
        changed = ", ".join(f"{key} was {old[key]!r}, now {new[key]!r}" for key in old if old[key] != new[key])
        raise CannotResume(f"{run}: began with other settings ({changed}); use a new --out, or leave them as they were")
    split = split_of_run(run, index)
    if split is None:
        raise CannotResume(f"{run}: began with other tiles than those now at {index.root}; use a new --out")
    if table is not None and read_split(table, index).sha256() != split.sha256():
        raise CannotResume(
            f"{run}: began with another split than {table}; leave --split out to go on, or use a new --out"
        )
    began_with = review_of_run(run, split.index)
    if review and (began_with is None or review.among(split.index).decisions != began_with.decisions):
        raise CannotResume(f"{run}: began with another review of labels; use a new --out, or leave --apply-review out")
    return split, begun


def train(
    run: Path,
    split: Split,
    recipe: Recipe,
    *,
    name: str,
    created: str,
    store: FeatureStore,
    progress: Progress = silent,
) -> Bundle:
    """Train (or go on), and export a draft bundle into ``run/model``.

    Parameters
    ----------
    run
        A folder that :func:`begin_run` made.
    name
        Name of the data, for the card.
    created
        Date and time, for the card.
    store
        Where features are computed, and kept from one run to the next.
    """
    model_folder = run / "model"
    if (model_folder / "card.json").is_file():
        return open_bundle(model_folder)
    review = review_of_run(run, split.index)
    reviewed = _reviewed(split, review)
    draft = draft_card(reviewed, recipe, name=name, created=created)
    if review:
        draft = with_review(draft, review, split)
    trained = train_model(reviewed, recipe, draft, run, store, progress=progress)
    return trained.write(draft, recipe, model_folder, keras_file=run / KERAS_MODEL)


def train_model(
    split: Split, recipe: Recipe, draft: Card, run: Path, store: FeatureStore, *, progress: Progress = silent
) -> Trained:
    """Train by the method of the recipe, or go on where an interrupted call stopped."""
    if isinstance(recipe, CnnRecipe):
        return train_cnn(split, recipe, draft, run, progress=progress)
    if isinstance(recipe, FinetuneRecipe):
        return train_finetuned(split, recipe, draft, run, store, progress=progress)
    return train_transfer(split, recipe, store, run / "history.csv", progress=progress)


def cross_validated(
    run: Path, split: Split, recipe: Recipe, card: Card, store: FeatureStore, *, progress: Progress = silent
) -> OutOfFold:
    """Train a model for each fold of the split, or go on where an interrupted call stopped.

    Parameters
    ----------
    card
        Of the run's model: what the models of the folds answer with.
    """
    draft = uncalibrated(card)
    review = review_of_run(run, split.index)

    def train_fold(number: int, part: Split) -> Classifier:
        folder = run / WORK_FOLDER / f"fold-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        part = _reviewed(part, review)
        return train_model(part, recipe, draft, folder, store, progress=progress).classifier(draft, recipe)

    return cross_validate(split, train_fold, with_validation=_watches(recipe), progress=progress)


def review_of_run(run: Path, index: TileIndex) -> Review | None:
    """Return the review of labels that a run applies; ``None`` where there is none."""
    table = run / REVIEW
    return read_review(table, index) if table.is_file() else None


def _reviewed(split: Split, review: Review | None) -> Split:
    return review.applied(split) if review else split


def finish_run(run: Path) -> None:
    """Remove what only an unfinished run needs."""
    clear_work(run)


def is_finished(run: Path) -> bool:
    """Tell whether a run has its sealed bundle and needs nothing more."""
    return (
        (run / "metrics.json").is_file()
        and (run / "model" / "card.json").is_file()
        and not (run / WORK_FOLDER).exists()
    )


def export_run(run: Path, out: Path, precision: Precision) -> Bundle:
    """Export the model of a finished run again, in another precision of floating point.

    Raises
    ------
    BadBundle
        If the run has no bundle or no ``bestmodel.keras``.
    """
    bundle, model, source = _finished(run)
    graph = export_graph(model, precision, temperature=bundle.card.calibration.temperature)
    files: dict[str, Path | bytes] = {GRAPH: graph, KERAS_MODEL: source}
    if bundle.references.is_file():
        files[bundle.references.name] = bundle.references
    card = with_self_test(bundle.card.model_copy(update={"precision": precision}), graph)
    return write_bundle(out, card, files)


def export_quantised(
    run: Path, index: TileIndex, out: Path, store: FeatureStore, *, progress: Progress = silent
) -> Bundle:
    """Export the model of a finished run in 8-bit integers, its head fitted anew on the tiles it was trained on.

    Raises
    ------
    BadBundle
        If the run has no bundle or no ``bestmodel.keras``.
    CannotResume
        If the tiles are not those of the run.
    UnknownSetting
        If the run was not trained by ``transfer``.
    """
    split, recipe = continue_run(run, index, None)
    if not isinstance(recipe, TransferRecipe):
        raise UnknownSetting(
            f"--precision int8: {run} was trained by the method {recipe.method}; only transfer has a head that can be "
            "fitted anew on what the integer network gives"
        )
    bundle, model, _ = _finished(run)
    split = _reviewed(split, review_of_run(run, split.index))
    return write_quantised(model, split, recipe, uncalibrated(bundle.card), store, out, progress=progress)


def _finished(run: Path) -> tuple[Bundle, keras.Model, Path]:
    bundle = open_bundle(find_bundle(run))
    source = run / KERAS_MODEL if (run / KERAS_MODEL).is_file() else bundle.keras_model
    if source is None:
        raise BadBundle(f"{run}: has no {KERAS_MODEL}, which an export starts from; name a run folder")
    model = keras.models.load_model(source, compile=False)
    assert isinstance(model, keras.Model), f"{source} is no Keras model"
    return bundle, model, source
