"""What one file holds: size, hashes, glass, sharpness, colour, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.data.colour.histograms import counts_of
from gastropath.data.duplicates.keypoints import SIDE_PX, Keypoints, find_keypoints, grey_picture
from gastropath.data.index import file_bytes
from gastropath.decoding import inspect
from gastropath.errors import CannotReadImage
from gastropath.images import pixel_sha256
from gastropath.results.prediction import Refusal

BLANK, GLASS, BLURRED, GREY, ODD_SIZE = "blank", "mostly_glass", "blurred", "grey", "odd_size"
FLAGS = {
    BLANK: "at least 99.5 % of its pixels are within 12 grey levels of its median",
    GLASS: "at least 90 % of it is white",
    BLURRED: "its edges are soft compared with its contrast (sharpness below 0.30)",
    GREY: "its tissue has hardly any colour",
    ODD_SIZE: "at least 90 % of the tiles have another size",
}
"""Problems of a readable tile, and what each means. The last shows only beside other tiles."""

REFUSED = {
    "unreadable": "the file cannot be opened",
    "empty": "the file has 0 bytes",
    "too_large": "it has more pixels or bytes than are allowed",
    "too_small": "it is too small to show tissue",
    "not_an_image": "it is not an image of a known format",
    "several_pictures": "it holds several pictures: an animation or pages",
    "colour_mode": "the scale of its colours is not known",
    "truncated": "the file ends before the picture does",
    "damaged": "it cannot be decoded",
    "replaced": "it is another picture than the one that was read before",
}
"""Why a file is refused (:attr:`gastropath.errors.CannotReadImage.code`), and what each code means."""

_WHITE_FROM, _WHITE_COLOUR = 210, 30  # darkest channel at least this, channels at most so far apart
_GLASS_SHARE = 0.90
_SAME_GREY, _BLANK_SHARE = 12, 0.995
_SHARP_FROM = 0.30
_COLOURED_FROM = 8.0
_ENOUGH_TISSUE = 0.01


@dataclass(frozen=True)
class TileRecord:
    """What one file holds. A refused file has a ``refusal`` and zeros for its measures.

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
    white_share
        Share of the tile that is white: glass, or the inside of fat cells.
    sharpness
        Standard deviation of the Laplacian divided by that of the grey levels, at 112 px a side: fine detail relative
        to contrast. About 0.5 to 1.3 in sharp tissue.
    mean_red, mean_green, mean_blue
        Mean colour, 0 to 255.
    saturation
        Mean distance between the highest and the lowest channel of a pixel, 0 to 255.
    flags
        Codes of its problems, from :data:`FLAGS`.
    refusal
        Why the file could not be decoded; ``None`` where it could.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    bytes: int = 0
    pixel_sha256: str = ""
    white_share: float = 0.0
    sharpness: float = 0.0
    mean_red: float = 0.0
    mean_green: float = 0.0
    mean_blue: float = 0.0
    saturation: float = 0.0
    flags: tuple[str, ...] = ()
    refusal: Refusal | None = None


def words(code: str) -> str:
    """Return the code of a problem in words, e.g. ``"mostly glass"``."""
    return code.replace("_", " ")


@dataclass(frozen=True)
class TileContent:
    """What is read of one file while it is decoded.

    Attributes
    ----------
    record
        Its description.
    points
        Keypoints by which copies of it are found. A blank tile has none that mean anything, and a refused one none at
        all.
    colours
        Counts of its colour histogram, see :func:`gastropath.data.colour.histograms.counts_of`; ``None`` where it was
        refused.
    """

    record: TileRecord
    points: Keypoints | None = None
    colours: np.ndarray | None = None


def read_tile_record(file: Path) -> TileRecord:
    """Decode one file and describe it; damage becomes a ``refusal``."""
    return read_tile(file, with_points=False).record


def read_tile(file: Path, *, with_points: bool = True) -> TileContent:
    """Decode one file once, and take from it all that is asked for of many tiles."""
    try:
        pixels, mode = inspect(file)
    except CannotReadImage as error:
        return TileContent(TileRecord(bytes=file_bytes(file) or 0, refusal=Refusal(error.code, error.reason)))
    height, width = pixels.shape[:2]
    grey = grey_picture(pixels)
    measures, flags = _measure(pixels, grey)
    record = TileRecord(width, height, mode, file_bytes(file) or 0, pixel_sha256(pixels), *measures, flags=flags)
    points = find_keypoints(grey) if with_points and BLANK not in flags else None
    return TileContent(record, points, counts_of(pixels))


def _measure(pixels: np.ndarray, grey: np.ndarray) -> tuple[list[float], tuple[str, ...]]:
    """Measure glass, sharpness and colour on the shrunken tile, and list its problems."""
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
    measures = [white_share, sharpness, red.mean(), green.mean(), blue.mean(), colour.mean()]
    return [round(float(value), 3) for value in measures], tuple(code for code, applies in flags.items() if applies)
