"""A slide of synthetic tissue: a TIFF of JPEG tiles with one level, which tells its micrometres per pixel.

Written by hand: tifffile writes JPEG only with imagecodecs installed, and nothing else here needs that.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from gastropath.data.synthetic.tiles import write_tiles

CHUNK_PX, QUALITY = 256, 80

_SHORT, _LONG, _RATIONAL = 3, 4, 5
_BYTES = {_SHORT: 2, _LONG: 4, _RATIONAL: 8}


def draw_slide(path: Path, side_px: int, mpp: float, scratch: Path) -> None:
    """Write a square slide whose JPEG tiles are synthetic tissue tiles of all classes in random order.

    Parameters
    ----------
    path
        Of the TIFF.
    side_px
        Its width and height.
    mpp
        Micrometres per pixel, written as the resolution tag.
    scratch
        Folder for the tissue tiles.
    """
    write_tiles(scratch, tiles_per_class=6, seed=0)
    chunks = [_jpeg(file) for file in sorted(scratch.glob("*/*.png"))]
    across = -(-side_px // CHUNK_PX)
    order = np.random.default_rng(0).integers(len(chunks), size=across * across)
    with path.open("wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, 0))
        offsets = []
        for number in order:
            offsets.append(file.tell())
            file.write(chunks[number])
        per_cm = (round(1000 * 10_000 / mpp), 1000)
        tags = [
            (256, _LONG, [side_px]),
            (257, _LONG, [side_px]),
            (258, _SHORT, [8, 8, 8]),
            (259, _SHORT, [7]),  # JPEG
            (262, _SHORT, [6]),  # YCbCr
            (277, _SHORT, [3]),
            (282, _RATIONAL, per_cm),
            (283, _RATIONAL, per_cm),
            (284, _SHORT, [1]),
            (296, _SHORT, [3]),  # pixels a centimetre
            (322, _LONG, [CHUNK_PX]),
            (323, _LONG, [CHUNK_PX]),
            (324, _LONG, offsets),
            (325, _LONG, [len(chunks[number]) for number in order]),
            (530, _SHORT, [2, 2]),
        ]
        directory = file.tell() + file.tell() % 2
        file.seek(directory)
        file.write(_directory(tags, directory))
        file.seek(4)
        file.write(struct.pack("<I", directory))


def _directory(tags: list[tuple[int, int, list[int] | tuple[int, ...]]], offset: int) -> bytes:
    """Return the image file directory that lies at an offset, and after it the values that do not fit into it."""
    entries, values = struct.pack("<H", len(tags)), b""
    beyond = offset + 2 + 12 * len(tags) + 4
    for tag, kind, numbers in tags:
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == _SHORT else 'I'}", *numbers)
        count = len(packed) // _BYTES[kind]
        if len(packed) > 4:
            place = struct.pack("<I", beyond + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + place
    return entries + struct.pack("<I", 0) + values


def _jpeg(file: Path) -> bytes:
    buffer = io.BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").resize((CHUNK_PX, CHUNK_PX)).save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return buffer.getvalue()
