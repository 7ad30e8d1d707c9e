"""Neighbouring tiles, read and classified together: kept as they come, and given on in the order of the grid."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.outputs import write_bytes
from gastropath.parallel import HERE, Pool
from gastropath.progress import Progress, silent
from gastropath.results.prediction import Refusal
from gastropath.results.predictions import Predictions
from gastropath.slides.blocks import Selection
from gastropath.slides.task import TiledSlide


@dataclass(frozen=True)
class Block:
    """Predictions for neighbouring tiles.

    Attributes
    ----------
    numbers
        Of the tiles in the grid: ``int64``, shape (n,). Tiles that the mask left out are not among them.
    fractions
        Share of each that is tissue: ``float64``, shape (n,).
    left_out
        How many tiles of the block the mask left out, by reason.
    predictions
        One for each tile; those that could not be read are refused. With features where these are kept.
    """

    numbers: np.ndarray
    fractions: np.ndarray
    left_out: Mapping[str, int]
    predictions: Predictions


class BlockStore:
    """Blocks in a folder, so that a call that was interrupted need not classify them again."""

    def __init__(self, folder: Path, classes: tuple[str, ...]) -> None:
        """Look into a folder.

        Parameters
        ----------
        folder
            Is there.
        classes
            Of the model.
        """
        self._folder, self._classes = folder, classes
        self._kept = {file.name for file in folder.glob("*.npz")}

    def __contains__(self, selection: Selection) -> bool:
        """Tell whether there are predictions of an earlier call for just these tiles."""
        return self._name(selection) in self._kept

    def write(self, selection: Selection, predictions: Predictions) -> None:
        """Keep the predictions of a block, complete or not at all."""
        refused = [(row, *refusal) for row, refusal in enumerate(predictions.refusals) if refusal]
        arrays = {
            "probabilities": predictions.probabilities,
            "distances": predictions.distances,
            "is_low_confidence": predictions.is_low_confidence,
            "is_out_of_distribution": predictions.is_out_of_distribution,
            "refused": np.array(refused, np.str_).reshape(-1, 3),
        }
        if predictions.features is not None:
            arrays["features"] = predictions.features
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]  # none of the names is an option of savez
        write_bytes(self._folder / self._name(selection), buffer.getvalue())

    def read(self, selection: Selection) -> Predictions:
        """Return what :meth:`write` kept."""
        with np.load(self._folder / self._name(selection), allow_pickle=False) as stored:
            refusals: list[Refusal | None] = [None] * len(stored["distances"])
            for row, code, sentence in stored["refused"].tolist():
                refusals[int(row)] = Refusal(code, sentence)
            return Predictions.of(
                self._classes,
                stored["probabilities"],
                refusals=refusals,
                is_low_confidence=stored["is_low_confidence"],
                is_out_of_distribution=stored["is_out_of_distribution"],
                distances=stored["distances"],
                features=stored.get("features"),
            )

    @staticmethod
    def _name(selection: Selection) -> str:
        """Name the file after the block and its tiles: another version may have made other blocks of the grid."""
        return f"{selection.place:06}-{zlib.crc32(selection.numbers.tobytes()):08x}.npz"


def map_blocks(
    tiled: TiledSlide,
    classify: Callable[[Selection], Predictions],
    pool: Pool = HERE,
    *,
    classes: tuple[str, ...],
    store: BlockStore | None = None,
    progress: Progress = silent,
) -> Iterator[Block]:
    """Classify a slide, and yield its blocks in the order of the grid; only a few are in memory.

    Parameters
    ----------
    tiled
        The slide.
    classify
        Reads and classifies the tiles of a block; see :class:`gastropath.slides.block_reader.BlockReader`.
    pool
        Where that is done; the result does not depend on it.
    classes
        Codes of the model's classes.
    store
        Where blocks are kept; those that are there already are not classified again.
    progress
        Called as blocks are done.

    Raises
    ------
    CannotUseCluster
        If the workers cannot do it.
    """
    selections = list(tiled.blocks())

    def is_kept(selection: Selection) -> bool:
        return store is not None and selection in store

    waiting = (selection for selection in selections if len(selection.numbers) and not is_kept(selection))
    classified = pool.each(classify, waiting)
    for done, selection in enumerate(selections, start=1):
        if not len(selection.numbers):
            predictions = Predictions.none(classes)
        elif store and selection in store:
            predictions = store.read(selection)
        else:
            predictions = next(classified)
            if store:
                store.write(selection, predictions)
        yield Block(selection.numbers, selection.fractions, selection.left_out, predictions)
        progress("classifying", done, len(selections))
