"""Tiles with their labels and answers, and which of them are judged: what every figure is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.data.split.split import PARTS, Split
from gastropath.errors import NoTilesFound
from gastropath.evaluation.estimates import Resampling
from gastropath.results.card import Card
from gastropath.results.metrics import JudgedPart
from gastropath.results.predictions import Predictions


@dataclass(frozen=True)
class JudgedTiles:
    """Labelled tiles of all parts, one answer each, of which one part is judged.

    Attributes
    ----------
    card
        Of the model that answered.
    index
        The tiles, all of classes that the model has.
    predictions
        One answer a tile.
    parts
        Part of each tile.
    judged_part
        The part that is judged.
    split
        How the tiles were divided; ``None`` where they were not.
    seed
        Of everything random.

    Raises
    ------
    NoTilesFound
        If no tile of the judged part has an answer.
    """

    card: Card
    index: TileIndex
    predictions: Predictions
    parts: tuple[str, ...]
    judged_part: JudgedPart
    split: Split | None
    seed: int

    def __post_init__(self) -> None:
        if self.judged_part not in self.parts:
            what = f"the {self.judged_part} part has no tile of a class that the model has"
            raise NoTilesFound(what, where=self.index.root)
        if not len(self.judged):
            raise NoTilesFound("none of the tiles to judge could be read", where=self.index.root)

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """Rows of each part that have an answer, ``int64``: by pixels, so that no figure depends on names."""
        part_of, classified = np.array(self.parts), self.predictions.is_classified
        order = self.index.in_fixed_order() if self.index.pixels else np.arange(len(self.index))
        wanted = {part: classified & (part_of == part) for part in (*PARTS, self.judged_part)}
        return {part: order[chosen[order]] for part, chosen in wanted.items()}

    @property
    def judged(self) -> np.ndarray:
        """Rows of the judged part that have an answer, ``int64``."""
        return self.rows[self.judged_part]

    @cached_property
    def true(self) -> np.ndarray:
        """Class number of every tile, ``int64``."""
        return self.index.numbers(self.card.codes)

    @cached_property
    def labels(self) -> np.ndarray:
        """Class number of each judged tile, ``int64``."""
        return self.true[self.judged]

    @cached_property
    def answers(self) -> Predictions:
        """The answer to each judged tile."""
        return self.predictions[self.judged]

    @cached_property
    def resampling(self) -> Resampling:
        """What intervals of the judged tiles resample."""
        return Resampling.of(self.index, self.judged, self.seed)
