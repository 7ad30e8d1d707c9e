"""Training of a whole network, epoch by epoch: on all visible GPUs, stopped early, interrupted and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from gastropath.inference.linear_head import class_weights
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
from gastropath.training.context import TrainingContext
from gastropath.training.input_pipeline import Change, PixelStore, batches, decode_tiles, epochs_of_batches, steps
from gastropath.training.recipe import EpochSettings

STATE = "state.npz"
BEST = "best.keras"


def decoded_parts(context: TrainingContext, tile_px: int, mpp: float) -> tuple[PixelStore, PixelStore]:
    """Decode the ``train`` and the ``val`` part of a split into the work folder."""
    train, val = (
        decode_tiles(context.split.part(part), context.classes, tile_px, mpp, context.work, progress=context.progress)
        for part in ("train", "val")
    )
    return train, val


@dataclass(frozen=True)
class EpochTraining:
    """Training until the last epoch or until early stopping.

    The same tiles, settings and machine give the same weights, bit for bit, interrupted or not: initial weights,
    shuffling, augmentation and dropout follow from the seed, TensorFlow's operations are made deterministic, and
    everything that changes is saved after every epoch.

    Attributes
    ----------
    train, val
        What is learned, and what early stopping watches.
    settings
        How long, in which steps, from which seed.
    monitor
        Column of the history that early stopping and the checkpoint watch.
    history
        Table of the epochs.
    work
        Folder for the best model so far, and for what training goes on from.
    change
        Augmentation of the training tiles.
    start_counts
        Whether the network is of use before its first epoch: it is then judged as epoch 0, and kept where no epoch
        is better.
    progress
        Told of every batch.
    tensorboard
        Folder for what Keras's own callback notes for TensorBoard; ``None`` for nowhere.
    """

    train: PixelStore
    val: PixelStore
    settings: EpochSettings
    monitor: str
    history: Path
    work: Path
    change: Change | None = None
    start_counts: bool = False
    progress: Progress = silent
    tensorboard: Path | None = None

    def fit(self, build: Callable[[], keras.Model]) -> keras.Model:
        """Train, or go on where an interrupted call stopped.

        Parameters
        ----------
        build
            Makes the compiled network as it is before the first epoch.

        Returns
        -------
        keras.Model
            Of the best epoch, without optimizer.
        """
        state_file = self.work / STATE
        state = TrainingState.read(state_file) if state_file.exists() else None
        if not (state and state.finished):
            keras.utils.set_random_seed(self.settings.seed)
            tf.config.experimental.enable_op_determinism()
            with strategy().scope():
                model = build()
                if state:
                    restore(model, state)
            self._run(model, state.history if state else ())
            mark_finished(state_file)
        model = keras.models.load_model(self.work / BEST, compile=False)
        assert isinstance(model, keras.Model), f"{self.work / BEST} is not a Keras model"
        return model

    def _run(self, model: keras.Model, history: tuple[Row, ...]) -> None:
        """Run the epochs that are left after those of the history."""
        settings, size = self.settings, self.settings.batch_size
        reporter = Reporter(self.progress, settings.epochs, steps(self.train, size), steps(self.val, size))
        keeper = StateKeeper(history, self.monitor, self.work / STATE, self.history)
        best = BestModel(history, self.monitor, self.work / BEST)
        if self.start_counts and not history:
            row = self._judged(model)
            for callback in (best, keeper):
                callback.set_model(model)
                callback.on_epoch_end(-1, row)
            history = tuple(keeper.history)
        stopping = ResumableEarlyStopping(history, self.monitor, settings.patience)
        done = sum(row["epoch"] > 0 for row in history)
        if done == settings.epochs or (history and _stopped(stopping, model)):
            return
        noting = [keras.callbacks.TensorBoard(str(self.tensorboard))] if self.tensorboard else []
        weights = class_weights(self.train.classes, self.train.n_classes, settings.class_weights)
        model.fit(
            epochs_of_batches(self.train, size, settings.seed, done, settings.epochs, self.change),
            validation_data=batches(self.val, size),
            initial_epoch=done,
            epochs=settings.epochs,
            steps_per_epoch=steps(self.train, size),
            callbacks=[best, keeper, stopping, reporter, *noting],
            class_weight=dict(enumerate(weights)),
            shuffle=False,  # the pipeline shuffles, by (seed, epoch)
            verbose=0,  # pyright: ignore[reportArgumentType]  # an integer is what Keras documents
        )

    def _judged(self, model: keras.Model) -> dict[str, float]:
        """Return the row of a model before its first epoch."""
        row, size = {}, self.settings.batch_size
        for prefix, store in (("", self.train), ("val_", self.val)):
            counter = Reporter(self.progress, 0, 0, steps(store, size))
            figures = model.evaluate(
                batches(store, size),
                return_dict=True,
                callbacks=[counter],
                verbose=0,  # pyright: ignore[reportArgumentType]  # an integer is what Keras documents
            )
            row |= {prefix + name: float(value) for name, value in figures.items()}
        return row


def strategy() -> tf.distribute.Strategy:
    """Return what shares each batch among the devices of :func:`devices`."""
    names = devices()
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()


def devices() -> list[str]:
    """Return the names of all visible GPUs, as TensorFlow spells them."""
    return [device.name for device in tf.config.list_logical_devices("GPU")]


def _stopped(stopping: ResumableEarlyStopping, model: keras.Model) -> bool:
    """Tell whether early stopping had already ended the run that is resumed (killed just before it said so)."""
    stopping.set_model(model)
    model.stop_training = False
    stopping.on_train_begin()
    ended = bool(model.stop_training)
    model.stop_training = False
    return ended
