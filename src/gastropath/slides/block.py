"""Neighbouring tiles of a slide, read and answered together: here, or on a worker of a cluster."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from gastropath.errors import CannotUseCluster
from gastropath.inference.classifier import Classifier
from gastropath.results.card import Card
from gastropath.results.predictions import Predictions, Refusal
from gastropath.slides.grid import TileGrid
from gastropath.slides.reading import read_tiles
from gastropath.slides.slide import Slide, open_slide
from gastropath.slides.tissue_mask import SENTENCES, TissueMask

DAMAGED = "damaged"
"""Why a tile could not be read, as tables say it."""

_OPEN_SLIDES = 4
"""Slides that a worker keeps open."""


@dataclass(frozen=True)
class Block:
    """Answers to neighbouring tiles.

    Attributes
    ----------
    numbers
        Of all tiles of the block in the grid, in order: ``int64``, shape (n,).
    fractions
        Share of each that is tissue.
    reasons
        Why a tile was left out by the mask; empty where it was read.
    predictions
        One answer a tile; those left out are refused with their reason.
    features
        ``float32``, shape (n, f), NaN where there is none; ``None`` where they are not kept.
    """

    numbers: np.ndarray
    fractions: np.ndarray
    reasons: tuple[str, ...]
    predictions: Predictions
    features: np.ndarray | None

    def to_bytes(self) -> bytes:
        """Write it as NumPy's ``npz``, without the numbers."""
        answers = self.predictions
        arrays = {
            "probabilities": answers.probabilities,
            "distances": answers.distances,
            "is_low_confidence": answers.is_low_confidence,
            "is_out_of_distribution": answers.is_out_of_distribution,
            "refusals": np.array([refusal or ("", "") for refusal in answers.refusals], np.str_),
            "reasons": np.array(self.reasons, np.str_),
            "fractions": self.fractions,
        }
        if self.features is not None:
            arrays["features"] = self.features
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]  # none of the names is an option of savez
        return buffer.getvalue()

    @classmethod
    def read(cls, file: Path, numbers: np.ndarray, classes: tuple[str, ...]) -> Block:
        """Read what :meth:`to_bytes` gave."""
        with np.load(file, allow_pickle=False) as stored:
            refusals = [Refusal(*map(str, pair)) if pair[0] else None for pair in stored["refusals"].reshape(-1, 2)]
            reasons = tuple(str(reason) for reason in stored["reasons"])
            predictions = Predictions.of(
                classes,
                stored["probabilities"],
                refusals=refusals,
                is_low_confidence=stored["is_low_confidence"],
                is_out_of_distribution=stored["is_out_of_distribution"],
                distances=stored["distances"],
            )
            return cls(numbers, stored["fractions"], reasons, predictions, stored.get("features"))


@dataclass(frozen=True)
class Answered:
    """A slide or a picture whose tiles are answered: what tables and maps are made of.

    Attributes
    ----------
    slide, grid, mask, card
        The slide, its tiles, what covers it, and the card of the model that answered.
    blocks
        Yields the answers, block by block in the order of the grid; may be called again.
    """

    slide: Slide
    grid: TileGrid
    mask: TissueMask
    card: Card
    blocks: Callable[[], Iterator[Block]]


@dataclass(frozen=True)
class Wanted:
    """Neighbouring tiles, judged by the mask.

    Attributes
    ----------
    place
        Of the block among the blocks of the grid.
    numbers, fractions, reasons
        See :class:`Block`.
    """

    place: int
    numbers: np.ndarray
    fractions: np.ndarray
    reasons: np.ndarray


def wanted(grid: TileGrid, mask: TissueMask, place: int, numbers: np.ndarray, *, everything: bool) -> Wanted:
    """Judge the tiles of a block; see :meth:`gastropath.slides.tissue_mask.TissueMask.judge`."""
    fractions, reasons = mask.judge(grid, numbers, everything=everything)
    return Wanted(place, numbers, fractions, reasons)


@dataclass(frozen=True)
class BlockReader:
    """Reads and answers blocks; may be shared by threads, and sent to workers where its two sources can be.

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
    features: bool

    def __call__(self, wanted: Wanted) -> tuple[int, Block]:
        """Read and answer the tiles that the mask did not leave out; return the place and the block."""
        classifier = self.classifier()
        n, reasons = len(wanted.numbers), tuple(str(reason) for reason in wanted.reasons)
        refusals = [Refusal(reason, SENTENCES[reason]) if reason else None for reason in reasons]
        low, unlike, distances = np.zeros(n, bool), np.zeros(n, bool), np.full(n, np.nan)
        probabilities = np.full((n, len(classifier.classes)), np.nan, np.float32)
        features = None
        read = read_tiles(self.slide(), self.grid, wanted.numbers[wanted.reasons == ""])
        row_of = {int(number): row for row, number in enumerate(wanted.numbers)}
        for number, why in read.refused.items():
            refusals[row_of[number]] = Refusal(DAMAGED, why)
        if len(read.numbers):
            rows = np.array([row_of[int(number)] for number in read.numbers], np.int64)
            answers = classifier.predict(read.pixels, features=self.features)
            probabilities[rows], distances[rows] = answers.probabilities, answers.distances
            low[rows], unlike[rows] = answers.is_low_confidence, answers.is_out_of_distribution
            for row, refusal in zip(rows, answers.refusals, strict=True):
                refusals[row] = refusal
            if answers.features is not None:
                features = np.full((n, answers.features.shape[1]), np.nan, np.float32)
                features[rows] = answers.features
        answered = Predictions.of(
            classifier.classes,
            probabilities,
            refusals=refusals,
            is_low_confidence=low,
            is_out_of_distribution=unlike,
            distances=distances,
        )
        return wanted.place, Block(wanted.numbers, wanted.fractions, reasons, answered, features)


def remote_reader(path: Path, mpp: float | None, classifier: Classifier, grid: TileGrid, features: bool) -> BlockReader:
    """Return a reader that opens slide and model itself, from storage that all workers share, and once a worker.

    Raises
    ------
    CannotUseCluster
        If the model was not loaded from a folder.
    """
    if classifier.folder is None:
        raise CannotUseCluster("a model in memory cannot be sent to workers; load it from a folder")
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
        raise CannotUseCluster(f"{path}: a worker does not see this slide as it is here; put it on shared storage")
    return open_slide(path, mpp, look=False)


@lru_cache(maxsize=1)
def _classifier_there(folder: Path, graph: str) -> Classifier:
    if not (folder / "card.json").is_file():
        raise CannotUseCluster(f"{folder}: a worker does not see this model; put it on shared storage")
    classifier = Classifier.load(folder)
    if classifier.card.files["model.tflite"] != graph:
        raise CannotUseCluster(f"{folder}: a worker finds another model here than this computer does")
    return classifier
