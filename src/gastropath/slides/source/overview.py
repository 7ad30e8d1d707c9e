"""A whole slide at reduced size, read part by part: memory does not grow with it, and damage stays where it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.parallel import cores, each

_PART_CHUNKS, _PART_PX = 8, 2048
"""Side of the square that is read at a time: at most so many chunks, and so many pixels."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; of bounds, left, top, width and height."""


@dataclass(frozen=True)
class Overview:
    """A whole slide at reduced size.

    Attributes
    ----------
    pixels
        ``uint8`` RGB, shape (h, w, 3); white where the slide is damaged.
    lost
        Where it is damaged: ``bool``, shape (h, w).
    """

    pixels: np.ndarray
    lost: np.ndarray

    @classmethod
    def of(cls, image: Image.Image, most_px: int) -> Overview:
        """Shrink an undamaged picture."""
        pixels = _shrunk(image, most_px)
        return cls(pixels, np.zeros(pixels.shape[:2], bool))

    def shrunk(self, most_px: int) -> Overview:
        """Shrink it until its longer side is at most ``most_px``; a pixel that is partly lost counts as lost."""
        if max(self.lost.shape) <= most_px:
            return self
        lost = _shrunk(Image.fromarray(self.lost.astype(np.uint8) * 255), most_px)
        return Overview(_shrunk(Image.fromarray(self.pixels), most_px), lost > 0)


def read_overview(
    read: Callable[[int, int, int, int], np.ndarray], size: tuple[int, int], chunk: tuple[int, int], most_px: int
) -> Overview:
    """Read a level of a slide part by part, and shrink it until its longer side is at most ``most_px``.

    Parameters
    ----------
    read
        Reads left, top, width and height of the level; called by several threads.
    size, chunk
        Width and height in pixels of the level, and of the chunks that it is compressed in. No chunk is read twice,
        unless a part is damaged: then that part is halved until only damaged chunks are lost.
    most_px
        Longer side of the overview.
    """
    scale = min(1.0, most_px / max(size))
    picture = Image.new("RGB", (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), "white")
    lost = np.zeros((picture.height, picture.width), bool)

    def shrunken(part: Box) -> list[tuple[Box, Image.Image | None]]:
        x0, y0, x1, y1 = small = _scaled(part, scale)
        if x0 == x1 or y0 == y1:
            return []
        try:
            pixels = read(part[0], part[1], part[2] - part[0], part[3] - part[1])
        except CannotReadRegion:
            halves = _halves(part, chunk)
            return [piece for half in halves for piece in shrunken(half)] if halves else [(small, None)]
        shown = Image.fromarray(pixels).resize((x1 - x0, y1 - y0), Image.Resampling.BOX, reducing_gap=2.0)
        return [(small, shown)]

    across, down = _part(*chunk)
    parts = (
        (left, top, min(left + across, size[0]), min(top + down, size[1]))
        for top in range(0, size[1], down)
        for left in range(0, size[0], across)
    )
    for pieces in each(shrunken, parts, workers=cores()):
        for (x0, y0, x1, y1), piece in pieces:
            if piece:
                picture.paste(piece, (x0, y0))
            else:
                lost[y0:y1, x0:x1] = True
    return Overview(np.asarray(picture), lost)


def _scaled(part: Box, scale: float) -> Box:
    left, top, right, bottom = part
    return round(left * scale), round(top * scale), round(right * scale), round(bottom * scale)


def _part(across: int, down: int) -> tuple[int, int]:
    """Return width and height to read at a time of a level in chunks of these."""
    width = max(1, min(_PART_CHUNKS, _PART_PX // across)) * across
    height = max(1, min(_PART_CHUNKS, _PART_PX**2 // width // down)) * down
    return (width, height) if width * height <= 4 * _PART_PX**2 else (_PART_PX, _PART_PX)


def _halves(part: Box, chunk: tuple[int, int]) -> tuple[Box, ...]:
    """Cut a part between chunks; return nothing where it is a single chunk."""
    left, top, right, bottom = part
    columns, rows = math.ceil((right - left) / chunk[0]), math.ceil((bottom - top) / chunk[1])
    if columns == rows == 1:
        return ()
    if columns >= rows:
        middle = left + columns // 2 * chunk[0]
        return (left, top, middle, bottom), (middle, top, right, bottom)
    middle = top + rows // 2 * chunk[1]
    return (left, top, right, middle), (left, middle, right, bottom)


def _shrunk(image: Image.Image, most_px: int) -> np.ndarray:
    scale = min(1.0, most_px / max(image.size))
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(small, Image.Resampling.BOX))
