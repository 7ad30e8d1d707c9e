"""A loaded model: pictures in, predictions out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from gastropath.bundle.card import Card
from gastropath.bundle.files import open_bundle
from gastropath.cluster import Progress, cores, each, silent
from gastropath.errors import BadBundle, CannotReadImage
from gastropath.images import MAX_PIXELS, load_tile, resize
from gastropath.inference.predictions import Predictions, joined
from gastropath.measures import softmax
from gastropath.nativelog import without_native_log

BATCH = 8
"""Tiles in one call of the graph. Answers do not depend on it; memory does."""


class Classifier:
    """A verified model, ready to answer; may be shared by threads.

    Examples
    --------
    >>> model = Classifier.load("run/model")  # doctest: +SKIP
    >>> model.predict(tiles).labels           # doctest: +SKIP
    """

    def __init__(self, card: Card, graph: bytes, *, threads: int | None = None) -> None:
        """Build the interpreter from a card and the bytes of the graph it describes.

        Raises
        ------
        BadBundle
            If the graph cannot be read, or its input or outputs are not those of the card.
        """
        self.card = card
        self._lock = threading.Lock()
        try:
            with without_native_log():
                self._interpreter = Interpreter(model_content=graph, num_threads=threads or cores())
                self._run = self._interpreter.get_signature_runner("serving_default")
                _check_graph(card, self._run.get_input_details(), self._run.get_output_details())
                blank = np.zeros((1, self.tile_px, self.tile_px, 3), np.uint8)
                answer = self._run(image=blank)
        except (ValueError, RuntimeError, KeyError) as error:
            raise BadBundle(f"{card.name}: the graph cannot be run: {error}") from None
        if answer["logits"].shape != (1, len(card.classes)):
            raise BadBundle(
                f"{card.name}: the graph answers with shape {answer['logits'].shape}, "
                f"but the card lists {len(card.classes)} classes"
            )

    @classmethod
    def load(cls, model: str | Path, *, threads: int | None = None) -> Classifier:
        """Open and verify a bundle, or the one in a run folder.

        Parameters
        ----------
        model
            Folder with a ``card.json``, or a run folder.
        threads
            Threads of the interpreter; by default all cores.

        Raises
        ------
        BadBundle
            See :func:`gastropath.bundle.files.open_bundle`.
        """
        bundle = open_bundle(Path(model))
        return cls(bundle.card, bundle.graph.read_bytes(), threads=threads)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class codes in the order of the outputs."""
        return self.card.codes

    @property
    def tile_px(self) -> int:
        """Side in pixels of the tiles the graph takes."""
        return self.card.input.tile_px

    def outputs(self, tiles: np.ndarray) -> Mapping[str, np.ndarray]:
        """Run the graph on tiles of its own size.

        Parameters
        ----------
        tiles
            ``uint8``, shape (n, tile_px, tile_px, 3).

        Returns
        -------
        mapping
            ``logits`` (n, classes), ``features`` (n, f) and ``cam`` (n, h, w, classes), all ``float32``.
        """
        expected = (self.tile_px, self.tile_px, 3)
        if tiles.dtype != np.uint8 or tiles.shape[1:] != expected:
            raise ValueError(f"expected uint8 tiles of shape (n, {expected}), found {tiles.dtype} {tiles.shape}")
        with self._lock:
            parts = [self._run(image=tiles[i : i + BATCH]) for i in range(0, len(tiles), BATCH)]
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def predict(self, images: np.ndarray | Sequence[np.ndarray]) -> Predictions:
        """Classify pictures in memory.

        Parameters
        ----------
        images
            One picture of shape (h, w, 3), a stack of shape (n, h, w, 3), or a sequence of pictures of any sizes;
            ``uint8`` RGB.

        Raises
        ------
        ValueError
            If an array has another dtype or shape.
        """
        if isinstance(images, np.ndarray) and images.ndim == 3:
            images = images[None]
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"expected uint8 RGB pictures of shape (h, w, 3), found {image.dtype} {image.shape}; "
                    "scale values to 0-255 and convert to uint8"
                )
        chunks = _chunks(iter(images), BATCH)
        return joined(
            [self._answer([resize(image, self.tile_px) for image in chunk]) for chunk in chunks], self.classes
        )

    def predict_files(
        self, sources: Sequence[Path | bytes], *, max_pixels: int = MAX_PIXELS, progress: Progress = silent
    ) -> Predictions:
        """Classify image files (or their bytes). One that cannot be read is refused; the others are answered.

        Decoding runs ahead of the graph on other threads, and only a few batches are in memory at a time.
        """

        def load(source: Path | bytes) -> np.ndarray | str:
            try:
                return load_tile(source, self.tile_px, max_pixels=max_pixels)
            except CannotReadImage as error:
                return str(error)

        done: list[Predictions] = []
        count = 0
        for chunk in _chunks(each(load, sources), BATCH):
            done.append(self._answer(chunk))
            count += len(chunk)
            progress("classifying", count, len(sources))
        return joined(done, self.classes)

    def _answer(self, tiles: Sequence[np.ndarray | str]) -> Predictions:
        """Classify decoded tiles; a string stands for an image that could not be decoded, and is the reason."""
        probabilities = np.full((len(tiles), len(self.classes)), np.nan, np.float32)
        good = [i for i, tile in enumerate(tiles) if not isinstance(tile, str)]
        if good:
            logits = self.outputs(np.stack([tiles[i] for i in good]))["logits"]  # pyright: ignore[reportArgumentType]
            probabilities[good] = softmax(logits / self.card.calibration.temperature)
        return Predictions(self.classes, probabilities, tuple(t if isinstance(t, str) else "" for t in tiles))


def _chunks(items: Iterator, size: int) -> Iterator[list]:
    while chunk := list(islice(items, size)):
        yield chunk


def _check_graph(card: Card, inputs: Mapping[str, Mapping], outputs: Mapping[str, Mapping]) -> None:
    if set(inputs) != {"image"} or inputs["image"]["dtype"] != np.uint8:
        raise BadBundle(f"{card.name}: the graph takes {sorted(inputs)}; expected one uint8 input 'image'")
    side = tuple(inputs["image"]["shape"][1:])
    if side != (card.input.tile_px, card.input.tile_px, 3):
        raise BadBundle(f"{card.name}: the graph takes tiles of shape {side}; its card says {card.input.tile_px} px")
    if missing := {"logits", "features", "cam"} - set(outputs):
        raise BadBundle(f"{card.name}: the graph lacks the outputs {', '.join(sorted(missing))}")
