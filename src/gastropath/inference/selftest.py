"""Whether a model answers on this computer as it did where it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.bundle.files import open_bundle
from gastropath.errors import BadBundle
from gastropath.inference.classifier import Classifier
from gastropath.results.card import Card, SelfTest

TOLERANCE = {"float32": 1e-3, "float16": 1e-3, "int8": 0.1}
"""Largest difference of a logit, by the graph's precision, that another processor's arithmetic explains.

LiteRT's own kernels and those of XNNPACK, the two ways to compute a graph on one processor, differ by 1e-5 in floating
point, and by 0.02 in 8-bit integers, where a rounding falls to one side or the other.
"""


def picture(tile_px: int) -> np.ndarray:
    """Draw the picture of the test: ``uint8``, shape (tile_px, tile_px, 3), the same bytes everywhere.

    A strip of glass, and purple dots on slanting pink stripes: in the colours of the stain, so that the network has
    something to answer, and in integers, so that nothing is rounded.
    """
    y, x = np.mgrid[:tile_px, :tile_px]
    stripe = (5 * x + 3 * y) % 37
    dots = ((x + 9 * (y // 24 % 2)) % 19 - 9) ** 2 + (y % 24 - 11) ** 2 < 40
    drawn = np.stack([232 - stripe, 168 - 2 * stripe, 204 - stripe], axis=-1)
    drawn[dots] = (96, 64, 140)
    drawn[:, : tile_px // 4] = (242, 240, 243)
    return drawn.astype(np.uint8)


def with_self_test(card: Card, graph: bytes) -> Card:
    """Return the card with what its graph answers for the picture here.

    Raises
    ------
    BadBundle
        If it answers with what is not a finite number.
    """
    logits = _logits(Classifier(card, graph))
    return card.model_copy(update={"self_test": SelfTest(logits=tuple(float(logit) for logit in logits))})


@dataclass(frozen=True)
class Examination:
    """A model whose files have their hashes, and what it answers here.

    Attributes
    ----------
    classifier
        The model.
    difference
        Largest difference of a logit for the picture from what the card records; ``None`` where it records nothing.
    """

    classifier: Classifier
    difference: float | None

    @property
    def allowed(self) -> float:
        """The difference up to which the answer counts as the recorded one."""
        return TOLERANCE[self.classifier.card.precision]

    @property
    def as_recorded(self) -> bool | None:
        """Whether it answers as recorded; ``None`` where nothing is recorded."""
        return None if self.difference is None else self.difference <= self.allowed


def examine(model: Path) -> Examination:
    """Open a model, verify all its files, and let it answer.

    Raises
    ------
    BadBundle
        If a file lacks its hash, or the graph cannot be run or answers with what is no number.
    """
    classifier = Classifier.load(model)
    _ = open_bundle(model).keras_model  # verified only when asked for
    try:
        recorded, logits = classifier.card.self_test, _logits(classifier)
    except BadBundle as error:
        raise error.at(model) from None
    return Examination(classifier, float(np.abs(logits - recorded.logits).max()) if recorded else None)


def _logits(classifier: Classifier) -> np.ndarray:
    logits = classifier.graph.run(picture(classifier.tile_px)[None])["logits"][0]
    if not np.isfinite(logits).all():
        raise BadBundle(f"the graph answers {logits.tolist()}; expected a finite number for each class")
    return logits
