"""Tiles as files, and how each is brought to the model's size; workers of a cluster need no TensorFlow for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.errors import CannotReadImage
from gastropath.images import load_tile


@dataclass(frozen=True)
class TileSource:
    """A tile's file, and its micrometres per pixel over the model's; ``None`` where they are not known."""

    file: Path
    zoom: float | None

    def load(self, tile_px: int) -> np.ndarray:
        """Decode the tile and bring it to the model's size: ``uint8``, shape (tile_px, tile_px, 3).

        Raises
        ------
        CannotReadImage
            If it cannot be read; the message names it.
        """
        try:
            return load_tile(self.file, tile_px, zoom=self.zoom)
        except CannotReadImage as error:
            raise error.at(self.file) from None


def sources(index: TileIndex, mpp: float) -> list[TileSource]:
    """List the tiles of an index for a model that is meant for ``mpp`` micrometres per pixel."""
    zooms = (own / mpp if own else None for own in index.mpp())
    return [TileSource(file, zoom) for file, zoom in zip(index.files(), zooms, strict=True)]
