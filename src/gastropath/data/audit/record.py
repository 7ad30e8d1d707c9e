"""What one file holds: size, hashes, glass, sharpness, colour, and what is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.data.audit.phash import perceptual_hash
from gastropath.data.duplicates.keypoints import SIDE_PX, Keypoints, find_keypoints, grey_picture
from gastropath.errors import CannotReadImage
from gastropath.images import inspect

BLANK, GLASS, BLURRED, GREY = "blank", "mostly glass", "blurred", "grey"
FLAGS = {
    BLANK: "at least 99.5 % of its pixels are within 12 grey levels of its median",
    GLASS: "at least 90 % of it is white",
    BLURRED: "its edges are soft compared with its contrast (sharpness below 0.30)",
    GREY: "what is not white has hardly any colour",
}
"""Problems a readable tile can have, and what each means."""

_WHITE_FROM, _WHITE_COLOUR = 210, 30  # darkest channel at least this, channels at most so far apart
_GLASS_SHARE = 0.90
_SAME_GREY, _BLANK_SHARE = 12, 0.995
_SHARP_FROM = 0.30
_COLOURED_FROM = 8.0
_ENOUGH_TISSUE = 0.01


@dataclass(frozen=True)
class TileRecord:
    """What one file holds. A refused file has a ``refusal`` and zero for a size.

    Attributes
    ----------
    width, height
        In pixels, after the orientation in the EXIF header is applied.
    mode
        Colour mode in the file, Pillow's name.
    bytes
        Size of the file.
    pixel_sha256
        Of the decoded RGB pixels and their shape: equal for equal pictures, however they are encoded.
    phash
        See :func:`gastropath.data.audit.phash.perceptual_hash`.
    white_share
        Share of the tile that is white: glass, or the inside of fat cells.
    sharpness
        Standard deviation of the Laplacian over that of the grey levels, at 112 px a side: fine detail for its
        contrast. About 0.5 to 1.3 in sharp tissue.
    mean_red, mean_green, mean_blue
        Mean colour, 0 to 255.
    saturation
        Mean distance between the highest and the lowest channel of a pixel, 0 to 255.
    flags
        Names of problems, of :data:`FLAGS`.
    refusal
        Why the file could not be decoded; empty where it could.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    bytes: int = 0
    pixel_sha256: str = ""
    phash: str = ""
    white_share: float = 0.0
    sharpness: float = 0.0
    mean_red: float = 0.0
    mean_green: float = 0.0
    mean_blue: float = 0.0
    saturation: float = 0.0
    flags: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def problem(self) -> str:
        """Everything wrong with the tile, in words; empty where nothing is."""
        if self.refusal:
            cut_off = self.refusal.startswith("is truncated")
            return self.refusal.removeprefix("is ") if cut_off else f"unreadable: {self.refusal}"
        return "; ".join(self.flags)


def read_tile_record(file: Path) -> TileRecord:
    """Decode one file and describe it; damage becomes a ``refusal``."""
    return read_tile(file, with_points=False)[0]


def read_tile(file: Path, *, with_points: bool = True) -> tuple[TileRecord, Keypoints | None]:
    """Decode one file once, describe it, and find the points by which copies of it are found.

    A blank tile has no points that mean anything, and a refused one none at all.
    """
    try:
        pixels, mode = inspect(file)
    except CannotReadImage as error:
        return TileRecord(bytes=_size(file), refusal=str(error)), None
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(pixels.tobytes())
    height, width = pixels.shape[:2]
    grey = grey_picture(pixels)
    figures, flags = _look(pixels, grey)
    record = TileRecord(
        width, height, mode, _size(file), digest.hexdigest(), perceptual_hash(pixels), *figures, flags=flags
    )
    return record, find_keypoints(grey) if with_points and BLANK not in flags else None


def _look(pixels: np.ndarray, grey: np.ndarray) -> tuple[list[float], tuple[str, ...]]:
    """Measure glass, sharpness and colour on the shrunken tile, and name what is wrong."""
    small = Image.fromarray(pixels).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    red, green, blue = (np.asarray(channel) for channel in small.split())  # whole planes: many times faster than pixels
    lowest = np.minimum(np.minimum(red, green), blue)
    colour = np.maximum(np.maximum(red, green), blue) - lowest
    white = (lowest >= _WHITE_FROM) & (colour <= _WHITE_COLOUR)
    white_share = float(white.mean())
    levels = grey.astype(np.float32)
    edges = 4 * levels[1:-1, 1:-1] - levels[:-2, 1:-1] - levels[2:, 1:-1] - levels[1:-1, :-2] - levels[1:-1, 2:]
    sharpness = float(edges.std() / max(levels.std(), 1.0))
    blank = float((np.abs(levels - np.median(levels)) <= _SAME_GREY).mean()) >= _BLANK_SHARE
    tissue = colour[~white]
    uncoloured = len(tissue) >= _ENOUGH_TISSUE * white.size and float(tissue.mean()) < _COLOURED_FROM
    flags = {
        BLANK: blank,
        GLASS: white_share >= _GLASS_SHARE and not blank,
        BLURRED: sharpness < _SHARP_FROM and not blank,
        GREY: uncoloured and not blank,
    }
    figures = [white_share, sharpness, red.mean(), green.mean(), blue.mean(), colour.mean()]
    return [round(float(figure), 3) for figure in figures], tuple(name for name, found in flags.items() if found)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):  # gone, or a path that no file can have
        return 0
