"""The colour-histogram baseline: how well colour alone, without any structure, separates the classes.

A classifier that does not clearly beat it has learned the stain, not the tissue.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
            As :func:`gastropath.data.colour.histograms.colour_histogram` gives them, ``float32``, shape (n, 512).
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
            As :func:`gastropath.data.colour.histograms.colour_histogram` gives them, ``float32``, shape (n, 512).

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
