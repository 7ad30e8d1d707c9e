"""Pictures brought to the field of view and size that a model takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gastropath.decoding import Source, decode
from gastropath.errors import CannotReadImage
from gastropath.images import pixel_sha256, to_tile
from gastropath.parallel import each
from gastropath.results.card import CardInput
from gastropath.results.prediction import Refusal

_REPLACED = Refusal("replaced", "is another picture than when the tiles were read; run it again")


@dataclass(frozen=True)
class Tile:
    """A picture in the model's size, or why there is none.

    Attributes
    ----------
    pixels
        ``uint8``, shape (tile_px, tile_px, 3).
    source
        Path of the picture; empty where it came from memory.
    refusal
        Why it could not be read; ``None`` where it was.
    is_field_of_view_assumed
        Whether its micrometres per pixel are not known, and it was taken for one field of view.
    size_px
        Width and height of the picture itself.
    """

    pixels: np.ndarray | None
    source: str = ""
    refusal: Refusal | None = None
    is_field_of_view_assumed: bool = False
    size_px: tuple[int, int] = (0, 0)


def check_mpp(mpp: float | None) -> None:
    """Check micrometres per pixel.

    Raises
    ------
    ValueError
        If they are out of range.
    """
    if mpp is not None and not 0.01 <= mpp <= 100:
        raise ValueError(f"mpp is {mpp}; expected micrometres per pixel between 0.01 and 100")


def read_tile(source: Source, model: CardInput, mpp: float | None, max_pixels: int, shown: str = "") -> Tile:
    """Decode a picture and bring it to the model's size; one that cannot be read is refused.

    Parameters
    ----------
    source
        See :data:`gastropath.images.Source`.
    model
        What the model takes.
    mpp
        Micrometres per pixel. Where they are not known, the picture is taken for one field of view of the model.
    max_pixels
        With more it is refused.
    shown
        What it must be (:func:`gastropath.images.pixel_sha256`): another one is refused. Empty for any.
    """
    check_mpp(mpp)
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else ""
    try:
        pixels = decode(source, max_pixels=max_pixels)
    except CannotReadImage as error:
        return Tile(None, name, Refusal(error.code, error.reason))
    if shown and pixel_sha256(pixels) != shown:
        return Tile(None, name, _REPLACED)
    height, width = pixels.shape[:2]
    zoom = None if mpp is None else mpp / model.mpp
    assumed = mpp is None and (width, height) != (model.tile_px, model.tile_px)
    return Tile(to_tile(pixels, model.tile_px, zoom), name, None, assumed, (width, height))


Reader = Callable[[Source, CardInput, float | None, int, str], Tile]
"""What reads a picture: :func:`read_tile`, or the same elsewhere."""


def read_tiles(
    pictures: Iterable[tuple[Source, float | None, str]],
    model: CardInput,
    *,
    max_pixels: int,
    workers: int | None = None,
    reader: Reader | None = None,
) -> Iterator[Tile]:
    """Decode pictures, each with its resolution and what it must show, in order and ahead of what takes them.

    Parameters
    ----------
    workers
        Pictures decoded at a time; by default one more than there are cores.
    reader
        What reads a picture; by default :func:`read_tile`.
    """
    function = reader or read_tile

    def read(picture: tuple[Source, float | None, str]) -> Tile:
        source, mpp, shown = picture
        return function(source, model, mpp, max_pixels, shown)

    return each(read, pictures, workers=workers)
