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

_CLOSE = 0.12
"""A tile whose two best classes are closer than this is read again with chunks decoded whole, where they were decoded
smaller: one in seven, and nearly all that would be answered otherwise (benchmarks/reduced_scale.py)."""

WAY_OF_READING = f"smaller, but whole within {_CLOSE:g} of a tie and for features"
"""How tiles are read where a file can be decoded smaller. A version that reads them otherwise has other words here: an
unfinished map of one is not gone on with by the other."""


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
        if self.grid.smaller > 1:
            answers = self._looked_at_again(answers, read.numbers)
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

    def _looked_at_again(self, answers: Predictions, numbers: np.ndarray) -> Predictions:
        """Answer tiles that were read smaller, and are close to a tie, as they are at the full size of the level."""
        slide, classifier = self.slide(), self.classifier()
        whole = self.grid.unreduced(slide)
        close = np.flatnonzero(is_close(answers))
        again = [
            read_tiles(slide, whole, numbers[row : row + 1]) for row in close
        ]  # alone: what lies between is not read
        close = close[[bool(len(tile.numbers)) for tile in again]] if len(close) else close
        if not len(close):
            return answers
        pixels = np.concatenate([tile.pixels for tile in again])
        better = classifier.predict(pixels, features=self.features)
        rows = np.arange(len(answers))
        rows[close] = len(answers) + np.arange(len(close))
        return Predictions.joined([answers, better], classifier.classes)[rows]


def is_close(answers: Predictions) -> np.ndarray:
    """Tell which answers are so close to a tie that a reading of less than full size is not enough: ``bool``, (n,)."""
    if not len(answers) or len(answers.classes) < 2:
        return np.zeros(len(answers), bool)
    two_best = np.partition(answers.probabilities, -2, axis=1)[:, -2:]
    return two_best[:, 1] - two_best[:, 0] < _CLOSE


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
