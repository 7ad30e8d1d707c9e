"""What every method of training is given beside its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gastropath.data.split.split import Split
from gastropath.progress import Progress, silent
from gastropath.training.features import FeatureStore

WORK_FOLDER = ".training"
"""Sub-folder of a run that holds what only an unfinished run needs."""

HISTORY = "history.csv"


@dataclass(frozen=True)
class TrainingContext:
    """What is learned, and where it is worked on.

    Attributes
    ----------
    split
        Trained on its ``train`` part; ``val`` is watched while training goes on, or calibrated on after it.
    folder
        Receives ``history.csv``, and a sub-folder for what an interrupted training goes on from.
    store
        Where features are computed and kept.
    progress
        Told how far training has come.
    tensorboard
        Folder where Keras notes each epoch for TensorBoard, of methods that have epochs; ``None`` for nowhere.
    """

    split: Split
    folder: Path
    store: FeatureStore
    progress: Progress = silent
    tensorboard: Path | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class codes in the order of the model's outputs."""
        return self.split.index.classes

    @property
    def work(self) -> Path:
        """Sub-folder for what only an unfinished training needs."""
        return self.folder / WORK_FOLDER

    @property
    def history(self) -> Path:
        """Table of the epochs, or of the strengths that were tried."""
        return self.folder / HISTORY
