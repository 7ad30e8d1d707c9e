"""A loaded model: pictures in, predictions out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from gastropath.bundle.files import open_bundle, starter
from gastropath.errors import BadBundle
from gastropath.formulas import softmax
from gastropath.images import MAX_PIXELS
from gastropath.inference.field_of_view import Fitted, fitted, fitted_files
from gastropath.inference.graph import Graph, Outputs
from gastropath.inference.ood import DomainCheck
from gastropath.inference.views import VIEWS, dihedral
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.results.predictions import LOW_CONFIDENCE, UNLIKE, Predictions, joined

BATCH = 32
"""Tiles worked on together. Answers do not depend on it; memory does."""


@dataclass(frozen=True)
class Seen:
    """What a model saw in an image.

    Attributes
    ----------
    pixels
        The image in the model's size: ``uint8``, shape (tile_px, tile_px, 3).
    maps
        Activation map of each class: ``float32``, shape (h, w, classes).
    size_px
        Width and height of the image itself.
    """

    pixels: np.ndarray
    maps: np.ndarray
    size_px: tuple[int, int]


class Classifier:
    """A verified model, ready to answer; may be shared by threads.

    Attributes
    ----------
    card
        What the model is.
    domain
        What tells tiles that are unlike the training tiles.
    folder
        Of the bundle it was loaded from, if any.

    Examples
    --------
    >>> model = Classifier.load("run/model")  # doctest: +SKIP
    >>> model.predict(tiles).labels           # doctest: +SKIP
    """

    def __init__(
        self, card: Card, graph: bytes, *, domain: DomainCheck | None = None, threads: int | None = None
    ) -> None:
        """Build the model from a card and the bytes of the graph it describes.

        Parameters
        ----------
        card, graph, domain
            Content of a bundle; without ``domain`` no tile is called unlike the training tiles.
        threads
            Tiles worked on at a time; by default as many as there are cores.

        Raises
        ------
        BadBundle
            If the graph cannot be read, or its input or outputs are not those of the card.
        """
        self.card, self.domain = card, domain
        self.folder: Path | None = None
        self._graph = Graph(card, graph, workers=threads)
        if domain and self._graph.n_features != domain.references.shape[1]:
            raise BadBundle(
                f"{card.name}: the graph has {self._graph.n_features} features, "
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
            Tiles worked on at a time; by default as many as there are cores.

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
        loaded = cls(bundle.card, bundle.graph.read_bytes(), domain=domain, threads=threads)
        loaded.folder = bundle.folder
        return loaded

    @property
    def graph(self) -> bytes:
        """Content of the ``.tflite`` file."""
        return self._graph.content

    @property
    def classes(self) -> tuple[str, ...]:
        """Class codes in the order of the outputs."""
        return self.card.codes

    @property
    def tile_px(self) -> int:
        """Side in pixels of the tiles the graph takes."""
        return self.card.input.tile_px

    def outputs(self, tiles: np.ndarray) -> Outputs:
        """Run the graph on tiles of its own size.

        Parameters
        ----------
        tiles
            ``uint8``, shape (n, tile_px, tile_px, 3).

        Returns
        -------
        mapping
            See :data:`gastropath.inference.graph.Outputs`.
        """
        expected = (self.tile_px, self.tile_px, 3)
        if tiles.dtype != np.uint8 or tiles.shape[1:] != expected:
            raise ValueError(f"expected uint8 tiles of shape (n, {expected}), found {tiles.dtype} {tiles.shape}")
        return self._graph.run(tiles)

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
        chunks = _chunks((fitted(image, self.card.input, mpp) for image in images), BATCH)
        return joined([self._answer(chunk, views)[0] for chunk in chunks], self.classes)

    def answer(self, tiles: np.ndarray) -> tuple[Predictions, np.ndarray]:
        """Classify tiles of the graph's own size, and return their features too.

        Parameters
        ----------
        tiles
            ``uint8``, shape (n, tile_px, tile_px, 3), n at least 1.

        Returns
        -------
        predictions : Predictions
        features : numpy.ndarray
            ``float32``, shape (n, f).
        """
        answers, outputs = self._answer([Fitted(pixels) for pixels in tiles], views=1)
        assert outputs is not None, "tiles in memory are never refused"
        return answers, outputs["features"]

    def look(
        self,
        sources: Sequence[Path | bytes],
        *,
        mpp: float | Sequence[float | None] | None = None,
        max_pixels: int = MAX_PIXELS,
        decoders: int | None = None,
    ) -> tuple[Predictions, dict[int, Seen]]:
        """Classify a few image files (or their bytes), and keep what was seen.

        Parameters
        ----------
        sources, mpp, max_pixels
            See :meth:`predict_files`; all are in memory at once, in the model's size.
        decoders
            Files decoded at a time; by default one more than there are cores.

        Returns
        -------
        predictions : Predictions
            One answer a file.
        seen : dict
            What the model saw of each file that could be read, by the file's number.
        """
        tiles = list(fitted_files(sources, self.card.input, mpp, max_pixels=max_pixels, decoders=decoders))
        answers, outputs = self._answer(tiles, views=1)
        read = [(i, tile, tile.pixels) for i, tile in enumerate(tiles) if tile.pixels is not None]
        maps = outputs["cam"] if outputs else ()
        seen = zip(read, maps, strict=True)
        return answers, {i: Seen(pixels, of_tile, tile.size_px) for (i, tile, pixels), of_tile in seen}

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
        done: list[Predictions] = []
        count = 0
        tiles = fitted_files(sources, self.card.input, mpp, max_pixels=max_pixels)
        for chunk in _chunks(tiles, BATCH):
            done.append(self._answer(chunk, views)[0])
            count += len(chunk)
            progress("classifying", count, len(sources))
        return joined(done, self.classes)

    def _answer(self, tiles: Sequence[Fitted], views: int) -> tuple[Predictions, Outputs | None]:
        """Classify tiles (one without pixels is refused); also return the upright outputs of the others, if any."""
        if not 1 <= views <= VIEWS:
            raise ValueError(f"views is {views}; expected 1 to {VIEWS}")
        probabilities = np.full((len(tiles), len(self.classes)), np.nan, np.float32)
        doubts = [""] * len(tiles)
        away = np.full(len(tiles), np.nan)
        upright: Outputs | None = None
        good = [i for i, tile in enumerate(tiles) if tile.pixels is not None]
        if good:
            stack = np.stack([tiles[i].pixels for i in good])  # pyright: ignore[reportCallIssue, reportArgumentType]
            answers = [self.outputs(np.ascontiguousarray(dihedral(stack, view))) for view in range(views)]
            upright = answers[0]
            logits = np.mean([answer["logits"] for answer in answers], axis=0)
            probabilities[good] = softmax(logits / self.card.calibration.temperature)
            if self.domain:
                away[good] = np.mean([self.domain.distances(answer["features"]) for answer in answers], axis=0)
            for i, doubt in zip(good, self._doubts(probabilities[good], away[good]), strict=True):
                doubts[i] = doubt
        predictions = Predictions(
            self.classes,
            probabilities,
            tuple(tile.refusal for tile in tiles),
            tuple(doubts),
            np.array([tile.stretched for tile in tiles], bool),
            away,
        )
        return predictions, upright

    def _doubts(self, probabilities: np.ndarray, away: np.ndarray) -> list[str]:
        """Say why the model abstains on each tile; empty where it does not."""
        low = np.zeros(len(probabilities), bool)
        unlike = low
        if rule := self.card.abstention:
            low = probabilities.max(axis=1) < rule.threshold
        if self.domain:
            unlike = away > self.domain.threshold
        both = zip(unlike, low, strict=True)
        return [
            "; ".join(word for word, holds in zip((UNLIKE, LOW_CONFIDENCE), pair, strict=True) if holds)
            for pair in both
        ]


def _chunks(items: Iterator, size: int) -> Iterator[list]:
    while chunk := list(islice(items, size)):
        yield chunk
