"""The colour-histogram baseline: how far colour alone, without any structure, tells the classes apart.

A classifier that does not clearly beat it has learnt the stain, not the tissue.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gastropath.errors import CannotReadImage
from gastropath.images import load_tile
from gastropath.parallel import each
from gastropath.progress import Progress, silent

LEVELS = 8  # a channel; 8 x 8 x 8 joint bins
TILE_PX = 224


def colour_histogram(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Joint RGB histogram of each tile under the Hellinger map (square root of the shares).

    Parameters
    ----------
    images : uint8 [n, h, w, 3]
        RGB tiles.

    Returns
    -------
    float32 [n, 512]
        Square roots of the share of pixels in each of the 8 x 8 x 8 bins; every row has unit Euclidean length.
        Bin = 64 * red + 8 * green + blue, each in eighths of the range.

    Raises
    ------
    ValueError
        The array is not uint8 RGB in the layout [n, h, w, 3], or its tiles have no pixels.

    Notes
    -----
    The square root turns the Euclidean distance between rows into the Hellinger distance between histograms
    (Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012).
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape[1:]:
        raise ValueError(f"Expected uint8 tiles of shape [n, h, w, 3], found {images.dtype} {list(images.shape)}.")
    counts = np.empty((len(images), LEVELS**3), np.float32)
    for row, image in enumerate(images):  # tile by tile: one pass over all would need eight times the tiles' memory
        eighths = (image >> 5).astype(np.uint16)
        bins = (eighths[..., 0] << 6) | (eighths[..., 1] << 3) | eighths[..., 2]
        counts[row] = np.bincount(bins.ravel(), minlength=LEVELS**3)
    return np.sqrt(counts / np.float32(images.shape[1] * images.shape[2]))


def histograms_of(files: Sequence[Path], *, progress: Progress = silent) -> NDArray[np.float32]:
    """Colour histograms of image files, brought to 224 px a side, on all cores.

    Parameters
    ----------
    files : sequence of Path
        At least one.
    progress : callable
        Called as `progress(label, done, total)` after each file.

    Returns
    -------
    float32 [n, 512]
        See `colour_histogram`.

    Raises
    ------
    CannotReadImage
        A file cannot be decoded; the message names it.
    """

    def histogram(file: Path) -> NDArray[np.float32]:
        try:
            return colour_histogram(load_tile(file, TILE_PX)[None])[0]
        except CannotReadImage as error:
            raise CannotReadImage(f"{file}: {error}") from None

    found = []
    for row in each(histogram, files):
        found.append(row)
        progress("colour-histogram baseline", len(found), len(files))
    return np.stack(found)


class ColourBaseline:
    """Logistic regression on colour histograms; needs scikit-learn (the `evaluate` extra).

    Parameters
    ----------
    seed : int
        Makes the fit repeatable.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed
        self._pipeline = None

    def fit(self, histograms: NDArray[np.float32], labels: NDArray) -> "ColourBaseline":
        """Learn the classes' colours.

        Parameters
        ----------
        histograms : float32 [n, 512]
            From `colour_histogram`.
        labels : int or str [n]
            Class of each tile; at least two different ones.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        classifier = LogisticRegression(max_iter=1000, random_state=self.seed)
        self._pipeline = make_pipeline(StandardScaler(), classifier).fit(histograms, labels)
        return self

    def predict(self, histograms: NDArray[np.float32]) -> NDArray:
        """Most probable class of each tile.

        Parameters
        ----------
        histograms : float32 [n, 512]
            From `colour_histogram`.

        Returns
        -------
        int or str [n]
            Labels of the kind given to `fit`.

        Raises
        ------
        RuntimeError
            `fit` has not been called.
        """
        if self._pipeline is None:
            raise RuntimeError("The colour baseline knows no classes yet. Call fit(histograms, labels) first.")
        return np.asarray(self._pipeline.predict(histograms))
