"""Training of a whole network, epoch by epoch: on all visible GPUs, stopped early, interrupted and gone on with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from gastropath.data.split.split import Split
from gastropath.progress import Progress, silent
from gastropath.training.checkpoint import (
    BestModel,
    Reporter,
    ResumableEarlyStopping,
    Row,
    StateKeeper,
    TrainingState,
    mark_finished,
    restore,
)
from gastropath.training.head import class_weights
from gastropath.training.pipeline import Change, PixelStore, batches, decode_tiles, epochs_of_batches, steps
from gastropath.training.recipe import EpochSettings

STATE = "state.npz"
BEST = "best.keras"
WORK_FOLDER = ".training"
"""Sub-folder of a run that holds what only an unfinished run needs."""


def decoded_parts(
    split: Split, recipe: EpochSettings, run: Path, *, progress: Progress = silent
) -> tuple[PixelStore, PixelStore]:
    """Decode the ``train`` and the ``val`` part of a split into the work folder of a run."""
    train, val = (
        decode_tiles(
            split.part(part), split.index.classes, recipe.tile_px, recipe.mpp, run / WORK_FOLDER, progress=progress
        )
        for part in ("train", "val")
    )
    return train, val


def fit_epochs(
    build: Callable[[], keras.Model],
    train: PixelStore,
    val: PixelStore,
    settings: EpochSettings,
    monitor: str,
    run: Path,
    *,
    change: Change | None = None,
    start_counts: bool = False,
    devices: Sequence[str] = (),
    progress: Progress = silent,
) -> keras.Model:
    """Train until the last epoch or until early stopping, or go on where an interrupted call stopped.

    The same tiles, settings and machine give the same weights, bit for bit, interrupted or not: initial weights,
    shuffling, augmentation and dropout follow from the seed, TensorFlow's operations are made deterministic, and
    everything that changes is saved after every epoch.

    Parameters
    ----------
    build
        Makes the compiled network as it is before the first epoch.
    train, val
        What is learned, and what early stopping watches.
    settings
        How long, in which steps, from which seed.
    monitor
        Column of the history that early stopping and the checkpoint watch.
    run
        Run folder; receives ``history.csv``, and while training goes on the best model so far.
    change
        Augmentation of the training tiles.
    start_counts
        Whether the network is of use before its first epoch: it is then judged as epoch 0, and kept where no epoch
        is better.
    devices
        What shares each batch, as in TensorFlow; by default all visible GPUs.

    Returns
    -------
    keras.Model
        Of the best epoch, without optimizer.
    """
    best = run / WORK_FOLDER / BEST
    state_file = best.with_name(STATE)
    state = TrainingState.read(state_file) if state_file.exists() else None
    if not (state and state.finished):
        keras.utils.set_random_seed(settings.seed)
        tf.config.experimental.enable_op_determinism()
        with strategy(devices).scope():
            model = build()
            if state:
                restore(model, state)
        _run(model, state.history if state else (), train, val, settings, monitor, run, change, start_counts, progress)
        mark_finished(state_file)
    model = keras.models.load_model(best, compile=False)
    assert isinstance(model, keras.Model), f"{best} is no Keras model"
    return model


def _run(
    model: keras.Model,
    history: tuple[Row, ...],
    train: PixelStore,
    val: PixelStore,
    settings: EpochSettings,
    monitor: str,
    run: Path,
    change: Change | None,
    start_counts: bool,
    progress: Progress,
) -> None:
    """Run the epochs that are left."""
    size, work = settings.batch_size, run / WORK_FOLDER
    reporter = Reporter(progress, settings.epochs, steps(train, size), steps(val, size))
    keeper = StateKeeper(history, monitor, work / STATE, run / "history.csv")
    best = BestModel(history, monitor, work / BEST)
    if start_counts and not history:
        row = _judged(model, train, val, size, progress)
        for callback in (best, keeper):
            callback.set_model(model)
            callback.on_epoch_end(-1, row)
        history = tuple(keeper.history)
    stopping = ResumableEarlyStopping(history, monitor, settings.patience)
    done = sum(row["epoch"] > 0 for row in history)
    if done == settings.epochs or (history and _stopped(stopping, model)):
        return
    model.fit(
        epochs_of_batches(train, size, settings.seed, done, settings.epochs, change),
        validation_data=batches(val, size),
        initial_epoch=done,
        epochs=settings.epochs,
        steps_per_epoch=steps(train, size),
        callbacks=[best, keeper, stopping, reporter],
        class_weight=dict(enumerate(class_weights(train.classes, train.n_classes, settings.class_weights))),
        shuffle=False,  # the pipeline shuffles, by (seed, epoch)
        verbose=0,  # pyright: ignore[reportArgumentType]  # an integer is what Keras documents
    )


def _judged(
    model: keras.Model, train: PixelStore, val: PixelStore, batch_size: int, progress: Progress
) -> dict[str, float]:
    """Return the row of a model before its first epoch."""
    row = {}
    for prefix, store in (("", train), ("val_", val)):
        counter = Reporter(progress, 0, 0, steps(store, batch_size))
        figures = model.evaluate(
            batches(store, batch_size),
            return_dict=True,
            callbacks=[counter],
            verbose=0,  # pyright: ignore[reportArgumentType]  # an integer is what Keras documents
        )
        row |= {prefix + name: float(value) for name, value in figures.items()}
    return row


def strategy(devices: Sequence[str] = ()) -> tf.distribute.Strategy:
    """Return what shares each batch among devices; by default among all visible GPUs.

    Parameters
    ----------
    devices
        Names as in ``tf.config.list_logical_devices``.
    """
    names = devices or [device.name for device in tf.config.list_logical_devices("GPU")]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()


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
