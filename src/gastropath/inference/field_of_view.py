"""Pictures brought to the size a model takes: from arrays, files, or the content of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.errors import CannotReadImage
from gastropath.images import decode, fit
from gastropath.parallel import each
from gastropath.results.card import CardInput


@dataclass(frozen=True)
class Fitted:
    """A picture of the model's size, or why there is none.

    Attributes
    ----------
    pixels
        ``uint8``, shape (tile_px, tile_px, 3).
    refusal
        Why it could not be read; empty where it was.
    stretched
        Whether its field of view was guessed.
    size_px
        Width and height of the picture itself.
    """

    pixels: np.ndarray | None
    refusal: str = ""
    stretched: bool = False
    size_px: tuple[int, int] = (0, 0)


def fitted(pixels: np.ndarray, wanted: CardInput, mpp: float | None) -> Fitted:
    """Bring a picture to the model's size.

    Parameters
    ----------
    pixels
        ``uint8``, shape (h, w, 3).
    wanted
        What the model takes.
    mpp
        Micrometres per pixel. Where it is not known, the picture is taken for one field of view of the model.

    Raises
    ------
    ValueError
        If ``mpp`` is out of range.
    """
    if mpp is not None and not 0.01 <= mpp <= 100:
        raise ValueError(f"mpp is {mpp}; expected micrometres per pixel between 0.01 and 100")
    height, width = pixels.shape[:2]
    guessed = mpp is None and (width, height) != (wanted.tile_px, wanted.tile_px)
    zoom = None if mpp is None else mpp / wanted.mpp
    return Fitted(fit(pixels, wanted.tile_px, zoom), stretched=guessed, size_px=(width, height))


def fitted_files(
    sources: Sequence[Path | bytes],
    wanted: CardInput,
    mpp: float | Sequence[float | None] | None,
    *,
    max_pixels: int,
    decoders: int | None = None,
) -> Iterator[Fitted]:
    """Decode image files (or their content) ahead of what takes them, in order; one that cannot be read is refused.

    Parameters
    ----------
    sources
        Files, or their content.
    wanted, mpp
        See :func:`fitted`; ``mpp`` of all files, or of each.
    max_pixels
        Images with more pixels are refused.
    decoders
        Files decoded at a time; by default one more than there are cores.
    """

    def read(item: tuple[Path | bytes, float | None]) -> Fitted:
        source, its_mpp = item
        try:
            return fitted(decode(source, max_pixels=max_pixels), wanted, its_mpp)
        except CannotReadImage as error:
            return Fitted(None, str(error))

    every = [mpp] * len(sources) if mpp is None or isinstance(mpp, int | float) else mpp
    return each(read, zip(sources, every, strict=True), workers=decoders)
