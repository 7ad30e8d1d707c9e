"""Tiles as small pictures for a page, and the words around them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from gastropath.data.duplicates.keypoints import oriented
from gastropath.errors import CannotReadImage
from gastropath.images import encode_jpeg, load_tile
from gastropath.report.parts import Tile
from gastropath.tissue_classes import tissue_class

_SIDE_PX = 132
_LONGEST_NAME = 44


def thumbnail(file: Path, code: str, caption: str, *, turn: int = 0) -> Tile | None:
    """Shrink a tile; ``None`` where its file can no longer be read (the page shows the others).

    Parameters
    ----------
    file, code
        The tile and its class.
    caption
        What stands below it.
    turn
        A flip and turn to apply, see :func:`gastropath.data.duplicates.keypoints.oriented`.
    """
    try:
        pixels = load_tile(file, _SIDE_PX)
    except CannotReadImage:
        return None
    upright = oriented(pixels.transpose(2, 0, 1), turn).transpose(1, 2, 0)
    return Tile(encode_jpeg(upright.copy(), 80), caption, f"tile of class {code}", tissue_class(code).color)


def short(path: str) -> str:
    """Return the name of a tile's file without its folder, long names shortened."""
    name = PurePosixPath(path).name
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 16]}…{name[-15:]}"
