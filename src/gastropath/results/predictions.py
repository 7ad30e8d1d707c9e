"""What a model answered for a number of images: the currency between inference and everything that shows results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

LOW_CONFIDENCE = "low confidence"
UNLIKE = "unlike the training tiles"
"""Why a model abstains; both may hold."""


@dataclass(frozen=True)
class Predictions:
    """One answer an image, in the order of the images.

    Attributes
    ----------
    classes
        Class codes, in the order of the columns of ``probabilities``.
    probabilities
        ``float32``, shape (n, classes). NaN in the row of a refused image.
    refusals
        Why an image could not be read; empty where it was classified.
    doubts
        Why the model abstains on an image it could read; empty where it answers.
    stretched
        Whether an image of another size than the model's was taken for one field of view, because its micrometres per
        pixel are not known: ``bool``, shape (n,).
    distances
        Mean cosine distance of each image to the training tiles nearest to it, ``float64``, shape (n,). NaN for a
        refused image, and where the model does not know its training tiles.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    refusals: tuple[str, ...]
    doubts: tuple[str, ...]
    stretched: np.ndarray
    distances: np.ndarray

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.refusals), len(self.classes)):
            raise ValueError(
                f"probabilities have shape {self.probabilities.shape}; expected "
                f"({len(self.refusals)}, {len(self.classes)})"
            )
        if not len(self.refusals) == len(self.doubts) == len(self.stretched) == len(self.distances):
            raise ValueError("refusals, doubts, stretched and distances differ in length")

    def __len__(self) -> int:
        return len(self.refusals)

    @property
    def classified(self) -> np.ndarray:
        """Whether each image could be read and has probabilities: ``bool``, shape (n,)."""
        return np.array([not refusal for refusal in self.refusals], bool)

    @property
    def accepted(self) -> np.ndarray:
        """Whether the model stands by its answer for each image: ``bool``, shape (n,)."""
        return np.array([not reason for reason in self.reasons], bool)

    @property
    def reasons(self) -> list[str]:
        """Why an image was refused or the model abstains; empty for an accepted answer."""
        return [refusal or doubt for refusal, doubt in zip(self.refusals, self.doubts, strict=True)]

    @property
    def numbers(self) -> np.ndarray:
        """Number of the most probable class: ``int64``, shape (n,); -1 for a refused image."""
        filled = np.where(np.isnan(self.probabilities), -np.inf, self.probabilities)
        return np.where(self.classified, filled.argmax(axis=1), -1)

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
        """``"accepted"``, ``"abstained"`` or ``"refused"`` for each image."""
        both = zip(self.refusals, self.doubts, strict=True)
        return ["refused" if refusal else "abstained" if doubt else "accepted" for refusal, doubt in both]

    def refused(self, paths: Sequence[str]) -> dict[str, str]:
        """Return path and reason of each image that could not be read."""
        return {path: refusal for path, refusal in zip(paths, self.refusals, strict=True) if refusal}

    def take(self, rows: np.ndarray) -> Predictions:
        """Return the answers of some images, in the order given."""
        return Predictions(
            self.classes,
            self.probabilities[rows],
            tuple(self.refusals[row] for row in rows),
            tuple(self.doubts[row] for row in rows),
            self.stretched[rows],
            self.distances[rows],
        )

    @staticmethod
    def columns(classes: Sequence[str], *extra: str) -> list[str]:
        """Return the columns of a table of predictions, ``extra`` ones after ``path``."""
        probabilities = [f"prob_{code}" for code in classes]
        return ["path", *extra, "predicted_label", "confidence", "decision", "reason", *probabilities, "distance"]

    def rows(self, paths: Sequence[str]) -> Iterator[dict[str, object]]:
        """Yield a table row for each image; numbers with six decimals, cells of what is not known empty."""
        everything = zip(paths, self.labels, self.confidence, self.decisions, self.reasons, self.refusals, strict=True)
        for i, (path, label, confidence, decision, reason, refusal) in enumerate(everything):
            row: dict[str, object] = {
                "path": path,
                "predicted_label": label,
                "confidence": "" if refusal else f"{confidence:.6f}",
                "decision": decision,
                "reason": reason,
            }
            for code, probability in zip(self.classes, self.probabilities[i], strict=True):
                row[f"prob_{code}"] = "" if refusal else f"{probability:.6f}"
            row["distance"] = "" if np.isnan(self.distances[i]) else f"{self.distances[i]:.6f}"
            yield row

    def documents(self, paths: Sequence[str]) -> Iterator[dict[str, object]]:
        """Yield the same rows with numbers as numbers and ``None`` for what is missing, for JSON."""
        rows = zip(self.rows(paths), self.refusals, self.confidence, strict=True)
        for i, (row, refusal, confidence) in enumerate(rows):
            numbers = [None] * len(self.classes) if refusal else [round(float(p), 6) for p in self.probabilities[i]]
            yield {
                "path": row["path"],
                "predicted_label": row["predicted_label"] or None,
                "confidence": None if refusal else round(float(confidence), 6),
                "decision": row["decision"],
                "reason": row["reason"] or None,
                "probabilities": dict(zip(self.classes, numbers, strict=True)),
                "distance": None if np.isnan(self.distances[i]) else round(float(self.distances[i]), 6),
            }


def joined(parts: Sequence[Predictions], classes: tuple[str, ...]) -> Predictions:
    """Put predictions of the same model one after the other."""
    if not parts:
        return Predictions(classes, np.zeros((0, len(classes)), np.float32), (), (), np.zeros(0, bool), np.zeros(0))
    return Predictions(
        classes,
        np.concatenate([part.probabilities for part in parts]),
        tuple(refusal for part in parts for refusal in part.refusals),
        tuple(doubt for part in parts for doubt in part.doubts),
        np.concatenate([part.stretched for part in parts]),
        np.concatenate([part.distances for part in parts]),
    )


def refused(classes: tuple[str, ...], reason: str) -> Predictions:
    """Return the answer to one image that could not be read."""
    nothing = np.full((1, len(classes)), np.nan, np.float32)
    return Predictions(classes, nothing, (reason,), ("",), np.zeros(1, bool), np.full(1, np.nan))
