"""Where the chunks of a picture in a TIFF lie, and how they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TiffDirectory:
    """A picture of 8-bit colours in chunks, upright, its three channels side by side.

    Attributes
    ----------
    size, chunk
        Width and height in pixels of the picture, and of its chunks.
    compression, photometric, predictor
        Values of these tags.
    tables
        JPEG tables that all chunks share; empty where there are none.
    offsets, counts
        Where each chunk begins in the file, and how many bytes it has: ``int64``, row by row.
    """

    size: tuple[int, int]
    chunk: tuple[int, int]
    compression: int
    photometric: int
    predictor: int
    tables: bytes
    offsets: np.ndarray
    counts: np.ndarray

    @property
    def across(self) -> int:
        """Chunks in a row."""
        return -(-self.size[0] // self.chunk[0])

    @classmethod
    def of(cls, page: Any) -> TiffDirectory | None:
        """Return the picture that a page of tifffile holds; ``None`` where it is of another kind."""
        is_plain = (
            page.is_tiled
            and (int(page.samplesperpixel), page.bitspersample, int(page.planarconfig)) == (3, 8, 1)
            and not page.extrasamples
            and int(page.fillorder) == int(page.tags.valueof(274, 1) or 1) == int(page.imagedepth) == 1
            and int(page.sampleformat) == 1
        )
        if not is_plain:
            return None
        found = cls(
            size=(int(page.imagewidth), int(page.imagelength)),
            chunk=(int(page.tilewidth), int(page.tilelength)),
            compression=int(page.compression),
            photometric=int(page.photometric),
            predictor=int(page.predictor),
            tables=bytes(page.jpegtables or b""),
            offsets=np.array(page.dataoffsets, np.int64),
            counts=np.array(page.databytecounts, np.int64),
        )
        if min(*found.size, *found.chunk) < 1:
            return None
        n = found.across * -(-found.size[1] // found.chunk[1])
        return found if len(found.offsets) == len(found.counts) == n else None
