"""Tiles on their way into training: decoded once, then served in an order that (seed, epoch) fixes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from gastropath.data.index import TileIndex
from gastropath.errors import CannotWrite
from gastropath.outputs import replacing, writing
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.tables import fingerprint
from gastropath.training.tile_source import sources

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Changes a batch of tiles by what a seed (integers, shape (2,)) draws."""

_BATCHES_IN_AN_EPOCH = 1 << 32


@dataclass(frozen=True)
class PixelStore:
    """Decoded tiles and their classes, in the order of an index.

    Attributes
    ----------
    pixels
        ``uint8``, shape (n, tile_px, tile_px, 3); a memory-mapped file, so memory stays flat as n grows.
    classes
        Class number of each tile, ``int64``, shape (n,).
    n_classes
        Length of a one-hot label.
    """

    pixels: np.ndarray
    classes: np.ndarray
    n_classes: int

    def __len__(self) -> int:
        return len(self.classes)


def decode_tiles(
    index: TileIndex, codes: tuple[str, ...], tile_px: int, mpp: float, folder: Path, *, progress: Progress = silent
) -> PixelStore:
    """Decode and resize every tile once, on all cores, into one file that the epochs then read.

    A file left by an earlier call for the same tiles is used again.

    Parameters
    ----------
    index
        The tiles.
    codes
        Class codes in the order of the model's outputs.
    tile_px, mpp
        Side of a tile in pixels, and micrometres per pixel.
    folder
        Where the file is kept: 3 x tile_px² bytes a tile, 150 kB at 224 px.

    Raises
    ------
    CannotReadImage
        If a tile that could be read before cannot be read now.
    CannotWrite
        If the disk has no room for the file.
    """
    tiles = sources(index, mpp)
    zooms = hashlib.sha256(repr([tile.zoom for tile in tiles]).encode()).hexdigest()
    shown = fingerprint([index.identities])
    file = folder / f"tiles-{shown[:16]}-{zooms[:8]}-{tile_px}.npy"
    if not file.exists():
        shape = (len(index), tile_px, tile_px, 3)
        _check_room(folder, int(np.prod(shape)))
        with replacing(file) as partial:
            store = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
            for i, pixels in enumerate(each(lambda tile: tile.load(tile_px), tiles)):
                store[i] = pixels
                progress("decoding tiles", i + 1, len(index))
            store.flush()
            del store
    return PixelStore(np.load(file, mmap_mode="r", allow_pickle=False), index.numbers(codes), len(codes))


def epochs_of_batches(
    store: PixelStore, batch_size: int, seed: int, first: int, last: int, change: Change | None = None
) -> tf.data.Dataset:
    """Serve the epochs ``first`` to ``last - 1``, one after the other, each shuffled by (seed, epoch) alone.

    An epoch is therefore the same whether training came to it from the start or resumed there. So are the changes of
    an augmentation, which are drawn by (seed, epoch, batch).

    Returns
    -------
    tf.data.Dataset
        Batches of tiles (``uint8``, shape (≤ batch_size, tile_px, tile_px, 3)) and one-hot labels (``float32``,
        shape (≤ batch_size, n_classes)).
    """

    def order(epoch: np.int64) -> np.ndarray:
        return np.random.default_rng([seed, int(epoch)]).permutation(len(store)).astype(np.int64)

    def batches_of(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = tf.numpy_function(order, [epoch], tf.int64, stateful=False)
        rows = tf.ensure_shape(rows, [len(store)])
        numbered = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size).enumerate()
        return numbered.map(lambda batch, rows: (rows, tf.stack([epoch, batch])))

    def changed(pixels: tf.Tensor, labels: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if change is None:
            return pixels, labels
        drawn_by = tf.stack([np.int64(seed), place[0] * _BATCHES_IN_AN_EPOCH + place[1]])
        return tf.ensure_shape(change(pixels, drawn_by), pixels.shape), labels

    loaded = _loaded(store, tf.data.Dataset.range(first, last).flat_map(batches_of))
    return loaded.map(changed, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def batches(store: PixelStore, batch_size: int) -> tf.data.Dataset:
    """Serve every tile once, in the order of the index."""
    numbered = tf.data.Dataset.range(len(store)).batch(batch_size).enumerate()
    loaded = _loaded(store, numbered.map(lambda batch, rows: (rows, tf.stack([0, batch]))))
    return loaded.map(lambda pixels, labels, place: (pixels, labels)).prefetch(2)


def steps(store: PixelStore, batch_size: int) -> int:
    """Return the number of batches in an epoch; the last may be smaller."""
    return -(-len(store) // batch_size)


def _loaded(store: PixelStore, placed: tf.data.Dataset) -> tf.data.Dataset:
    """Load the tiles of (rows, place), and pass on the place: epoch and batch."""
    one_hot = np.eye(store.n_classes, dtype=np.float32)
    side = store.pixels.shape[1]

    def gather(wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return store.pixels[wanted], one_hot[store.classes[wanted]]

    def load(wanted: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pixels, labels = tf.numpy_function(gather, [wanted], (tf.uint8, tf.float32), stateful=False)
        return (
            tf.ensure_shape(pixels, [None, side, side, 3]),
            tf.ensure_shape(labels, [None, store.n_classes]),
            place,
        )

    return placed.map(load, num_parallel_calls=1)


def _check_room(folder: Path, needed: int) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise CannotWrite(
            f"decoding the tiles needs {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free",
            where=folder,
            remedy="free some, or choose an `out` on another disk",
        )
