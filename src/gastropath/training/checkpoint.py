"""What a training run needs to go on exactly where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from gastropath.arrays import read_arrays
from gastropath.errors import CannotParse, CannotResume
from gastropath.outputs import replacing, writing
from gastropath.progress import Progress, Stage
from gastropath.tables import write_table

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
"""Of ``history.csv``; what is watched follows where it is none of them."""

_MOST_BYTES = 2**33  # of weights and moments

Row = Mapping[str, float]


@dataclass(frozen=True)
class TrainingState:
    """Everything that changes during training, after a whole number of epochs.

    Attributes
    ----------
    history
        One row an epoch, with the columns of ``history.csv``. Early stopping and the best score so far follow from it.
    finished
        Whether training ended (by its last epoch or by early stopping).
    variables
        Weights, dropout's random state and the optimizer's moments, in the model's own order.
    """

    history: tuple[Row, ...]
    finished: bool
    variables: tuple[np.ndarray, ...]

    def write(self, path: Path) -> None:
        """Write the state, complete or not at all."""
        about = json.dumps({"history": [dict(row) for row in self.history], "finished": self.finished})
        arrays = {f"v{i:04d}": values for i, values in enumerate(self.variables)}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, about=np.frombuffer(about.encode(), np.uint8), **arrays)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def read(path: Path) -> TrainingState:
        """Read a state that :meth:`write` wrote."""
        try:
            arrays = read_arrays(path, _MOST_BYTES)
            about = json.loads(arrays["about"].tobytes())
            variables = tuple(arrays[name] for name in sorted(arrays) if name != "about")
        except (OSError, ValueError, KeyError, CannotParse) as error:
            raise CannotResume(
                f"cannot be read ({error})", where=path, remedy="delete it to train from the start"
            ) from None
        return TrainingState(tuple(about["history"]), about["finished"], variables)


def without_optimizer(model: keras.Model) -> keras.Model:
    """Wrap the same layers (and so the same weights) in a model that carries no optimizer state.

    Saved, it is a third of the size, and loads without a word in a process that only wants to predict.
    """
    if isinstance(model, keras.Sequential):
        image = keras.Input(batch_shape=model.input_shape, dtype="uint8", name="image")
        return keras.Sequential([image, *model.layers], name=model.name)
    return keras.Model(model.inputs[0], model.output, name=model.name)


def capture(model: keras.Model) -> tuple[np.ndarray, ...]:
    """Copy all variables of a compiled model, optimizer included."""
    return tuple(np.asarray(variable) for variable in _variables(model))


def restore(model: keras.Model, state: TrainingState) -> None:
    """Set all variables of a freshly built model."""
    variables = _variables(model)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [values.shape for values in state.variables]:
        raise CannotResume("the saved training state is of another network", remedy="choose another `out`")
    for variable, values in zip(variables, state.variables, strict=True):
        variable.assign(values)


def _variables(model: keras.Model) -> list[keras.Variable]:
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    return [*model.variables, *optimizer.variables]


def _mode(monitor: str) -> str:
    return "min" if monitor.endswith("loss") else "max"


class ResumableEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that first relives the epochs of an interrupted run, and so counts its patience on."""

    def __init__(self, history: tuple[Row, ...], monitor: str, patience: int) -> None:
        super().__init__(monitor=monitor, patience=patience, mode=_mode(monitor))
        self.history = history

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Replay the epochs already done."""
        super().on_train_begin(logs)
        for epoch, row in enumerate(self.history):
            self.on_epoch_end(epoch, dict(row))


class BestModel(keras.callbacks.ModelCheckpoint):
    """Model checkpoint that appears under its final name only when complete, and carries no optimizer state."""

    def __init__(self, history: tuple[Row, ...], monitor: str, path: Path) -> None:
        best = min if _mode(monitor) == "min" else max
        so_far = best((row[monitor] for row in history), default=None)
        self.path, self.partial = path, path.with_name(f"next-{path.name}")
        super().__init__(
            str(self.partial),
            monitor=monitor,
            mode=_mode(monitor),
            save_best_only=True,
            initial_value_threshold=so_far,
        )

    def set_model(self, model: keras.Model) -> None:
        """Watch a copy that shares the weights but not the optimizer."""
        super().set_model(without_optimizer(model))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Save if this epoch is the best, then move the file into place."""
        with writing(self.path):
            self.partial.unlink(missing_ok=True)
            super().on_epoch_end(epoch, logs)
            if self.partial.exists():
                with self.partial.open("rb") as written:
                    os.fsync(written.fileno())
                os.replace(self.partial, self.path)


class StateKeeper(keras.callbacks.Callback):
    """Writes ``history.csv`` and the training state after every epoch; comes after the callbacks above."""

    def __init__(self, history: tuple[Row, ...], monitor: str, state: Path, table: Path) -> None:
        super().__init__()
        self.history = list(history)
        self.columns = (*HISTORY_COLUMNS, *(() if monitor in HISTORY_COLUMNS else (monitor,)))
        self.state, self.table = state, table

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write both files; the state last, because it decides where a resumed run begins."""
        assert self.model is not None
        logs = logs or {}
        self.history.append({"epoch": epoch + 1, **{name: float(logs[name]) for name in self.columns[1:]}})
        write_table(self.table, self.columns, self.history)
        TrainingState(tuple(self.history), False, capture(self.model)).write(self.state)


class Reporter(keras.callbacks.Callback):
    """Shows all epochs, each with its validation, as one stage; the detail tells how the last one went."""

    def __init__(self, progress: Progress, epochs: int, steps: int, validation_steps: int) -> None:
        super().__init__()
        self.progress, self.epochs = progress, epochs
        self.steps, self.validation_steps = steps, validation_steps
        self.epoch = 0
        self.detail, self.last = "before the first epoch", ""

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Name the epoch."""
        self.epoch = epoch
        self.detail = f"epoch {epoch + 1} of at most {self.epochs}{self.last}"

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Advance by a batch."""
        self._show(batch + 1)

    def on_test_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Advance by a batch of the validation."""
        self._show(self.steps + batch + 1)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Remember the figures for the next epoch's detail."""
        logs = logs or {}
        self.last = f" (accuracy {logs['accuracy']:.3f}, validation {logs['val_accuracy']:.3f})"

    def _show(self, batches: int) -> None:
        an_epoch = self.steps + self.validation_steps
        done, total = self.epoch * an_epoch + batches, max(1, self.epochs) * an_epoch
        self.progress(Stage("training", detail=self.detail), done, total)


def mark_finished(path: Path) -> None:
    """Record that training ended; the variables are no longer needed and go."""
    state = TrainingState.read(path)
    TrainingState(state.history, True, ()).write(path)
