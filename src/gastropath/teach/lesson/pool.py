"""The tiles of all maps of a lesson, as the model's features describe them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import CannotReadTable
from gastropath.slides.writers.outputs import FEATURES
from gastropath.teach.examples import BLOCK
from gastropath.teach.maps import REFUSED, SlideMap, read_map


@dataclass(frozen=True, eq=False)
class TileFeatures:
    """A map and the features of its tiles.

    Attributes
    ----------
    shown
        The map, as the model that is taught has made it.
    rows
        Row of each tile that has features, in the map: ``int64``, shape (m,).
    features
        Of these: ``float16``, as references of a model are kept, shape (m, f).
    row_of
        Place in ``rows`` of a tile by its number in the grid; tiles without features are not among them.
    """

    shown: SlideMap
    rows: np.ndarray
    features: np.ndarray
    row_of: dict[int, int]

    @classmethod
    def read(cls, folder: Path, n_features: int) -> TileFeatures:
        """Read a map and its features, of which the model has so many.

        Raises
        ------
        CannotReadTable
            If a file is not there or damaged, or the two do not belong together.
        """
        import h5py

        shown, file = read_map(folder), folder / FEATURES
        rows = np.flatnonzero(shown.decisions != REFUSED)
        try:
            with h5py.File(file, "r") as stored:
                dataset: Any = stored["features"]
                places, features = np.asarray(stored["coords"]), dataset.astype(np.float16)[:]
            features = features.reshape(len(places), n_features)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"holds no features: {' '.join(str(error).split())}"
            raise CannotReadTable(
                what, where=file, remedy="remove the folder of this map, and have it mapped again"
            ) from None
        if not np.array_equal(places.reshape(-1, 2), shown.grid.rectangles(shown.numbers[rows])[:, :2]):
            raise CannotReadTable("is of other tiles than the map beside it", where=file, remedy="map the slide again")
        return cls(shown, rows, features, {int(number): place for place, number in enumerate(shown.numbers[rows])})

    @property
    def numbers(self) -> np.ndarray:
        """Numbers in the grid of the tiles that have features, shape (m,)."""
        return self.shown.numbers[self.rows]

    def block(self, number: int) -> str:
        """Return the block of the slide that a tile lies in, which stands for a slide where there is only one."""
        columns, _ = self.shown.grid.shape
        return f"{number % columns // BLOCK},{number // columns // BLOCK}"

    def box(self, number: int) -> tuple[float, float, float, float]:
        """Return left, top, width and height of a tile in pixels of level 0."""
        x, y, width, height = self.shown.grid.rectangles(np.array([number]))[0].tolist()
        return x, y, width, height
