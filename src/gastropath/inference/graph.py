"""LiteRT graphs, run on all cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

import numpy as np
from ai_edge_litert.interpreter import Interpreter, SignatureRunner

from gastropath.errors import BadBundle
from gastropath.inference.nativelog import without_native_log
from gastropath.parallel import cores
from gastropath.results.card import Card

Outputs = Mapping[str, np.ndarray]
"""``logits`` (n, classes), ``features`` (n, f) and ``cam`` (n, h, w, classes), all ``float32``."""

TILES_IN_A_CALL = 2
"""Tiles that an interpreter is given together, at most: few, so that their maps stay in the cache."""


class Interpreters:
    """Runs a LiteRT graph of one signature, ``serving_default``, on tiles; may be shared by threads.

    Each core has an interpreter of its own with one thread: several tiles side by side keep the cores busier than one
    tile shared among them. What a tile is answered does not depend on its company, to the last bit. Interpreters are
    made when there is work for them.
    """

    def __init__(self, content: bytes, *, workers: int | None = None) -> None:
        """Keep the graph.

        Parameters
        ----------
        content
            Of a ``.tflite`` file.
        workers
            Interpreters at most; by default one a core.
        """
        self.workers = workers or cores()
        self._content = content
        self._made = 0
        self._making = threading.Lock()
        self._free: SimpleQueue[SignatureRunner] = SimpleQueue()

    def call(self, tiles: np.ndarray) -> Outputs:
        """Run a few tiles through one interpreter, as soon as one is free.

        Raises
        ------
        ValueError, RuntimeError
            If LiteRT cannot read or run the graph.
        """
        with self.borrowed() as runner:
            return runner(image=tiles)

    @contextmanager
    def borrowed(self) -> Iterator[SignatureRunner]:
        """Give an interpreter for the time of the block: a new one where all are busy and there may be more."""
        runner = self._new_if_all_are_busy() or self._free.get()
        try:
            yield runner
        finally:
            self._free.put(runner)

    def _new_if_all_are_busy(self) -> SignatureRunner | None:
        with self._making:
            if not self._free.empty() or self._made == self.workers:
                return None
            with without_native_log():
                interpreter = Interpreter(model_content=self._content, num_threads=1)
                runner = interpreter.get_signature_runner("serving_default")
                blank = {n: np.zeros(d["shape"], d["dtype"]) for n, d in runner.get_input_details().items()}
                runner(**blank)  # only a first answer makes it ready
            self._made += 1
            return runner


class Graph:
    """The graph of a bundle, which fits its card; may be shared by threads."""

    def __init__(self, card: Card, content: bytes, *, workers: int | None = None) -> None:
        """Build the first interpreter and check it against the card.

        Parameters
        ----------
        card
            What the graph must fit.
        content
            Of ``model.tflite``.
        workers
            Interpreters at most; by default one a core.

        Raises
        ------
        BadBundle
            If the graph cannot be read, or its input or outputs are not those of the card.
        """
        side = card.input.tile_px
        self.content = content
        self._shape = (side, side, 3)
        self._interpreters = Interpreters(content, workers=workers)
        self._pool: ThreadPoolExecutor | None = None
        self._starting = threading.Lock()
        try:
            with self._interpreters.borrowed() as runner:
                _check(card, runner.get_input_details(), runner.get_output_details())
                answer = runner(image=np.zeros((1, side, side, 3), np.uint8))
        except (ValueError, RuntimeError, KeyError) as error:
            raise BadBundle(f"{card.name}: the graph cannot be run: {error}") from None
        self.n_features: int = answer["features"].shape[1]
        self.map_shape: tuple[int, ...] = answer["cam"].shape[1:]
        if answer["logits"].shape != (1, len(card.classes)):
            raise BadBundle(
                f"{card.name}: the graph answers with shape {answer['logits'].shape}, "
                f"but the card lists {len(card.classes)} classes"
            )

    def run(self, tiles: np.ndarray) -> Outputs:
        """Run tiles of the graph's own size.

        Parameters
        ----------
        tiles
            ``uint8``, shape (n, tile_px, tile_px, 3), n at least 1.

        Returns
        -------
        mapping
            See :data:`Outputs`.

        Raises
        ------
        ValueError
            If they have another dtype or shape.
        """
        if tiles.dtype != np.uint8 or tiles.shape[1:] != self._shape:
            expected = ", ".join(map(str, self._shape))
            raise ValueError(f"expected uint8 tiles of shape (n, {expected}), found {tiles.dtype} {tiles.shape}")
        workers = self._interpreters.workers
        share = min(TILES_IN_A_CALL, -(-len(tiles) // workers))
        parts = [tiles[first : first + share] for first in range(0, len(tiles), share)]
        if len(parts) == 1:
            return self._interpreters.call(tiles)
        with self._starting:
            self._pool = self._pool or ThreadPoolExecutor(workers)
        answers = list(self._pool.map(self._interpreters.call, parts))
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _check(card: Card, inputs: Mapping[str, Mapping], outputs: Mapping[str, Mapping]) -> None:
    if set(inputs) != {"image"} or inputs["image"]["dtype"] != np.uint8:
        raise BadBundle(f"{card.name}: the graph takes {sorted(inputs)}; expected one uint8 input 'image'")
    side = tuple(inputs["image"]["shape"][1:])
    if side != (card.input.tile_px, card.input.tile_px, 3):
        raise BadBundle(f"{card.name}: the graph takes tiles of shape {side}; its card says {card.input.tile_px} px")
    if missing := {"logits", "features", "cam"} - set(outputs):
        raise BadBundle(f"{card.name}: the graph lacks the outputs {', '.join(sorted(missing))}")
