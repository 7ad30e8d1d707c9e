"""What a model answered for a number of images: the currency between inference and everything that shows results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Predictions:
    """One answer an image, in the order of the images.

    Attributes
    ----------
    classes
        Class codes, in the order of the columns of ``probabilities``.
    probabilities
        ``float32``, shape (n, classes). NaN in the row of a refused image.
    reasons
        Why an image was refused; empty where it was answered.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.reasons), len(self.classes)):
            raise ValueError(
                f"probabilities have shape {self.probabilities.shape}; expected "
                f"({len(self.reasons)}, {len(self.classes)})"
            )

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def answered(self) -> np.ndarray:
        """Whether each image was classified: ``bool``, shape (n,)."""
        return np.array([not reason for reason in self.reasons], bool)

    @property
    def numbers(self) -> np.ndarray:
        """Number of the most probable class: ``int64``, shape (n,); -1 for a refused image."""
        filled = np.where(np.isnan(self.probabilities), -np.inf, self.probabilities)
        return np.where(self.answered, filled.argmax(axis=1), -1)

    @property
    def labels(self) -> list[str]:
        """Code of the most probable class; empty for a refused image."""
        return [self.classes[number] if number >= 0 else "" for number in self.numbers]

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the most probable class: ``float32``, shape (n,); NaN for a refused image."""
        return self.probabilities.max(axis=1, initial=-np.inf) if len(self) else np.zeros(0, np.float32)

    @property
    def decisions(self) -> list[str]:
        """``"accepted"`` or ``"refused"`` for each image."""
        return ["refused" if reason else "accepted" for reason in self.reasons]

    @staticmethod
    def columns(classes: Sequence[str], *extra: str) -> list[str]:
        """Return the columns of a table of predictions, ``extra`` ones after ``path``."""
        probabilities = [f"prob_{code}" for code in classes]
        return ["path", *extra, "predicted_label", "confidence", "decision", "reason", *probabilities]

    def rows(self, paths: Sequence[str]) -> Iterator[dict[str, object]]:
        """Yield a table row for each image; probabilities with six decimals, cells of a refused image empty."""
        everything = zip(paths, self.labels, self.confidence, self.decisions, self.reasons, strict=True)
        for i, (path, label, confidence, decision, reason) in enumerate(everything):
            row: dict[str, object] = {
                "path": path,
                "predicted_label": label,
                "confidence": "" if reason else f"{confidence:.6f}",
                "decision": decision,
                "reason": reason,
            }
            for code, probability in zip(self.classes, self.probabilities[i], strict=True):
                row[f"prob_{code}"] = "" if reason else f"{probability:.6f}"
            yield row

    def documents(self, paths: Sequence[str]) -> Iterator[dict[str, object]]:
        """Yield the same rows with numbers as numbers and ``None`` for what is missing, for JSON."""
        rows = zip(self.rows(paths), self.reasons, self.confidence, strict=True)
        for i, (row, reason, confidence) in enumerate(rows):
            numbers = [None] * len(self.classes) if reason else [round(float(p), 6) for p in self.probabilities[i]]
            yield {
                "path": row["path"],
                "predicted_label": row["predicted_label"] or None,
                "confidence": None if reason else round(float(confidence), 6),
                "decision": row["decision"],
                "reason": reason or None,
                "probabilities": dict(zip(self.classes, numbers, strict=True)),
            }


def joined(parts: Sequence[Predictions], classes: tuple[str, ...]) -> Predictions:
    """Put predictions of the same model one after the other."""
    if not parts:
        return Predictions(classes, np.zeros((0, len(classes)), np.float32), ())
    return Predictions(
        classes,
        np.concatenate([part.probabilities for part in parts]),
        tuple(reason for part in parts for reason in part.reasons),
    )
