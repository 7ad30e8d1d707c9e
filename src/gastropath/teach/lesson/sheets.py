"""The maps of a lesson: as they are by what was learned so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np

from gastropath.results.card import Card
from gastropath.results.summary import SlideSummary
from gastropath.teach.atlas import Atlas, Sheet
from gastropath.teach.lesson.heads import chances
from gastropath.teach.lesson.learner import Lore
from gastropath.teach.lesson.pool import TileFeatures
from gastropath.teach.maps import DECISIONS, NO_LABEL, SlideMap
from gastropath.teach.originals import Original

_NO_ACTIVATION = "where a tile speaks for a class is shown once the model is sealed"
_LOW = "its confidence is below the threshold of the model that is taught"


class Taught:
    """Reckons up the map of a slide for each head, and keeps the last one.

    Parameters
    ----------
    pool
        The tiles.
    card
        Of the model that is taught: temperature and threshold stay its own until the new one is sealed.
    codes
        Classes of the lesson.
    lore
        Returns what is learned.
    """

    def __init__(self, pool: TileFeatures, card: Card, codes: tuple[str, ...], lore: Callable[[], Lore]) -> None:
        self.pool, self.card, self.codes, self.lore = pool, card, codes, lore
        self._kept: tuple[int, SlideMap] = (-1, pool.shown)
        self._lock = Lock()

    @property
    def shown(self) -> SlideMap:
        """The map by what is learned now."""
        with self._lock:
            lore = self.lore()
            version, shown = self._kept
            if version != lore.version:
                shown = self._map(lore)
                self._kept = (lore.version, shown)
            return shown

    def before(self) -> np.ndarray:
        """Return the class that the model which is taught gives each tile: place in ``codes``, or -1."""
        was = self.pool.shown
        places = np.array(
            [self.codes.index(code) if code in self.codes else NO_LABEL for code in was.classes], np.int64
        )
        return np.where(was.labels >= 0, places[was.labels], NO_LABEL)

    def _map(self, lore: Lore) -> SlideMap:
        was, rows = self.pool.shown, self.pool.rows
        answers = chances(lore.head, self.pool.features, self.card.calibration.temperature)
        threshold = self.card.abstention.threshold if self.card.abstention else 0.0
        probabilities = np.full((len(was), len(self.codes)), np.nan, np.float32)
        probabilities[rows] = answers
        labels, confidence = np.full(len(was), NO_LABEL), np.full(len(was), np.nan, np.float32)
        labels[rows], confidence[rows] = answers.argmax(axis=1), answers.max(axis=1)
        decisions = was.decisions.copy()
        is_low = answers.max(axis=1) < threshold
        decisions[rows] = np.where(is_low, DECISIONS.index("abstained"), DECISIONS.index("accepted"))
        reasons = np.array(was.reasons, object)
        reasons[rows] = np.where(is_low, _LOW, "")
        return replace(
            was, classes=self.codes, labels=labels, decisions=decisions, confidence=confidence,
            distances=np.full(len(was), np.nan, np.float32), probabilities=probabilities, reasons=tuple(reasons),
        )  # fmt: skip


@dataclass(eq=False)
class TaughtSheet(Sheet):
    """A sheet whose answers change while a model is taught.

    Attributes
    ----------
    taught
        Its map.
    """

    taught: Taught | None = None

    @property
    def map(self) -> SlideMap:
        """The answers by what is learned now."""
        assert self.taught is not None
        return self.taught.shown

    @property
    def bundle(self) -> tuple[Original, Card | None]:
        """No bundle made this map; the card is that of the model that is taught."""
        assert self.taught is not None
        return Original(None, _NO_ACTIVATION), self.taught.card


class TaughtAtlas(Atlas):
    """The maps of a lesson; there is none until slides are mapped."""

    def __init__(self) -> None:
        super().__init__({})
        self._taught: Mapping[str, Taught] = {}

    def fill(
        self, summaries: Mapping[Path, SlideSummary], taught: Mapping[str, Taught], slides: Sequence[Path]
    ) -> None:
        """Put maps in; ``taught`` holds each by the name of its folder, ``slides`` is where the slides may lie."""
        super().__init__(summaries, slides)
        self._taught = taught

    def _sheet(self, number: int) -> Sheet:
        folder, summary = self._summaries[number]
        return TaughtSheet(folder, summary, self.names[number], self._moved_to, taught=self._taught[folder.name])
