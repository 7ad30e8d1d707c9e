"""A loaded model: pictures in, predictions out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from gastropath.bundle.card import Card
from gastropath.bundle.files import open_bundle, starter
from gastropath.cluster import Progress, cores, each, silent
from gastropath.errors import BadBundle, CannotReadImage
from gastropath.images import MAX_PIXELS, decode, fit
from gastropath.inference.domain import DomainCheck
from gastropath.inference.predictions import LOW_CONFIDENCE, UNLIKE, Predictions, joined
from gastropath.inference.views import VIEWS, dihedral
from gastropath.measures import softmax
from gastropath.nativelog import without_native_log

BATCH = 8
"""Tiles in one call of the graph. Answers do not depend on it; memory does."""


@dataclass(frozen=True)
class _Tile:
    """A picture of the model's size, or why there is none; whether its field of view was guessed."""

    pixels: np.ndarray | None
    refusal: str = ""
    stretched: bool = False


class Classifier:
    """A verified model, ready to answer; may be shared by threads.

    Examples
    --------
    >>> model = Classifier.load("run/model")  # doctest: +SKIP
    >>> model.predict(tiles).labels           # doctest: +SKIP
    """

    def __init__(
        self, card: Card, graph: bytes, *, domain: DomainCheck | None = None, threads: int | None = None
    ) -> None:
        """Build the interpreter from a card and the bytes of the graph it describes.

        Parameters
        ----------
        card, graph, domain
            Content of a bundle; without ``domain`` no tile is called unlike the training tiles.
        threads
            Threads of the interpreter; by default all cores.

        Raises
        ------
        BadBundle
            If the graph cannot be read, or its input or outputs are not those of the card.
        """
        self.card, self.domain = card, domain
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
        if domain and answer["features"].shape[1] != domain.references.shape[1]:
            raise BadBundle(
                f"{card.name}: the graph has {answer['features'].shape[1]} features, "
                f"but the reference features have {domain.references.shape[1]}"
            )

    @classmethod
    def load(cls, model: str | Path | None = None, *, threads: int | None = None) -> Classifier:
        """Open and verify a bundle, or the one in a run folder.

        Parameters
        ----------
        model
            Folder with a ``card.json``, or a run folder; by default the starter model.
        threads
            Threads of the interpreter; by default all cores.

        Raises
        ------
        BadBundle
            See :func:`gastropath.bundle.files.open_bundle`.
        """
        bundle = open_bundle(starter() if model is None else Path(model))
        rule = bundle.card.domain
        domain = (
            DomainCheck.from_bytes(bundle.domain.read_bytes(), rule.neighbours, rule.threshold, str(bundle.domain))
            if rule
            else None
        )
        return cls(bundle.card, bundle.graph.read_bytes(), domain=domain, threads=threads)

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

    def predict(
        self, images: np.ndarray | Sequence[np.ndarray], *, mpp: float | None = None, views: int = 1
    ) -> Predictions:
        """Classify pictures in memory.

        Parameters
        ----------
        images
            One picture of shape (h, w, 3), a stack of shape (n, h, w, 3), or a sequence of pictures of any sizes;
            ``uint8`` RGB.
        mpp
            Micrometres per pixel of the pictures. Where it is not known, each is taken for one field of view of the
            model, whatever its size.
        views
            Flips and quarter turns of each picture over which the answer is averaged, 1 to 8; takes as many times as
            long.

        Raises
        ------
        ValueError
            If an array has another dtype or shape, or ``views`` is out of range.
        """
        if isinstance(images, np.ndarray) and images.ndim == 3:
            images = images[None]
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"expected uint8 RGB pictures of shape (h, w, 3), found {image.dtype} {image.shape}; "
                    "scale values to 0-255 and convert to uint8"
                )
        zoom = self._zoom(mpp)
        chunks = _chunks((self._fitted(image, zoom) for image in images), BATCH)
        return joined([self._answer(chunk, views) for chunk in chunks], self.classes)

    def predict_files(
        self,
        sources: Sequence[Path | bytes],
        *,
        mpp: float | Sequence[float | None] | None = None,
        views: int = 1,
        max_pixels: int = MAX_PIXELS,
        progress: Progress = silent,
    ) -> Predictions:
        """Classify image files (or their bytes). One that cannot be read is refused; the others are answered.

        Decoding runs ahead of the graph on other threads, and only a few batches are in memory at a time.

        Parameters
        ----------
        sources
            Files, or their content.
        mpp
            Micrometres per pixel of all files, or of each; see :meth:`predict`.
        views
            See :meth:`predict`.
        max_pixels
            Images with more pixels are refused.
        """
        every = [mpp] * len(sources) if mpp is None or isinstance(mpp, int | float) else mpp

        def load(item: tuple[Path | bytes, float | None]) -> _Tile:
            try:
                return self._fitted(decode(item[0], max_pixels=max_pixels), self._zoom(item[1]))
            except CannotReadImage as error:
                return _Tile(None, str(error))

        done: list[Predictions] = []
        count = 0
        for chunk in _chunks(each(load, zip(sources, every, strict=True)), BATCH):
            done.append(self._answer(chunk, views))
            count += len(chunk)
            progress("classifying", count, len(sources))
        return joined(done, self.classes)

    def _zoom(self, mpp: float | None) -> float | None:
        if mpp is None:
            return None
        if not 0.01 <= mpp <= 100:
            raise ValueError(f"mpp is {mpp}; expected micrometres per pixel between 0.01 and 100")
        return mpp / self.card.input.mpp

    def _fitted(self, pixels: np.ndarray, zoom: float | None) -> _Tile:
        guessed = zoom is None and pixels.shape[:2] != (self.tile_px, self.tile_px)
        return _Tile(fit(pixels, self.tile_px, zoom), stretched=guessed)

    def _answer(self, tiles: Sequence[_Tile], views: int) -> Predictions:
        """Classify tiles; one without pixels is refused."""
        if not 1 <= views <= VIEWS:
            raise ValueError(f"views is {views}; expected 1 to {VIEWS}")
        probabilities = np.full((len(tiles), len(self.classes)), np.nan, np.float32)
        doubts = [""] * len(tiles)
        good = [i for i, tile in enumerate(tiles) if tile.pixels is not None]
        if good:
            stack = np.stack([tiles[i].pixels for i in good])  # pyright: ignore[reportCallIssue, reportArgumentType]
            answers = [self.outputs(np.ascontiguousarray(dihedral(stack, view))) for view in range(views)]
            logits = np.mean([answer["logits"] for answer in answers], axis=0)
            probabilities[good] = softmax(logits / self.card.calibration.temperature)
            for i, doubt in zip(good, self._doubts(probabilities[good], answers), strict=True):
                doubts[i] = doubt
        return Predictions(
            self.classes,
            probabilities,
            tuple(tile.refusal for tile in tiles),
            tuple(doubts),
            np.array([tile.stretched for tile in tiles], bool),
        )

    def _doubts(self, probabilities: np.ndarray, answers: Sequence[Mapping[str, np.ndarray]]) -> list[str]:
        """Say why the model abstains on each tile; empty where it does not."""
        low = np.zeros(len(probabilities), bool)
        unlike = low
        if rule := self.card.abstention:
            low = probabilities.max(axis=1) < rule.threshold
        if self.domain:
            away = np.mean([self.domain.distances(answer["features"]) for answer in answers], axis=0)
            unlike = away > self.domain.threshold
        both = zip(unlike, low, strict=True)
        return [
            "; ".join(word for word, holds in zip((UNLIKE, LOW_CONFIDENCE), pair, strict=True) if holds)
            for pair in both
        ]


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
