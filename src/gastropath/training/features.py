"""Features of tiles from a frozen network: computed once, here or on a cluster, and kept on disk by what went in."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
import PIL

from gastropath import __version__, images
from gastropath.data.kept_rows import KeptRows
from gastropath.errors import CannotUseCluster
from gastropath.inference.graph import TILES_IN_A_CALL, Interpreters
from gastropath.inference.views import dihedral
from gastropath.outputs import write_bytes
from gastropath.parallel import HERE, Pool, cores
from gastropath.progress import Progress, silent
from gastropath.training.tile_source import TileSource

_TILES_AT_ONCE, _TILES_AT_ONCE_REMOTE = 8, 32
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
    computed goes to disk as it comes: an interrupted call goes on where it was. A tile that was read before, and whose
    features are known, is not decoded again.

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
    kept = KeptRows(store.of(network), network.width)
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

    kept: Callable[[], KeptRows]
    interpreters: Callable[[], Interpreters]
    tile_px: int
    views: int

    def __call__(self, sources: list[TileSource]) -> tuple[list[bytes], np.ndarray, np.ndarray]:
        kept = self.kept()
        tiles: dict[int, np.ndarray] = {}
        keys: list[bytes] = []
        for place, source in enumerate(sources):
            own = self._keys(source.shown, source.zoom)
            if not source.shown or any(key not in kept for key in own):
                shown, tiles[place] = source.read(self.tile_px)
                own = self._keys(shown, source.zoom)
            keys += own
        is_new = np.array([key not in kept for key in keys], bool)
        features = np.empty((len(keys), kept.width), np.float32)
        for row in np.flatnonzero(~is_new):
            features[row] = kept.get(keys[row])
        new = np.flatnonzero(is_new)
        for first in range(0, len(new), TILES_IN_A_CALL):
            rows = new[first : first + TILES_IN_A_CALL]
            places, views = np.divmod(rows, self.views)
            viewed = [dihedral(tiles[place], view) for place, view in zip(places.tolist(), views.tolist(), strict=True)]
            features[rows] = self.interpreters().call(np.stack(viewed))["features"]
        return keys, features, is_new

    def _keys(self, shown: str, zoom: float | None) -> list[bytes]:
        """Return by what the features of each view of a picture are found."""
        wanted = f"{shown} {zoom} {self.tile_px} {_resampler()}"
        return [hashlib.sha256(f"{wanted} {view}".encode()).digest() for view in range(self.views)]


@lru_cache(maxsize=1)
def _resampler() -> str:
    """Return what brings pictures to a model's size: other software may give other pixels."""
    digest = hashlib.sha256(f"{__version__} {PIL.__version__}".encode())
    with suppress(OSError, TypeError):  # a package without files is told by its version
        digest.update(Path(images.__file__ or "").read_bytes())
    return digest.hexdigest()[:16]


class _Once:
    """Makes the interpreters of a network when they are first asked for, whichever thread asks."""

    def __init__(self, graph: Callable[[], bytes]) -> None:
        self._graph, self._making = graph, threading.Lock()
        self._made: Interpreters | None = None

    def __call__(self) -> Interpreters:
        with self._making:
            self._made = self._made or Interpreters(self._graph())
            return self._made


def _local(kept: KeptRows, network: FrozenNetwork, views: int) -> tuple[_Extractor, int]:
    return _Extractor(lambda: kept, _Once(network.graph), network.tile_px, views), _TILES_AT_ONCE


def _remote(kept: KeptRows, network: FrozenNetwork, views: int) -> tuple[_Extractor, int]:
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
def _kept_there(folder: Path, width: int) -> KeptRows:
    return KeptRows(folder, width)


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
