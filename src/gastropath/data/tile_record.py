"""What one file holds: size, hashes, colour, sharpness, and what is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gastropath.data.phash import perceptual_hash
from gastropath.errors import CannotReadImage
from gastropath.images import inspect


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
        See :func:`gastropath.data.phash.perceptual_hash`.
    refusal
        Why the file could not be decoded; empty where it could.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    bytes: int = 0
    pixel_sha256: str = ""
    phash: str = ""
    refusal: str = ""


def read_tile_record(file: Path) -> TileRecord:
    """Decode one file and describe it; damage becomes a ``refusal``."""
    try:
        pixels, mode = inspect(file)
    except CannotReadImage as error:
        return TileRecord(bytes=_size(file), refusal=str(error))
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(pixels.tobytes())
    height, width = pixels.shape[:2]
    return TileRecord(width, height, mode, _size(file), digest.hexdigest(), perceptual_hash(pixels))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):  # gone, or a path that no file can have
        return 0
