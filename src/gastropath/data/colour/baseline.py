"""The colour-histogram baseline: how well colour alone, without any structure, separates the classes.

A classifier that does not clearly beat it has learned the stain, not the tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gastropath.errors import CannotReadImage
from gastropath.images import load_tile
from gastropath.parallel import each
from gastropath.progress import Progress, silent

LEVELS = 8
"""Bins of a channel; the joint histogram has 8 x 8 x 8."""

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
    counts = np.empty((len(images), LEVELS**3), np.float32)
    for row, image in enumerate(images):  # tile by tile: one pass over all would need eight times the tiles' memory
        eighths = (image >> 5).astype(np.uint16)
        bins = (eighths[..., 0] << 6) | (eighths[..., 1] << 3) | eighths[..., 2]
        counts[row] = np.bincount(bins.ravel(), minlength=LEVELS**3)
    return np.sqrt(counts / np.float32(images.shape[1] * images.shape[2]))


def histograms_of(files: Sequence[Path], *, progress: Progress = silent) -> NDArray[np.float32]:
    """Return the colour histograms of image files, resized to 224 px a side, computed on all cores.

    Parameters
    ----------
    files
        At least one.

    Returns
    -------
    numpy.ndarray
        ``float32``, shape (n, 512); see :func:`colour_histogram`.

    Raises
    ------
    CannotReadImage
        If a file cannot be decoded; the error names it.
    """

    def histogram(file: Path) -> NDArray[np.float32]:
        try:
            return colour_histogram(load_tile(file, TILE_PX)[None])[0]
        except CannotReadImage as error:
            raise error.at(file) from None

    rows: list[NDArray[np.float32]] = []
    for row in each(histogram, files):
        rows.append(row)
        progress("colour-histogram baseline", len(rows), len(files))
    return np.stack(rows)


class ColourBaseline:
    """Logistic regression on colour histograms; needs scikit-learn (the extra ``evaluate``).

    Parameters
    ----------
    seed
        Makes the fit repeatable.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._pipeline = None

    def fit(self, histograms: NDArray[np.float32], labels: NDArray) -> ColourBaseline:
        """Learn the colours of the classes.

        Parameters
        ----------
        histograms
            As :func:`colour_histogram` gives them, ``float32``, shape (n, 512).
        labels
            Class of each tile, numbers or text, shape (n,); at least two different ones.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        classifier = LogisticRegression(max_iter=1000, random_state=self.seed)
        self._pipeline = make_pipeline(StandardScaler(), classifier).fit(histograms, labels)
        return self

    def predict(self, histograms: NDArray[np.float32]) -> NDArray:
        """Return the most probable class of each tile.

        Parameters
        ----------
        histograms
            As :func:`colour_histogram` gives them, ``float32``, shape (n, 512).

        Returns
        -------
        numpy.ndarray
            Labels of the kind given to :meth:`fit`, shape (n,).

        Raises
        ------
        RuntimeError
            If :meth:`fit` has not been called.
        """
        if self._pipeline is None:
            raise RuntimeError("the colour baseline is not fitted; call fit(histograms, labels) first")
        return np.asarray(self._pipeline.predict(histograms))
