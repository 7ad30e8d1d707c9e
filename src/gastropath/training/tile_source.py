"""Tiles as files, and how each is brought to the model's size; workers of a cluster need no TensorFlow for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.decoding import decode
from gastropath.errors import CannotReadImage
from gastropath.images import pixel_sha256, to_tile


@dataclass(frozen=True)
class TileSource:
    """A tile's file, its micrometres per pixel over the model's, and what it must show.

    ``zoom`` is ``None`` where they are not known; ``shown`` is :func:`gastropath.images.pixel_sha256`, empty where
    nobody has read the file before.
    """

    file: Path
    zoom: float | None
    shown: str = field(default="", kw_only=True)

    def load(self, tile_px: int) -> np.ndarray:
        """Decode the tile and bring it to the model's size: ``uint8``, shape (tile_px, tile_px, 3).

        Raises
        ------
        CannotReadImage
            If it cannot be read, or is another picture than before; the message names it.
        """
        return self.read(tile_px)[1]

    def read(self, tile_px: int) -> tuple[str, np.ndarray]:
        """Return what the file shows (:func:`gastropath.images.pixel_sha256`), and the tile as :meth:`load` does."""
        try:
            decoded = decode(self.file)
            shown = pixel_sha256(decoded)
            if self.shown and shown != self.shown:
                raise CannotReadImage(
                    "is another picture than when the tiles were read", code="replaced", remedy="run it again"
                )
            return shown, to_tile(decoded, tile_px, self.zoom)
        except CannotReadImage as error:
            raise error.at(self.file) from None


def sources(index: TileIndex, mpp: float) -> list[TileSource]:
    """List the tiles of an index for a model that is meant for ``mpp`` micrometres per pixel."""
    zooms = (own / mpp if own else None for own in index.mpp())
    pixels = index.pixels or ("",) * len(index)
    return [TileSource(file, zoom, shown=own) for file, zoom, own in zip(index.files(), zooms, pixels, strict=True)]
