"""Where the page reads uploads: in processes that are ended when a file keeps them, one of tiles and one of regions.

Nothing of a visitor's file is parsed in the server itself, so a file can cost the others no more than a time.
"""

from __future__ import annotations

import atexit

from gastropath.errors import CannotParse, CannotReadImage, CannotReadSpacing
from gastropath.inference.bounded import bounded_by, refusal
from gastropath.inference.field_of_view import Reader
from gastropath.kept_process import KeptProcess
from gastropath.slides.source.picture import Picture, open_picture, picture_spacing
from gastropath.slides.source.spacing import Spacing

DECODE_SECONDS = 10.0
"""Time that reading an upload may take: four times what the slowest format takes for as many pixels as are allowed."""

_MEGABYTES = 1024

OF_TILES, OF_REGIONS = KeptProcess(_MEGABYTES), KeptProcess(_MEGABYTES)
atexit.register(OF_TILES.stop)
atexit.register(OF_REGIONS.stop)


def tile_reader() -> Reader:
    """Return what reads the uploads of the tab of tiles."""
    return bounded_by(OF_TILES, DECODE_SECONDS)


def read_spacing(data: bytes) -> Spacing | None:
    """Return the micrometres per pixel that an upload states; ``None`` where it states none.

    Raises
    ------
    CannotReadImage
        If it is no picture, or cannot be read within bounds.
    """
    try:
        return OF_REGIONS.call(picture_spacing, data, seconds=DECODE_SECONDS)
    except CannotReadSpacing:
        return None
    except CannotParse as error:
        raise _not_a_picture(error) from None


def read_picture(data: bytes, name: str, mpp: float, max_pixels: int) -> Picture:
    """Decode an upload.

    Raises
    ------
    CannotReadImage, CannotReadSlide, CannotReadSpacing
        As :func:`gastropath.slides.source.picture.open_picture`, and if it cannot be read within bounds.
    """
    try:
        return OF_REGIONS.call(_open, data, name, mpp, max_pixels, seconds=DECODE_SECONDS)
    except CannotParse as error:
        raise _not_a_picture(error) from None


def _open(data: bytes, name: str, mpp: float, max_pixels: int) -> Picture:
    return open_picture(data, name, mpp, max_pixels=max_pixels)


def _not_a_picture(error: CannotParse) -> CannotReadImage:
    return CannotReadImage(refusal(error).sentence)
