"""GastroPath: classify gastric-cancer tissue in H&E histology. Research use only.

Examples
--------
>>> import gastropath
>>> model = gastropath.load("run/model")  # doctest: +SKIP
>>> model.predict(tiles).labels           # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gastropath.inference.classifier import Classifier

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(model: str | Path | None = None) -> Classifier:
    """Open a model for prediction.

    Parameters
    ----------
    model
        A bundle folder, or a run folder that holds one; by default the starter model.

    Returns
    -------
    Classifier
        Its ``predict`` takes ``uint8`` RGB tiles of any size.

    Raises
    ------
    BadBundle
        If the folder holds no bundle, or one whose hashes, version or graph do not fit its card.
    """
    from gastropath.inference.classifier import Classifier

    return Classifier.load(model)
