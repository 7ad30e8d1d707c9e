"""What every reader of stored levels offers to a slide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

import numpy as np


class StoredLevels(Protocol):
    """The levels of a slide as they are stored; may be shared by threads.

    Attributes
    ----------
    kind
        Who wrote the slide, for the record.
    sizes, chunks
        Width and height in pixels of each level, and of the chunks that it is compressed in.
    properties
        What the reader says of the slide.
    """

    kind: str
    sizes: tuple[tuple[int, int], ...]
    chunks: tuple[tuple[int, int], ...]
    properties: Mapping[str, str]

    def read(self, level: int, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
        """Read pixels of a level: ``uint8`` RGB, white where there is no slide.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        ...

    def is_exact(self, level: int, x_px: int, y_px: int) -> bool:
        """Tell whether pixels from this place on are read as they are stored, without being resampled."""
        ...

    def only(self, levels: Sequence[int]) -> Self:
        """Return some of the levels, numbered anew."""
        ...
