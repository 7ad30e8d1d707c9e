"""Training: from a split and a recipe to ``bestmodel.keras``."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import tensorflow as tf

from gastropath.bundle.card import Card
from gastropath.cluster import Progress, silent
from gastropath.data.split.split import Split
from gastropath.training.checkpoint import (
    BestModel,
    Reporter,
    ResumableEarlyStopping,
    StateKeeper,
    TrainingState,
    mark_finished,
    restore,
)
from gastropath.training.cnn import specified_cnn
from gastropath.training.head import class_weights
from gastropath.training.pipeline import PixelStore, batches, decode_tiles, epochs_of_batches, steps
from gastropath.training.recipe import CnnRecipe
from gastropath.training.trained import Trained

STATE = "state.npz"
WORK_FOLDER = ".training"
"""Sub-folder of a run that holds what only an unfinished run needs."""


def train_cnn(split: Split, recipe: CnnRecipe, draft: Card, run: Path, *, progress: Progress = silent) -> Trained:
    """Train the specified network, or go on where an interrupted call stopped.

    The same split, recipe and machine give the same weights, bit for bit, interrupted or not: initial weights,
    shuffling and dropout follow from the seed, TensorFlow's operations are made deterministic, and everything that
    changes is saved after every epoch.

    Parameters
    ----------
    split
        Trains on its ``train`` part and watches its ``val`` part.
    recipe
        The settings.
    draft
        Card with its classes and input.
    run
        Run folder; receives ``history.csv``, and while training goes on the best model so far.
    """
    work = run / WORK_FOLDER
    state_file = work / STATE
    state = TrainingState.read(state_file) if state_file.exists() else None
    codes = split.index.classes
    train, val = (
        decode_tiles(split.part(part), codes, recipe.tile_px, recipe.mpp, work, progress=progress)
        for part in ("train", "val")
    )
    best = work / "best.keras"
    if not (state and state.finished):
        _fit(train, val, recipe, state, run, best, progress)
        mark_finished(state_file)
    model = keras.models.load_model(best, compile=False)
    assert isinstance(model, keras.Model), f"{best} is no Keras model"
    return Trained.judged(model, draft, train, val, recipe.seed, progress=progress)


def _fit(
    train: PixelStore,
    val: PixelStore,
    recipe: CnnRecipe,
    state: TrainingState | None,
    run: Path,
    best: Path,
    progress: Progress,
) -> None:
    """Run the epochs that are left; ``best`` becomes the model of the best one."""
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    model = compiled(specified_cnn(train.n_classes, recipe.tile_px), recipe.learning_rate)
    if state:
        restore(model, state)
    history = state.history if state else ()
    per_epoch = steps(train, recipe.batch_size)
    keeper = StateKeeper(history, best.with_name(STATE), run / "history.csv")
    stopping = ResumableEarlyStopping(history, recipe.monitor, recipe.patience)
    stopped_before = bool(history) and _stopped(stopping, model)
    if len(history) < recipe.epochs and not stopped_before:
        model.fit(
            epochs_of_batches(train, recipe.batch_size, recipe.seed, len(history), recipe.epochs),
            validation_data=batches(val, recipe.batch_size),
            initial_epoch=len(history),
            epochs=recipe.epochs,
            steps_per_epoch=per_epoch,
            callbacks=[
                BestModel(history, recipe.monitor, best),
                keeper,
                stopping,
                Reporter(progress, recipe.epochs, per_epoch),
            ],
            class_weight=dict(enumerate(class_weights(train.classes, train.n_classes, recipe.class_weights))),
            shuffle=False,  # the pipeline shuffles, by (seed, epoch)
            verbose=0,  # pyright: ignore[reportArgumentType]  # an integer is what Keras documents
        )


def compiled(model: keras.Sequential, learning_rate: float) -> keras.Sequential:
    """Compile as specified: Adam, categorical cross-entropy, accuracy."""
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def clear_work(run: Path) -> None:
    """Remove what only an unfinished run needs, and what killed processes left behind."""
    for folder in (run / WORK_FOLDER, *run.glob(".partial-*")):
        shutil.rmtree(folder, ignore_errors=True)


def _stopped(stopping: ResumableEarlyStopping, model: keras.Model) -> bool:
    """Tell whether early stopping had already ended the run that is resumed (killed just before it said so)."""
    stopping.set_model(model)
    model.stop_training = False
    stopping.on_train_begin()
    ended = bool(model.stop_training)
    model.stop_training = False
    return ended
