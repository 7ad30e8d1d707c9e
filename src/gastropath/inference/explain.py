"""Where a tile speaks for a class: activation maps from the graph, as heat and as an overlay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from gastropath.decoding import Source
from gastropath.errors import UnknownSetting, did_you_mean
from gastropath.inference.classifier import BATCH, Classifier
from gastropath.inference.sources import Images, count, sources
from gastropath.progress import Progress, silent
from gastropath.results.prediction import Prediction

_RAMP = np.array([[0, 0, 4], [0, 114, 178], [86, 180, 233], [240, 228, 66], [255, 250, 220]], np.float32)
"""From no evidence to most: dark, blue, yellow, pale; lightness rises throughout, so it also reads in grey."""

_OPACITY = 0.65


@dataclass(frozen=True)
class Explanation:
    """An image, the answer to it, and where it speaks for one class.

    Attributes
    ----------
    source
        The image, as given.
    answer
        The prediction.
    pixels
        The image as the model saw it: ``uint8``, shape (tile_px, tile_px, 3); ``None`` where it was refused.
    code
        The class that ``heat`` is about; empty where the image was refused.
    heat
        Evidence for that class, 0 to 1: ``float32``, shape (tile_px, tile_px); ``None`` where it was refused.
    """

    source: Source
    answer: Prediction
    pixels: np.ndarray | None
    code: str
    heat: np.ndarray | None

    def overlay(self) -> np.ndarray:
        """Lay the heat over the image: ``uint8``, shape (tile_px, tile_px, 3).

        Raises
        ------
        ValueError
            If the image was refused.
        """
        if self.pixels is None or self.heat is None:
            raise ValueError("a refused image has no explanation")
        return overlay(self.pixels, self.heat)


def explanations(
    classifier: Classifier,
    images: Images,
    *,
    code: str | None = None,
    mpp: float | None = None,
    progress: Progress = silent,
) -> Iterator[Explanation]:
    """Explain images one after the other; a few are in memory at a time.

    Parameters
    ----------
    classifier
        The model.
    images
        As :meth:`gastropath.inference.classifier.Classifier.predict` takes them.
    code
        Class to explain; by default the one the model gives.
    mpp
        Micrometres per pixel of the images; see there too.

    Raises
    ------
    UnknownSetting
        If the model has no such class.
    """
    if code is not None and code not in classifier.classes:
        raise UnknownSetting(
            f"the model has no class {code!r}{did_you_mean(code, classifier.classes)}", parameter="code"
        )
    done, total = 0, count(images)
    every = sources(images)
    while some := list(islice(every, BATCH)):
        answers = classifier.predict(some, mpp=mpp, maps=True, tiles=True)
        for source, answer, pixels, of_tile in zip(some, answers, *answers.seen(), strict=True):
            if answer.label is None:
                yield Explanation(source, answer, None, "", None)
            else:
                explained = code or answer.label
                evidence = heat(of_tile[..., classifier.classes.index(explained)], classifier.tile_px)
                yield Explanation(source, answer, pixels, explained, evidence)
            done += 1
            progress("explaining", done, max(total or 0, done))


def heat(activation: np.ndarray, side: int) -> np.ndarray:
    """Bring an activation map to the size of the tile.

    Parameters
    ----------
    activation
        Map of one class, ``float32``, shape (h, w). What speaks against the class (below 0) counts as nothing.
    side
        Of the tile, in pixels.

    Returns
    -------
    numpy.ndarray
        ``float32``, shape (side, side), 0 to 1, where 1 is the map's own maximum; all 0 where nothing speaks for the
        class.
    """
    evidence = np.maximum(activation.astype(np.float32), 0)
    most = float(evidence.max())
    if not most > 0:
        return np.zeros((side, side), np.float32)
    resized = Image.fromarray(evidence / most, "F").resize((side, side), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized, np.float32), 0, 1)


def overlay(pixels: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Lay heat over a tile.

    Parameters
    ----------
    pixels
        ``uint8``, shape (side, side, 3).
    evidence
        From :func:`heat`, shape (side, side).

    Returns
    -------
    numpy.ndarray
        ``uint8``, shape (side, side, 3).
    """
    tinted = tint(evidence)
    opacity = tinted[..., 3:].astype(np.float32) / 255
    return np.rint(pixels * (1 - opacity) + tinted[..., :3] * opacity).astype(np.uint8)


def tint(evidence: np.ndarray, opacity: float = _OPACITY) -> np.ndarray:
    """Colour heat, to be laid over a tile: the more evidence, the brighter and the less transparent.

    Parameters
    ----------
    evidence
        From :func:`heat`, shape (h, w).
    opacity
        Where there is most evidence.

    Returns
    -------
    numpy.ndarray
        ``uint8`` RGBA, shape (h, w, 4).
    """
    steps = np.linspace(0, 1, len(_RAMP))
    channels = [np.interp(evidence, steps, _RAMP[:, channel]) for channel in range(3)]
    return np.rint(np.stack([*channels, 255 * opacity * np.sqrt(evidence)], axis=-1)).astype(np.uint8)
