"""Colour histograms of tiles: what is left of a picture when all structure is gone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gastropath.data.index import TileIndex
from gastropath.errors import CannotReadImage
from gastropath.images import load_tile, resize
from gastropath.parallel import each
from gastropath.progress import Progress, silent

LEVELS = 8
"""Bins of a channel; the joint histogram has 8 x 8 x 8."""

BINS = LEVELS**3

TILE_PX = 224


def colour_histogram(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the joint RGB histogram of each tile under the Hellinger map (square root of the shares).

    Parameters
    ----------
    images
        RGB tiles, ``uint8``, shape (n, height, width, 3).

    Returns
    -------
    numpy.ndarray
        Square roots of the share of pixels in each of the 8 x 8 x 8 bins, ``float32``, shape (n, 512); every row has
        unit Euclidean length. Bin = 64 * red + 8 * green + blue, each in eighths of the range.

    Raises
    ------
    ValueError
        If the array is not ``uint8`` RGB of shape (n, height, width, 3), or its tiles have no pixels.

    Notes
    -----
    The square root turns the Euclidean distance between rows into the Hellinger distance between histograms
    (Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012).
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape[1:]:
        raise ValueError(f"expected uint8 tiles of shape (n, height, width, 3); found {images.dtype} {images.shape}")
    counts = np.empty((len(images), BINS), np.int64)
    for row, image in enumerate(images):  # tile by tile: one pass over all would need eight times the tiles' memory
        counts[row] = _counted(image)
    return _hellinger(counts, images.shape[1] * images.shape[2])


def counts_of(pixels: np.ndarray) -> NDArray[np.uint16]:
    """Return in how many of its pixels a picture of any size has the colours of each bin, once it is 224 px a side.

    Parameters
    ----------
    pixels
        ``uint8``, shape (height, width, 3).

    Returns
    -------
    numpy.ndarray
        ``uint16``, shape (512,), with the sum 50,176.
    """
    return _counted(resize(pixels, TILE_PX)).astype(np.uint16)


def histograms_of(index: TileIndex, *, progress: Progress = silent) -> NDArray[np.float32]:
    """Return the colour histograms of tiles, resized to 224 px a side; those of tiles that were read before are known.

    Parameters
    ----------
    index
        At least one tile.

    Returns
    -------
    numpy.ndarray
        ``float32``, shape (n, 512); see :func:`colour_histogram`.

    Raises
    ------
    CannotReadImage
        If a file cannot be decoded; the error names it.
    """
    kept = index.seen.colours if index.seen else None

    def histogram(row: int) -> NDArray[np.float32]:
        if kept and index.pixels[row] and (key := bytes.fromhex(index.pixels[row])) in kept:
            return _hellinger(kept.get(key), TILE_PX**2)
        file = index.root / index.paths[row]
        try:
            return colour_histogram(load_tile(file, TILE_PX)[None])[0]
        except CannotReadImage as error:
            raise error.at(file) from None

    rows = np.empty((len(index), BINS), np.float32)
    for done, found in enumerate(each(histogram, range(len(index)))):
        rows[done] = found
        progress("colour-histogram baseline", done + 1, len(index))
    return rows


def _counted(image: np.ndarray) -> NDArray[np.int64]:
    eighths = (image >> 5).astype(np.uint16)
    bins = (eighths[..., 0] << 6) | (eighths[..., 1] << 3) | eighths[..., 2]
    return np.bincount(bins.ravel(), minlength=BINS)


def _hellinger(counts: np.ndarray, pixels: int) -> NDArray[np.float32]:
    return np.sqrt(counts.astype(np.float32) / np.float32(pixels))
