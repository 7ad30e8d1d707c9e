"""Augmentation: changes of training tiles that a turn of the slide, a stain, a scanner or a focus could have made.

Each function takes a batch and a seed, and gives every tile a draw of its own that depends on nothing else, so an
epoch is the same whether training came to it from the start or resumed there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gastropath.data.colour.stains import LIGHT, STAINS


@dataclass(frozen=True)
class Augmentation:
    """Which changes are made, and how far they go.

    Attributes
    ----------
    turns
        See :func:`turned`.
    zoom
        See :func:`scaled`; 0 for none.
    stain
        See :func:`stained`; 0 for none.
    blur_px
        See :func:`blurred`; 0 for none.
    """

    turns: bool
    zoom: float
    stain: float
    blur_px: float

    def __call__(self, tiles: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Change a batch: geometry, then stain, then focus.

        Parameters
        ----------
        tiles
            ``uint8``, shape (n, side, side, 3).
        seed
            Integers, shape (2,).

        Returns
        -------
        tf.Tensor
            As ``tiles``.
        """
        first, second, third, fourth = (_folded(seed, number) for number in range(4))
        if self.turns:
            tiles = turned(tiles, first)
        if self.zoom:
            tiles = scaled(tiles, second, self.zoom)
        if self.stain:
            tiles = stained(tiles, third, self.stain)
        if self.blur_px:
            tiles = blurred(tiles, fourth, self.blur_px)
        return tiles


def turned(tiles: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn and flip each tile into one of its eight dihedral views, without resampling.

    Parameters
    ----------
    tiles
        Shape (n, side, side, 3), of any dtype, which is kept.
    seed
        Integers, shape (2,).
    """
    n = tf.shape(tiles)[0]
    draws = tf.random.stateless_uniform(tf.stack([3, n, 1, 1, 1]), seed) < 0.5
    tiles = tf.where(draws[0], tf.transpose(tiles, [0, 2, 1, 3]), tiles)
    tiles = tf.where(draws[1], tiles[:, :, ::-1], tiles)
    return tf.where(draws[2], tiles[:, ::-1], tiles)


def scaled(tiles: tf.Tensor, seed: tf.Tensor, most: float) -> tf.Tensor:
    """Enlarge or shrink each tile about its centre by up to ``1 + most``, as another scanner's pixels would.

    Factors are uniform on a logarithmic scale; what comes in from outside is the tile mirrored.

    Parameters
    ----------
    tiles
        ``uint8``, shape (n, side, side, 3).
    seed
        Integers, shape (2,).
    most
        E.g. 0.2 for factors from 1 / 1.2 to 1.2.

    Returns
    -------
    tf.Tensor
        As ``tiles``.
    """
    n, side = tf.shape(tiles)[0], tf.shape(tiles)[1]
    steps = tf.exp(_uniform([n], seed, math.log1p(most)))
    shift = (1 - steps) * (tf.cast(side, tf.float32) - 1) / 2
    zero = tf.zeros_like(steps)
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(tiles, tf.float32),
        transforms=tf.stack([steps, zero, shift, zero, steps, shift, zero, zero], axis=1),
        output_shape=tf.stack([side, side]),
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    return _bytes(changed)


def stained(tiles: tf.Tensor, seed: tf.Tensor, most: float) -> tf.Tensor:
    """Change how strongly each stain has taken (Tellez et al. 2018).

    The optical density of each pixel is parted into haematoxylin, eosin and a rest; the amount of each becomes
    ``a · amount + b``, with a from 1 - ``most`` to 1 + ``most`` and b from -``most`` / 4 to ``most`` / 4, the same in
    all pixels of a tile.

    Parameters
    ----------
    tiles
        ``uint8``, shape (n, side, side, 3).
    seed
        Integers, shape (2,).
    most
        E.g. 0.2.

    Returns
    -------
    tf.Tensor
        As ``tiles``.
    """
    n = tf.shape(tiles)[0]
    rows = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    apart = np.linalg.inv(rows)
    factors = 1 + _uniform([n, 1, 3], _folded(seed, 0), most)
    offsets = _uniform([n, 1, 3], _folded(seed, 1), most / 4)
    density = tf.math.log(LIGHT) - tf.math.log(tf.cast(tiles, tf.float32) + 1)
    flat = tf.reshape(density, [n, -1, 3])
    mixing = tf.matmul(apart * factors, tf.broadcast_to(rows, [n, 3, 3]))
    changed = LIGHT * tf.exp(-(tf.matmul(flat, mixing) + tf.matmul(offsets, tf.broadcast_to(rows, [n, 3, 3])))) - 1
    return _bytes(tf.reshape(changed, tf.shape(tiles)))


def blurred(tiles: tf.Tensor, seed: tf.Tensor, most_px: float) -> tf.Tensor:
    """Put each tile a little out of focus: a Gaussian filter of a standard deviation up to ``most_px`` pixels.

    Parameters
    ----------
    tiles
        ``uint8``, shape (n, side, side, 3).
    seed
        Integers, shape (2,).
    most_px
        E.g. 1.0.

    Returns
    -------
    tf.Tensor
        As ``tiles``.
    """
    n, side = tf.shape(tiles)[0], tf.shape(tiles)[1]
    reach = math.ceil(2.5 * most_px)
    sigma = tf.maximum(tf.random.stateless_uniform(tf.stack([n, 1]), seed, 0, most_px), 1e-3)
    weights = tf.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float32) / sigma) ** 2)
    weights = (weights / tf.reduce_sum(weights, axis=1, keepdims=True))[:, :, None, None, None]
    x = tf.pad(tf.cast(tiles, tf.float32), [[0, 0], [reach, reach], [reach, reach], [0, 0]], "REFLECT")
    taps = range(2 * reach + 1)
    x = tf.add_n([weights[:, tap] * x[:, tap : tap + side] for tap in taps])
    x = tf.add_n([weights[:, tap] * x[:, :, tap : tap + side] for tap in taps])
    return _bytes(x)


def _folded(seed: tf.Tensor, number: int) -> tf.Tensor:
    return tf.convert_to_tensor(tf.random.fold_in(seed, number))


def _uniform(shape: list, seed: tf.Tensor, most: float) -> tf.Tensor:
    return tf.random.stateless_uniform(tf.stack(shape), seed, -most, most)


def _bytes(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(x), 0, 255), tf.uint8)
