"""A loaded model: pictures in, predictions out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, repeat
from pathlib import Path

import numpy as np

from gastropath.bundle.files import open_bundle, starter
from gastropath.bundle.hub import model_folder
from gastropath.decoding import MAX_PIXELS
from gastropath.errors import BadBundle
from gastropath.formulas import softmax
from gastropath.inference.field_of_view import Reader, Tile, check_mpp, read_tiles
from gastropath.inference.graph import Graph, Outputs
from gastropath.inference.ood import OodCheck
from gastropath.inference.sources import Images, count, sources
from gastropath.inference.views import VIEWS, dihedral
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.results.prediction import NOT_FINITE, Refusal
from gastropath.results.predictions import Predictions

BATCH = 32
"""Tiles worked on together. Answers do not depend on it; memory does."""

_STACKED = 256
"""Tiles worked on together that lie in memory already."""

_NOT_A_NUMBER = Refusal(NOT_FINITE, "has no answer: what the model computes for it is not a finite number")


class Classifier:
    """A verified model, ready to answer; may be shared by threads, and pickled (it then reopens its folder).

    Attributes
    ----------
    card
        What the model is.
    graph
        The network itself: ``graph.run`` gives logits, features and maps of tiles of its own size.
    ood
        What finds tiles that are unlike the training tiles; ``None`` where the model does not know them.
    folder
        Of the bundle it was loaded from; ``None`` for one in memory.

    Examples
    --------
    >>> import gastropath
    >>> model = gastropath.load()
    >>> model
    <Classifier 'GastroPath starter': 8 classes, tiles of 224 px at 0.5 µm/px, float16>
    >>> model.predict(np.full((224, 224, 3), 240, np.uint8))
    <1 prediction over 8 classes: 1 abstained>
    """

    def __init__(self, card: Card, graph: bytes, *, ood: OodCheck | None = None, threads: int | None = None) -> None:
        """Build the model from a card and the bytes of the graph it describes.

        Parameters
        ----------
        card, graph, ood
            Content of a bundle; without ``ood`` no tile is called unlike the training tiles.
        threads
            Tiles worked on at a time; by default as many as there are cores.

        Raises
        ------
        BadBundle
            If the graph cannot be read, or its input or outputs are not those of the card.
        """
        self.card, self.ood, self.threads = card, ood, threads
        self.folder: Path | None = None
        self.graph = Graph(card, graph, workers=threads)
        if ood and self.graph.n_features != ood.features.shape[1]:
            raise BadBundle(
                f"{card.name}: the graph has {self.graph.n_features} features, "
                f"but the reference features have {ood.features.shape[1]}"
            )

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> Classifier:
        """Open and verify a bundle, or the one in a run folder.

        Parameters
        ----------
        model
            Folder with a ``card.json``, a run folder, or ``hf://OWNER/NAME[@REVISION]``; by default the starter model.
        threads
            Tiles worked on at a time; by default as many as there are cores.

        Raises
        ------
        BadBundle
            See ``gastropath.bundle.files.open_bundle``.
        UnknownSetting, MissingExtra, CannotDownload
            For a model of the Hub: see ``gastropath.bundle.hub.fetch``.
        """
        bundle = open_bundle(starter() if model is None else model_folder(model))
        rule, check = bundle.card.domain, None
        if rule:
            references = bundle.references
            check = OodCheck.from_bytes(references.read_bytes(), rule.neighbours, rule.threshold, references)
        loaded = cls(bundle.card, bundle.graph.read_bytes(), ood=check, threads=threads)
        loaded.folder = bundle.folder
        return loaded

    @property
    def classes(self) -> tuple[str, ...]:
        """Class codes in the order of the outputs."""
        return self.card.codes

    @property
    def tile_px(self) -> int:
        """Side in pixels of the tiles the graph takes."""
        return self.card.input.tile_px

    def predict(
        self,
        images: Images,
        *,
        mpp: float | Sequence[float | None] | None = None,
        shown: Sequence[str] = (),
        views: int = 1,
        features: bool = False,
        maps: bool = False,
        tiles: bool = False,
        max_pixels: int = MAX_PIXELS,
        workers: int | None = None,
        reader: Reader | None = None,
        progress: Progress = silent,
    ) -> Predictions:
        """Classify images. One that cannot be read is refused; the others are answered.

        Decoding runs ahead of the graph on other threads, and only a few batches are in memory at a time, so a
        generator may yield any number of images.

        Parameters
        ----------
        images
            A path, a folder, a PIL image, a ``uint8`` array (h, w, 3), grey (h, w) or with opacity (h, w, 4), the
            content of a file, a stack (n, h, w, 3), a tensor of these shapes, or any iterable of all these.
        mpp
            Micrometres per pixel of all images, or of each. Where they are not known, an image is taken for one field
            of view of the model, whatever its size.
        shown
            What each image must be, as ``gastropath.images.pixel_sha256`` of it when it was first read; another one
            under its name is refused. An empty text is not compared.
        views
            Flips and quarter turns of each image over which the answer is averaged, 1 to 8; takes as many times as
            long.
        features, maps, tiles
            Whether to keep the features, activation maps and pixels (in the model's size) of each image.
        max_pixels
            Images with more pixels are refused.
        workers
            Images decoded at a time; by default one more than there are cores.
        reader
            What reads an image, e.g. ``gastropath.inference.bounded.read_bounded`` for files from strangers; by
            default ``gastropath.inference.field_of_view.read_tile``.
        progress
            Called as images are answered.

        Raises
        ------
        TypeError
            If there is something that is no image, or images come with labels.
        ValueError
            If an array has another dtype or shape, or ``mpp`` or ``views`` is out of range.
        NoTilesFound
            If a folder holds no file.
        """
        if not 1 <= views <= VIEWS:
            raise ValueError(f"views is {views}; expected 1 to {VIEWS}")
        keep = (features, maps, tiles)
        done: list[Predictions] = []
        total, answered = count(images), 0
        for chunk in self._chunks(images, mpp, shown, max_pixels, workers, reader):
            done.append(self._answered(chunk, views, *keep))
            answered += len(chunk)
            progress("classifying", answered, max(total or 0, answered))
        return Predictions.joined(done, self.classes)

    def __repr__(self) -> str:
        model = self.card.input
        return (
            f"<Classifier {self.card.name!r}: {len(self.classes)} classes, tiles of {model.tile_px} px at "
            f"{model.mpp:g} µm/px, {self.card.precision}>"
        )

    def __reduce__(self) -> tuple[Callable[[], Classifier], tuple[()]]:
        if self.folder is None:
            return partial(Classifier, self.card, self.graph.content, ood=self.ood, threads=self.threads), ()
        return partial(_reopened, self.folder.resolve(), self.card.files["model.tflite"], self.threads), ()

    def _chunks(
        self,
        images: Images,
        mpp: float | Sequence[float | None] | None,
        shown: Sequence[str],
        max_pixels: int,
        workers: int | None,
        reader: Reader | None,
    ) -> Iterator[Sequence[Tile]]:
        """Yield tiles of the model's size, some at a time."""
        side = self.tile_px
        stack = images if isinstance(images, np.ndarray) and images.dtype == np.uint8 and mpp is None else None
        if stack is not None and stack.shape[1:] == (side, side, 3):  # nothing to decode or to resample
            for first in range(0, len(stack), _STACKED):
                yield [Tile(pixels, size_px=(side, side)) for pixels in stack[first : first + _STACKED]]
            return
        if mpp is None or isinstance(mpp, int | float):
            check_mpp(mpp)
            each_with_mpp = zip(sources(images), repeat(mpp))
        else:
            each_with_mpp = zip(sources(images), mpp, strict=True)
        each_shown = zip(each_with_mpp, shown or repeat(""), strict=False)
        pictures = ((source, own, hashed) for (source, own), hashed in each_shown)
        tiles = read_tiles(pictures, self.card.input, max_pixels=max_pixels, workers=workers, reader=reader)
        while chunk := list(islice(tiles, BATCH)):
            yield chunk

    def _answered(self, tiles: Sequence[Tile], views: int, features: bool, maps: bool, pixels: bool) -> Predictions:
        """Classify tiles of the model's size; one without pixels, or without a finite answer, is refused."""
        n = len(tiles)
        refusals = [tile.refusal for tile in tiles]
        probabilities, distances = np.full((n, len(self.classes)), np.nan, np.float32), np.full(n, np.nan)
        kept_features = np.full((n, self.graph.n_features), np.nan, np.float32) if features else None
        kept_maps = np.full((n, *self.graph.map_shape), np.nan, np.float32) if maps else None
        kept_tiles = np.full((n, self.tile_px, self.tile_px, 3), 255, np.uint8) if pixels else None
        rows = np.array([i for i, tile in enumerate(tiles) if tile.pixels is not None], np.int64)
        if len(rows):
            stack = np.stack([tiles[i].pixels for i in rows])  # pyright: ignore[reportArgumentType, reportCallIssue]
            answers = [self.graph.run(np.ascontiguousarray(dihedral(stack, view))) for view in range(views)]
            logits = np.mean([answer["logits"] for answer in answers], axis=0)
            found = self._distances(answers)
            with np.errstate(all="ignore"):  # what is not finite is refused
                shares = softmax(logits / self.card.calibration.temperature)
            finite = np.isfinite(shares).all(axis=1) & (np.isfinite(found) | (self.ood is None))
            for row in rows[~finite]:
                refusals[row] = _NOT_A_NUMBER
            probabilities[rows[finite]] = shares[finite]
            distances[rows[finite]] = found[finite]
            for kept, found in (
                (kept_features, answers[0]["features"]), (kept_maps, answers[0]["cam"]), (kept_tiles, stack)
            ):  # fmt: skip
                if kept is not None:
                    kept[rows] = found
        rule = self.card.abstention
        with np.errstate(invalid="ignore"):  # refused images have no numbers to compare
            low = probabilities.max(axis=1) < rule.answers_from if rule else np.zeros(n, bool)
            unlike = distances > self.ood.threshold if self.ood else np.zeros(n, bool)
        return Predictions(
            self.classes,
            probabilities,
            tuple(refusals),
            low,
            unlike,
            distances,
            tuple(tile.source for tile in tiles),
            np.array([tile.size_px for tile in tiles], np.int64).reshape(n, 2),
            np.array([tile.is_field_of_view_assumed for tile in tiles], bool),
            kept_features,
            kept_maps,
            kept_tiles,
        )

    def _distances(self, answers: Sequence[Outputs]) -> np.ndarray:
        """Return the distance of each tile to the training tiles, averaged over views; NaN without references."""
        if self.ood is None:
            return np.full(len(answers[0]["logits"]), np.nan)
        return np.mean([self.ood.distances(answer["features"]) for answer in answers], axis=0)


def _reopened(folder: Path, graph: str, threads: int | None) -> Classifier:
    """Load in another process what was loaded from a folder in this one."""
    classifier = Classifier.load(folder, threads=threads)
    if classifier.card.files["model.tflite"] != graph:
        raise BadBundle("holds another model than it did when it was loaded first", where=folder)
    return classifier
