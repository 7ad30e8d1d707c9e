"""A LiteRT graph that fits its card, run on all cores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from gastropath.bundle.card import Card
from gastropath.cluster import cores
from gastropath.errors import BadBundle
from gastropath.nativelog import without_native_log

Outputs = Mapping[str, np.ndarray]
"""``logits`` (n, classes), ``features`` (n, f) and ``cam`` (n, h, w, classes), all ``float32``."""

TILES_IN_A_CALL = 2
"""Tiles that an interpreter is given together, at most: few, so that their maps stay in the cache."""

_Run = Callable[..., dict[str, np.ndarray]]


class Graph:
    """Runs tiles through a graph; may be shared by threads.

    Each core has an interpreter of its own with one thread: several tiles side by side keep the cores busier than one
    tile shared among them. What a tile is answered does not depend on its company, to the last bit.
    """

    def __init__(self, card: Card, content: bytes, *, workers: int | None = None) -> None:
        """Build the first interpreter and check it against the card; others follow when there is work for them.

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
        self._card, self._content = card, content
        self._workers = workers or cores()
        self._made = 0
        self._making = threading.Lock()
        self._free: SimpleQueue[_Run] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        try:
            run, answer = self._interpreter()
        except (ValueError, RuntimeError, KeyError) as error:
            raise BadBundle(f"{card.name}: the graph cannot be run: {error}") from None
        self._free.put(run)
        self.n_features = answer["features"].shape[1]
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
        """
        share = min(TILES_IN_A_CALL, -(-len(tiles) // self._workers))
        parts = [tiles[first : first + share] for first in range(0, len(tiles), share)]
        if len(parts) == 1:
            return self._call(tiles)
        with self._making:
            self._pool = self._pool or ThreadPoolExecutor(self._workers)
        answers = list(self._pool.map(self._call, parts))
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def _call(self, tiles: np.ndarray) -> Outputs:
        run = self._take()
        try:
            return run(image=tiles)
        finally:
            self._free.put(run)

    def _take(self) -> _Run:
        """Return a free interpreter: a new one where all are busy and there may be more, else the next that is free."""
        with self._making:
            if self._free.empty() and self._made < self._workers:
                return self._interpreter()[0]
        return self._free.get()

    def _interpreter(self) -> tuple[_Run, Outputs]:
        """Make an interpreter that fits the card, and let it answer for a blank tile: only then is it ready."""
        with without_native_log():
            interpreter = Interpreter(model_content=self._content, num_threads=1)
            run = interpreter.get_signature_runner("serving_default")
            _check(self._card, run.get_input_details(), run.get_output_details())
            side = self._card.input.tile_px
            answer = run(image=np.zeros((1, side, side, 3), np.uint8))
        self._made += 1
        return run, answer


def _check(card: Card, inputs: Mapping[str, Mapping], outputs: Mapping[str, Mapping]) -> None:
    if set(inputs) != {"image"} or inputs["image"]["dtype"] != np.uint8:
        raise BadBundle(f"{card.name}: the graph takes {sorted(inputs)}; expected one uint8 input 'image'")
    side = tuple(inputs["image"]["shape"][1:])
    if side != (card.input.tile_px, card.input.tile_px, 3):
        raise BadBundle(f"{card.name}: the graph takes tiles of shape {side}; its card says {card.input.tile_px} px")
    if missing := {"logits", "features", "cam"} - set(outputs):
        raise BadBundle(f"{card.name}: the graph lacks the outputs {', '.join(sorted(missing))}")
