"""Features of tiles from a frozen network: computed once, here or on a cluster, and kept on disk by what went in."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import numpy as np

from gastropath.errors import CannotUseCluster
from gastropath.inference.graph import TILES_IN_A_CALL, Interpreters
from gastropath.inference.views import dihedral
from gastropath.outputs import replacing, write_bytes
from gastropath.parallel import HERE, Pool, cores
from gastropath.progress import Progress, silent
from gastropath.training.tile_source import TileSource

_TILES_AT_ONCE, _TILES_AT_ONCE_REMOTE = 8, 32
_ROWS_IN_A_FILE = 1024
_GRAPH = "graph.tflite"


@dataclass(frozen=True)
class FeatureStore:
    """Where features are kept, and where they are computed.

    Attributes
    ----------
    folder
        Of the cache; for a cluster on storage that its workers share.
    pool
        This computer or a cluster; what is computed does not depend on it.
    """

    folder: Path
    pool: Pool = HERE

    def of(self, network: FrozenNetwork) -> Path:
        """Return the sub-folder for the features of a network."""
        return self.folder / "features" / hashlib.sha256(network.name.encode()).hexdigest()[:16]


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

    def __init__(self, folder: Path, width: int) -> None:
        """Open the folder of a network (see :meth:`FeatureStore.of`) that gives so many features."""
        self.folder, self.width = folder, width
        self._row = np.dtype([("key", "V32"), ("features", "<f4", (width,))])
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
    store: FeatureStore,
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
    store
        Where they are computed and kept.
    views
        Flips and quarter turns of each tile (see :func:`gastropath.inference.views.dihedral`), 1 to 8.
    what
        Name of the work, for the progress.

    Returns
    -------
    numpy.ndarray
        ``float32``, shape (n, views, f).

    Raises
    ------
    CannotReadImage
        If a tile cannot be read.
    CannotUseCluster
        If the workers cannot do it.
    """
    kept = FeatureCache(store.of(network), network.width)
    extractor, size = (_remote if store.pool.remote else _local)(kept, network, views)
    found = np.empty((len(tiles), views, network.width), np.float32)
    done = 0
    try:
        for keys, features, is_new in store.pool.each(extractor, _chunks(tiles, size), workers=cores()):
            n = len(keys) // views
            found[done : done + n] = features.reshape(n, views, -1)
            for row in np.flatnonzero(is_new):
                kept.add(keys[row], features[row])
            done += n
            progress(what, done, len(tiles))
    finally:
        kept.write()
    return found


@dataclass(frozen=True)
class _Extractor:
    """Turns a chunk of tiles into (keys, features, which are new); called from several threads, or on a worker.

    ``kept`` and ``interpreters`` give both where the work is done; the latter is asked only if anything is computed.
    """

    kept: Callable[[], FeatureCache]
    interpreters: Callable[[], Interpreters]
    tile_px: int
    views: int

    def __call__(self, sources: list[TileSource]) -> tuple[list[bytes], np.ndarray, np.ndarray]:
        kept = self.kept()
        tiles = np.stack([source.load(self.tile_px) for source in sources])
        viewed = np.stack([dihedral(tiles, view) for view in range(self.views)], axis=1)
        viewed = viewed.reshape(-1, *tiles.shape[1:])
        keys = [hashlib.sha256(pixels.tobytes()).digest() for pixels in viewed]
        is_new = np.array([key not in kept for key in keys], bool)
        features = np.empty((len(keys), kept.width), np.float32)
        for row in np.flatnonzero(~is_new):
            features[row] = kept.get(keys[row])
        new = np.flatnonzero(is_new)
        for first in range(0, len(new), TILES_IN_A_CALL):
            rows = new[first : first + TILES_IN_A_CALL]
            features[rows] = self.interpreters().call(viewed[rows])["features"]
        return keys, features, is_new


class _Once:
    """Makes the interpreters of a network when they are first asked for, whichever thread asks."""

    def __init__(self, graph: Callable[[], bytes]) -> None:
        self._graph, self._making = graph, threading.Lock()
        self._made: Interpreters | None = None

    def __call__(self) -> Interpreters:
        with self._making:
            self._made = self._made or Interpreters(self._graph())
            return self._made


def _local(kept: FeatureCache, network: FrozenNetwork, views: int) -> tuple[_Extractor, int]:
    return _Extractor(lambda: kept, _Once(network.graph), network.tile_px, views), _TILES_AT_ONCE


def _remote(kept: FeatureCache, network: FrozenNetwork, views: int) -> tuple[_Extractor, int]:
    """Lay the graph beside the features, where every worker finds it."""
    file = (kept.folder / _GRAPH).resolve()
    if not file.is_file():
        write_bytes(file, network.graph())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    interpreters = partial(_interpreters_there, file, digest)
    return (
        _Extractor(partial(_kept_there, file.parent, kept.width), interpreters, network.tile_px, views),
        _TILES_AT_ONCE_REMOTE,
    )


@lru_cache(maxsize=1)
def _kept_there(folder: Path, width: int) -> FeatureCache:
    return FeatureCache(folder, width)


@lru_cache(maxsize=1)
def _interpreters_there(file: Path, digest: str) -> Interpreters:
    if not file.is_file() or hashlib.sha256(content := file.read_bytes()).hexdigest() != digest:
        raise CannotUseCluster(
            "a worker does not find this graph as it was written",
            where=file,
            remedy="choose a `cache` on storage that all workers share",
        )
    return Interpreters(content)


def _chunks(tiles: Sequence[TileSource], size: int) -> Iterator[list[TileSource]]:
    waiting = iter(tiles)
    while chunk := list(islice(waiting, size)):
        yield chunk
