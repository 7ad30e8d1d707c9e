"""Features of tiles from a frozen network: computed once on all cores, and kept on disk by what went in."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from gastropath.cluster import Progress, cores, each, silent
from gastropath.inference.graph import TILES_IN_A_CALL, Interpreters
from gastropath.inference.views import dihedral
from gastropath.outputs import replacing
from gastropath.training.pipeline import TileSource

_TILES_AT_ONCE = 8
_ROWS_IN_A_FILE = 1024


@dataclass(frozen=True)
class FrozenNetwork:
    """A network that turns tiles into features, as a LiteRT graph that is made when first needed.

    Attributes
    ----------
    name
        Everything its answers depend on (weights, layers), as a short text; part of where they are kept.
    width
        Number of features.
    tile_px
        Side of the tiles it takes.
    graph
        Makes the graph: one signature ``serving_default`` from ``image`` to ``features``.
    """

    name: str
    width: int
    tile_px: int
    graph: Callable[[], bytes]


class FeatureCache:
    """Features on disk, found by the SHA-256 of exactly the pixels that went into the network.

    So a tile that moves, is renamed or stands in two data sets is never computed twice, and every augmentation has
    features of its own without being named. Files appear complete or not at all; several processes may share a folder.
    """

    def __init__(self, folder: Path, network: FrozenNetwork) -> None:
        digest = hashlib.sha256(network.name.encode()).hexdigest()[:16]
        self.folder = folder / "features" / digest
        self._row = np.dtype([("key", "V32"), ("features", "<f4", (network.width,))])
        self._tables: list[np.ndarray] = []
        self._place: dict[bytes, tuple[int, int]] = {}
        self._new: list[tuple[bytes, np.ndarray]] = []
        for file in sorted(self.folder.glob("*.npy")):
            try:
                table = np.load(file, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError):
                continue  # damaged: its tiles are computed again
            if table.dtype == self._row:
                self._hold(table)

    def __contains__(self, key: bytes) -> bool:
        return key in self._place

    def get(self, key: bytes) -> np.ndarray:
        """Return the features of known pixels: ``float32``, shape (f,)."""
        table, row = self._place[key]
        return self._tables[table][row]["features"]

    def add(self, key: bytes, features: np.ndarray) -> None:
        """Keep features; every thousand or so are written to disk."""
        self._new.append((key, features))
        if len(self._new) >= _ROWS_IN_A_FILE:
            self.write()

    def write(self) -> None:
        """Write what is not yet on disk."""
        if not self._new:
            return
        table = np.zeros(len(self._new), self._row)
        table["key"] = [np.void(key) for key, _ in self._new]
        table["features"] = [features for _, features in self._new]
        name = hashlib.sha256(table["key"].tobytes()).hexdigest()[:24]
        with replacing(self.folder / f"{name}.npy") as partial_file:
            np.save(partial_file, table, allow_pickle=False)
        self._hold(table)
        self._new.clear()

    def _hold(self, table: np.ndarray) -> None:
        keys = table["key"].tobytes()
        for row in range(len(table)):
            self._place[keys[32 * row : 32 * row + 32]] = (len(self._tables), row)
        self._tables.append(table)


def extract(
    tiles: Sequence[TileSource],
    network: FrozenNetwork,
    cache: Path,
    *,
    views: int = 1,
    progress: Progress = silent,
    what: str = "features",
) -> np.ndarray:
    """Compute the features of tiles, or take them from the cache.

    Each core has its own single-threaded interpreter and also decodes its tiles, so all are busy throughout. What is
    computed goes to disk as it comes: an interrupted call goes on where it was.

    Parameters
    ----------
    tiles
        What to compute them of.
    network
        What computes the features.
    cache
        Folder of the cache.
    views
        Flips and quarter turns of each tile (see :func:`gastropath.inference.views.dihedral`), 1 to 8.
    what
        Name of the work, for the progress.

    Returns
    -------
    numpy.ndarray
        ``float32``, shape (n, views, f).
    """
    kept = FeatureCache(cache, network)
    found = np.empty((len(tiles), views, network.width), np.float32)
    worker = _Worker(network, views, kept)
    done = 0
    try:
        for keys, features, is_new in each(worker, _chunks(tiles), workers=cores()):
            n = len(keys) // views
            found[done : done + n] = features.reshape(n, views, -1)
            for row in np.flatnonzero(is_new):
                kept.add(keys[row], features[row])
            done += n
            progress(what, done, len(tiles))
    finally:
        kept.write()
    return found


class _Worker:
    """Turns a chunk of tiles into (keys, features, which are new); called from several threads."""

    def __init__(self, network: FrozenNetwork, views: int, kept: FeatureCache) -> None:
        self.network, self.views, self.kept = network, views, kept
        self._making = threading.Lock()
        self._interpreters: Interpreters | None = None

    def __call__(self, sources: list[TileSource]) -> tuple[list[bytes], np.ndarray, np.ndarray]:
        tiles = np.stack([source.load(self.network.tile_px) for source in sources])
        viewed = np.stack([dihedral(tiles, view) for view in range(self.views)], axis=1)
        viewed = viewed.reshape(-1, *tiles.shape[1:])
        keys = [hashlib.sha256(pixels.tobytes()).digest() for pixels in viewed]
        is_new = np.array([key not in self.kept for key in keys], bool)
        features = np.empty((len(keys), self.network.width), np.float32)
        for row in np.flatnonzero(~is_new):
            features[row] = self.kept.get(keys[row])
        new = np.flatnonzero(is_new)
        for first in range(0, len(new), TILES_IN_A_CALL):
            rows = new[first : first + TILES_IN_A_CALL]
            features[rows] = self._ready().call(viewed[rows])["features"]
        return keys, features, is_new

    def _ready(self) -> Interpreters:
        with self._making:  # the graph is made once, and only if anything is to be computed
            if self._interpreters is None:
                self._interpreters = Interpreters(self.network.graph())
            return self._interpreters


def _chunks(tiles: Sequence[TileSource]) -> Iterator[list[TileSource]]:
    waiting = iter(tiles)
    while chunk := list(islice(waiting, _TILES_AT_ONCE)):
        yield chunk
