"""What a model answered for a number of images: the currency between inference and everything that shows results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from gastropath.results.prediction import DOUBTS, Prediction, Refusal

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """One answer an image, in the order of the images.

    Behaves like a sequence: ``len``, iteration (a ``Prediction`` each), and indexing, which gives a
    ``Prediction`` for a number and ``Predictions`` for a slice, a mask or an array of numbers.

    Attributes
    ----------
    classes
        Class codes, in the order of the columns of ``probabilities``.
    probabilities
        ``float32``, shape (n, classes). NaN in the row of a refused image, and finite in all others.
    refusals
        Why an image has no answer; ``None`` where it has one.
    is_low_confidence, is_out_of_distribution
        Whether the model abstains on an image that has an answer, and why: ``bool``, shape (n,).
    distances
        Mean cosine distance of each image to the training tiles nearest to it, ``float64``, shape (n,). NaN for a
        refused image, and where the model does not know its training tiles.
    sources
        Path of each image; empty for one from memory.
    sizes_px
        Width and height of each image before it was brought to the model's size, ``int64``, shape (n, 2); 0 where it
        could not be read.
    is_field_of_view_assumed
        Whether an image of another size than the model's was taken for one field of view, because its micrometres per
        pixel are not known: ``bool``, shape (n,).
    features
        ``float32``, shape (n, f), NaN in the row of a refused image; ``None`` where they were not asked for.
    maps
        Activation map of each class, ``float32``, shape (n, h, w, classes); ``None`` where they were not asked for.
    tiles
        The images as the model saw them, ``uint8``, shape (n, tile_px, tile_px, 3), white where refused; ``None`` where
        they were not asked for.

    Examples
    --------
    >>> answers = Predictions.of(("STR", "TUM"), np.array([[0.2, 0.8]], np.float32))
    >>> answers
    <1 prediction over 2 classes: 1 accepted>
    >>> answers[0].label
    'TUM'
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    refusals: tuple[Refusal | None, ...]
    is_low_confidence: np.ndarray
    is_out_of_distribution: np.ndarray
    distances: np.ndarray
    sources: tuple[str, ...]
    sizes_px: np.ndarray
    is_field_of_view_assumed: np.ndarray
    features: np.ndarray | None = None
    maps: np.ndarray | None = None
    tiles: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.refusals)
        if self.probabilities.shape != (n, len(self.classes)):
            raise ValueError(
                f"probabilities have shape {self.probabilities.shape}; expected ({n}, {len(self.classes)})"
            )
        for name in _BY_IMAGE:
            rows = getattr(self, name)
            if rows is not None and len(rows) != n:
                raise ValueError(f"{name} has {len(rows)} rows; expected {n}")
        if not np.isfinite(self.probabilities[self.is_classified]).all():
            raise ValueError("probabilities of an image that was not refused are not finite")

    @classmethod
    def of(
        cls,
        classes: Sequence[str],
        probabilities: np.ndarray,
        *,
        refusals: Sequence[Refusal | None] | None = None,
        is_low_confidence: np.ndarray | None = None,
        is_out_of_distribution: np.ndarray | None = None,
        distances: np.ndarray | None = None,
        sources: Sequence[str] | None = None,
        sizes_px: np.ndarray | None = None,
        is_field_of_view_assumed: np.ndarray | None = None,
        features: np.ndarray | None = None,
        maps: np.ndarray | None = None,
        tiles: np.ndarray | None = None,
    ) -> Predictions:
        """Make predictions of what is known; whatever is left out holds for no image."""
        n = len(probabilities)
        return cls(
            tuple(classes),
            probabilities,
            tuple(refusals) if refusals is not None else (None,) * n,
            np.zeros(n, bool) if is_low_confidence is None else is_low_confidence,
            np.zeros(n, bool) if is_out_of_distribution is None else is_out_of_distribution,
            np.full(n, np.nan) if distances is None else distances,
            tuple(sources) if sources is not None else ("",) * n,
            np.zeros((n, 2), np.int64) if sizes_px is None else sizes_px,
            np.zeros(n, bool) if is_field_of_view_assumed is None else is_field_of_view_assumed,
            features,
            maps,
            tiles,
        )

    @classmethod
    def none(cls, classes: Sequence[str]) -> Predictions:
        """Return the answers to no image at all."""
        return cls.of(classes, np.zeros((0, len(classes)), np.float32))

    @classmethod
    def refused(cls, classes: Sequence[str], refusal: Refusal, source: str = "") -> Predictions:
        """Return the answer to one image that has none."""
        nothing = np.full((1, len(classes)), np.nan, np.float32)
        return cls.of(classes, nothing, refusals=(refusal,), sources=(source,))

    @classmethod
    def joined(cls, parts: Sequence[Predictions], classes: Sequence[str]) -> Predictions:
        """Put predictions of the same model one after the other."""
        if not parts:
            return cls.none(classes)
        if len(parts) == 1:
            return parts[0]
        columns = {}
        for name in _BY_IMAGE:
            rows = [getattr(part, name) for part in parts]
            if any(row is None for row in rows):
                columns[name] = None
            elif isinstance(rows[0], tuple):
                columns[name] = tuple(row for part in rows for row in part)
            else:
                columns[name] = np.concatenate(rows)
        return cls(tuple(classes), **columns)

    def __len__(self) -> int:
        return len(self.refusals)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, rows: int | np.integer) -> Prediction: ...

    @overload
    def __getitem__(self, rows: slice | np.ndarray | Sequence[int]) -> Predictions: ...

    def __getitem__(self, rows: int | np.integer | slice | np.ndarray | Sequence[int]) -> Prediction | Predictions:
        if isinstance(rows, int | np.integer):
            return self._one(range(len(self))[rows])
        numbers = np.arange(len(self))[np.asarray(rows, np.int64) if isinstance(rows, list | tuple) else rows]
        columns = {}
        for name in _BY_IMAGE:
            every = getattr(self, name)
            columns[name] = tuple(every[i] for i in numbers) if isinstance(every, tuple) else every
            if isinstance(every, np.ndarray):
                columns[name] = every[numbers]
        return replace(self, **columns)

    def __repr__(self) -> str:
        counts = {
            decision: int((self.decisions == decision).sum()) for decision in ("accepted", "abstained", "refused")
        }
        told = ", ".join(f"{n:,} {decision}" for decision, n in counts.items() if n) or "none"
        noun = "prediction" if len(self) == 1 else "predictions"
        return f"<{len(self):,} {noun} over {len(self.classes)} classes: {told}>"

    @property
    def is_classified(self) -> np.ndarray:
        """Whether each image has an answer: ``bool``, shape (n,)."""
        return np.array([refusal is None for refusal in self.refusals], bool)

    @property
    def is_abstained(self) -> np.ndarray:
        """Whether the model abstains on each image that has an answer: ``bool``, shape (n,)."""
        return (self.is_low_confidence | self.is_out_of_distribution) & self.is_classified

    @property
    def is_accepted(self) -> np.ndarray:
        """Whether the model stands by its answer for each image: ``bool``, shape (n,)."""
        return self.is_classified & ~self.is_abstained

    @property
    def numbers(self) -> np.ndarray:
        """Number of the most probable class: ``int64``, shape (n,); -1 for a refused image."""
        filled = np.where(np.isnan(self.probabilities), -np.inf, self.probabilities)
        return np.where(self.is_classified, filled.argmax(axis=1), -1)

    @property
    def labels(self) -> np.ndarray:
        """Code of the most probable class: text, shape (n,); empty for a refused image."""
        return np.array([*self.classes, ""])[self.numbers]

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the most probable class: ``float32``, shape (n,); NaN for a refused image."""
        return self.probabilities.max(axis=1, initial=-np.inf) if len(self) else np.zeros(0, np.float32)

    @property
    def decisions(self) -> np.ndarray:
        """``"accepted"``, ``"abstained"`` or ``"refused"``: text, shape (n,)."""
        return np.select([~self.is_classified, self.is_abstained], ["refused", "abstained"], "accepted")

    @property
    def reasons(self) -> list[str]:
        """Why an image was refused or the model abstains, in words for tables; empty for an accepted answer."""
        return [self._told(row)[0] for row in range(len(self))]

    @property
    def details(self) -> list[str]:
        """The same in sentences; several are joined by ``"; "``."""
        return [self._told(row)[1] for row in range(len(self))]

    def kept(self, name: Literal["features", "maps", "tiles"]) -> np.ndarray:
        """Return the features, maps or tiles.

        Raises
        ------
        ValueError
            If they were not asked for.
        """
        found = getattr(self, name)
        if found is None:
            raise ValueError(f"{name} were not asked for; give predict {name}=True")
        return found

    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the tiles and their activation maps; see ``kept``."""
        return self.kept("tiles"), self.kept("maps")

    def refused_of(self, paths: Sequence[str]) -> dict[str, str]:
        """Return path and sentence of each image that has no answer."""
        return {path: refusal.sentence for path, refusal in zip(paths, self.refusals, strict=True) if refusal}

    def to_frame(self) -> DataFrame:
        """Return a pandas data frame: a row an image, numbers as numbers, NaN where there are none.

        Columns are those of ``predictions.csv``; ``path`` only where an image came from a file.
        """
        import pandas as pd

        columns: dict[str, object] = {"path": list(self.sources)} if any(self.sources) else {}
        columns |= {
            "predicted_label": [label or None for label in self.labels],
            "confidence": self.confidence,
            "decision": self.decisions,
            "reason": self.reasons,
            **{f"prob_{code}": self.probabilities[:, i] for i, code in enumerate(self.classes)},
            "distance": self.distances,
            "detail": self.details,
        }
        return pd.DataFrame(columns)

    @staticmethod
    def columns(classes: Sequence[str], *extra: str) -> list[str]:
        """Return the columns of a table of predictions, ``extra`` ones after ``path``."""
        probabilities = [f"prob_{code}" for code in classes]
        return [
            "path",
            *extra,
            "predicted_label",
            "confidence",
            "decision",
            "reason",
            *probabilities,
            "distance",
            "detail",
        ]

    def rows(self, paths: Sequence[str]) -> Iterator[dict[str, object]]:
        """Return a table row for each image; numbers with six decimals, cells of what is not known empty."""
        return (answer.row(path, self.classes) for path, answer in zip(paths, self, strict=True))

    def documents(self, paths: Sequence[str]) -> Iterator[dict[str, object]]:
        """Return the same rows with numbers as numbers and ``None`` for what is missing, for JSON."""
        return (answer.document(path, self.classes) for path, answer in zip(paths, self, strict=True))

    def _told(self, row: int) -> tuple[str, str]:
        return self.refusals[row] or DOUBTS[bool(self.is_out_of_distribution[row]), bool(self.is_low_confidence[row])]

    def _one(self, row: int) -> Prediction:
        refusal, distance = self.refusals[row], float(self.distances[row])
        reason, detail = self._told(row)
        probabilities = self.probabilities[row]
        best = int(probabilities.argmax()) if refusal is None else -1
        return Prediction(
            source=self.sources[row],
            label=None if refusal else self.classes[best],
            confidence=None if refusal else float(probabilities[best]),
            decision="refused" if refusal else "abstained" if reason else "accepted",
            reason=reason,
            detail=detail,
            probabilities={} if refusal else dict(zip(self.classes, probabilities.tolist(), strict=True)),
            distance=None if np.isnan(distance) else distance,
        )


_BY_IMAGE = (
    "probabilities", "refusals", "is_low_confidence", "is_out_of_distribution", "distances", "sources", "sizes_px",
    "is_field_of_view_assumed", "features", "maps", "tiles",
)  # fmt: skip
"""What has a row an image."""
