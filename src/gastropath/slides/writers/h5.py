"""``features.h5``: what the network sees in each classified tile, for other software."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import MissingExtra
from gastropath.results.card import Card
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide

_CHUNK_ROWS, _CHUNK_PLACES = 256, 4096


class FeaturesH5:
    """Writes HDF5 while the blocks go by: ``features`` (n, f) and ``coords`` (n, 2), pixels of level 0."""

    def __init__(self, path: Path, tiled: TiledSlide, card: Card) -> None:
        """Open the file.

        Raises
        ------
        MissingExtra
            If h5py is not installed.
        """
        try:
            import h5py
        except ImportError:
            raise MissingExtra("writing `features`", "slides", "h5py") from None
        self._grid = tiled.grid
        self._file = h5py.File(path, "w", track_order=False)
        self._file.attrs["tile_px_level0"] = tiled.grid.tile
        self._file.attrs["model"] = card.files.get("model.tflite", "")
        self._features: Any = None
        self._coords: Any = None

    def add(self, block: Block) -> None:
        """Write the features of a block."""
        rows = np.flatnonzero(block.predictions.is_classified)
        if not len(rows):
            return
        found = block.predictions.kept("features")[rows]
        if self._features is None:
            width = found.shape[1]
            self._features = self._file.create_dataset(
                "features", (0, width), "f4", maxshape=(None, width), chunks=(_CHUNK_ROWS, width)
            )
            self._coords = self._file.create_dataset(
                "coords", (0, 2), "i8", maxshape=(None, 2), chunks=(_CHUNK_PLACES, 2)
            )
        n = len(self._features)
        for dataset, values in (
            (self._features, found), (self._coords, self._grid.rectangles(block.numbers[rows])[:, :2])
        ):  # fmt: skip
            dataset.resize(n + len(rows), axis=0)
            dataset[n:] = values

    def close(self) -> None:
        """Complete the file."""
        self._file.close()
