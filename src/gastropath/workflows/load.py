"""Opening a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gastropath.workflows.arguments import StrPath

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier


def load(model: StrPath | None = None, *, threads: int | None = None) -> Classifier:
    """Open a model for prediction.

    Parameters
    ----------
    model
        A bundle folder, a run folder that holds one, or ``hf://OWNER/NAME[@REVISION]`` for one on the Hugging Face
        Hub; by default the starter model.
    threads
        Tiles worked on at a time; by default as many as there are cores.

    Returns
    -------
    Classifier
        Its ``predict`` takes paths, folders, PIL images, arrays, and any iterable of these.

    Raises
    ------
    BadBundle
        If the folder holds no bundle, or one whose hashes, version or graph do not fit its card.
    MissingExtra, CannotDownload
        If a model of the Hub is named, and the extra ``hub`` is not installed or the model cannot be had.

    Examples
    --------
    >>> model = gastropath.load("run")               # doctest: +SKIP
    >>> model.predict("tiles").to_frame()            # doctest: +SKIP
    """
    from gastropath.inference.classifier import Classifier

    return Classifier.load(model, threads=threads)
