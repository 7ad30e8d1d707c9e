"""What reading tiles showed beside their pixels, so that nobody needs to decode them again for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gastropath.data.audit.record import TileRecord
    from gastropath.data.kept_rows import KeptRows


@dataclass(frozen=True)
class Seen:
    """What is known of pictures, each found by :func:`gastropath.images.pixel_sha256`.

    Attributes
    ----------
    records
        Size, colour and sharpness.
    colours
        Counts of the colour histogram, see :mod:`gastropath.data.colour.histograms`; ``None`` where they are not kept.
    """

    records: Mapping[str, TileRecord]
    colours: KeptRows | None = None
