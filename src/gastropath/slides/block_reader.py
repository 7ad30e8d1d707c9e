"""Reads and classifies the tiles of a block: here, or on a worker of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from gastropath.errors import CannotUseCluster
from gastropath.inference.classifier import Classifier
from gastropath.results.prediction import Refusal
from gastropath.results.predictions import Predictions
from gastropath.results.versions import DAMAGED
from gastropath.slides.blocks import Selection
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.slides.tiles import read_tiles

_OPEN_SLIDES = 4
"""Slides that a worker keeps open."""


@dataclass(frozen=True)
class BlockReader:
    """Reads and classifies blocks; may be shared by threads, and sent to workers where its two sources can be.

    Attributes
    ----------
    slide, classifier
        Give the slide and the model where the work is done.
    grid
        The tiles.
    features
        Whether features are kept.
    """

    slide: Callable[[], Slide]
    classifier: Callable[[], Classifier]
    grid: TileGrid
    features: bool = False

    def __call__(self, selection: Selection) -> Predictions:
        """Return a prediction for each tile; those that cannot be read are refused."""
        classifier, read = self.classifier(), read_tiles(self.slide(), self.grid, selection.numbers)
        answers = Predictions.none(classifier.classes)
        if len(read.numbers):
            answers = classifier.predict(read.pixels, features=self.features)
        if not read.refused:
            return answers
        n = len(read.refused)
        width = answers.features.shape[1] if answers.features is not None else 0
        lost = Predictions.of(
            classifier.classes,
            np.full((n, len(classifier.classes)), np.nan, np.float32),
            refusals=[Refusal(DAMAGED, reason) for reason in read.refused.values()],
            features=np.full((n, width), np.nan, np.float32) if answers.features is not None else None,
        )
        order = np.argsort(np.concatenate([read.numbers, np.array(list(read.refused), np.int64)]))
        return Predictions.joined([answers, lost], classifier.classes)[order]


def local_reader(slide: Slide, classifier: Classifier, grid: TileGrid, features: bool = False) -> BlockReader:
    """Return a reader for the threads of this process."""
    return BlockReader(lambda: slide, lambda: classifier, grid, features)


def remote_reader(path: Path, mpp: float | None, classifier: Classifier, grid: TileGrid, features: bool) -> BlockReader:
    """Return a reader that opens slide and model itself, from storage that all workers share, and once per worker.

    Raises
    ------
    CannotUseCluster
        If the model was not loaded from a folder.
    """
    if classifier.folder is None:
        raise CannotUseCluster("a model in memory cannot be sent to workers", remedy="load it from a folder")
    graph, status = classifier.card.files["model.tflite"], path.stat()
    return BlockReader(
        partial(_slide_there, path.resolve(), mpp, status.st_size, status.st_mtime_ns),
        partial(_classifier_there, classifier.folder.resolve(), graph),
        grid,
        features,
    )


@lru_cache(maxsize=_OPEN_SLIDES)
def _slide_there(path: Path, mpp: float | None, size: int, changed: int) -> Slide:
    if not path.is_file() or (path.stat().st_size, path.stat().st_mtime_ns) != (size, changed):
        raise CannotUseCluster(
            "a worker does not find this slide, or finds another one", where=path, remedy="put it on shared storage"
        )
    return open_slide(path, mpp, check_brightfield=False)


@lru_cache(maxsize=1)
def _classifier_there(folder: Path, graph: str) -> Classifier:
    if not (folder / "card.json").is_file():
        raise CannotUseCluster("a worker does not find this model", where=folder, remedy="put it on shared storage")
    classifier = Classifier.load(folder)
    if classifier.card.files["model.tflite"] != graph:
        raise CannotUseCluster("a worker finds a different model here than this computer does", where=folder)
    return classifier
