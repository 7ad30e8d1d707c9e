"""What a model answered for one image, or why it did not, and that answer in a table or a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LOW_CONFIDENCE, OUT_OF_DISTRIBUTION = "low_confidence", "out_of_distribution"
"""Why a model abstains, as tables say it; both may hold."""

DOUBTS: Mapping[tuple[bool, bool], tuple[str, str]] = {
    (False, False): ("", ""),
    (False, True): (LOW_CONFIDENCE, "low confidence"),
    (True, False): (OUT_OF_DISTRIBUTION, "unlike the training tiles"),
    (True, True): (f"{OUT_OF_DISTRIBUTION};{LOW_CONFIDENCE}", "unlike the training tiles; low confidence"),
}
"""The reason in a word and in a sentence, by whether an image is out of distribution and of low confidence."""

NOT_FINITE = "not_finite"


class Refusal(NamedTuple):
    """Why an image has no answer: in a word, for tables, and in a sentence that goes on from its name."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Prediction:
    """The answer to one image.

    Attributes
    ----------
    source
        Path of the image; empty where it came from memory.
    label
        Code of the most probable class; ``None`` for a refused image.
    confidence
        Its probability; ``None`` for a refused image.
    decision
        ``"accepted"``, ``"abstained"`` or ``"refused"``.
    reason, detail
        Why the model abstains or the image was refused, in a word and in a sentence; empty for an accepted answer.
    probabilities
        Of each class, by code; empty for a refused image.
    distance
        To the training tiles nearest to it; ``None`` where it is not known.
    """

    source: str
    label: str | None
    confidence: float | None
    decision: str
    reason: str
    detail: str
    probabilities: Mapping[str, float]
    distance: float | None

    def row(self, path: str, classes: Sequence[str]) -> dict[str, object]:
        """Return the row of a table: numbers with six decimals, cells of what is not known empty."""
        return {
            "path": path,
            "predicted_label": self.label or "",
            "confidence": _digits(self.confidence),
            "decision": self.decision,
            "reason": self.reason,
            **{f"prob_{code}": _digits(self.probabilities.get(code)) for code in classes},
            "distance": _digits(self.distance),
            "detail": self.detail,
        }

    def document(self, path: str, classes: Sequence[str]) -> dict[str, object]:
        """Return the same for JSON: numbers as numbers, ``None`` for what is missing."""
        return {
            "path": path,
            "predicted_label": self.label,
            "confidence": _rounded(self.confidence),
            "decision": self.decision,
            "reason": self.reason or None,
            "detail": self.detail or None,
            "probabilities": {code: _rounded(self.probabilities.get(code)) for code in classes},
            "distance": _rounded(self.distance),
        }


def _digits(number: float | None) -> str:
    return "" if number is None else f"{number:.6f}"


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 6)
