"""A slide of synthetic tissue: a TIFF of JPEG tiles, of one level or several, which tells its micrometres per pixel.

JPEG is written by hand: the chunks of one tissue tile are the same bytes, encoded once.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from gastropath.data.synthetic.tiles import write_tiles

CHUNK_PX, QUALITY = 256, 80

_SHORT, _LONG, _RATIONAL = 3, 4, 5
_BYTES = {_SHORT: 2, _LONG: 4, _RATIONAL: 8}


def draw_slide(path: Path, side_px: int, mpp: float, scratch: Path, *, smaller: tuple[int, ...] = ()) -> None:
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
    smaller
        Further levels: how many times smaller each is, a power of two up to 256.
    """
    tissue = _tissue(scratch)
    across = -(-side_px // CHUNK_PX)
    order = np.random.default_rng(0).integers(len(tissue), size=(across, across))
    with path.open("wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, 0))
        link = 4  # where the place of the next directory is written
        for level in (1, *smaller):
            chunks = _chunks(tissue, order, level)
            link = _write_level(file, link, chunks, -(-side_px // level), mpp * level, reduced=level > 1)


def draw_codings(folder: Path, side: int, mpp: float) -> dict[str, Path]:
    """Draw a slide in JPEG, and store the same pixels in JPEG 2000 as Aperio does, and in deflate."""
    jpeg = folder / "jpeg.tiff"
    draw_slide(jpeg, side, mpp, folder / "tissue")
    pixels = tifffile.imread(jpeg)
    deflate, aperio = folder / "deflate.tiff", folder / "jpeg2000.svs"
    tifffile.imwrite(
        deflate, pixels, tile=(256, 256), photometric="rgb", compression="zlib", predictor=2, metadata=None
    )
    filled = np.pad(pixels, ((0, -side % 256), (0, -side % 256), (0, 0)), "edge")
    tifffile.imwrite(
        aperio,
        (
            bytes(imagecodecs.jpeg2k_encode(chunk, level=40, codecformat="j2k", reversible=False, resolutions=6))
            for row in range(0, side, 256)
            for column in range(0, side, 256)
            for chunk in [np.ascontiguousarray(filled[row : row + 256, column : column + 256])]
        ),
        shape=pixels.shape,
        dtype=np.uint8,
        tile=(256, 256),
        photometric="rgb",
        compression=33005,
        description=(
            f"Aperio Image Library v12.0.15\n{side}x{side} (256x256) J2K/RGB Q=70|AppMag = {10 / mpp:g}|MPP = {mpp:g}"
        ),
        metadata=None,
    )
    return {"JPEG": jpeg, "JPEG 2000": aperio, "deflate": deflate}


def draw_picture(path: Path, side_px: int, scratch: Path) -> None:
    """Write a square picture of the same tissue as a plain JPEG, which tells no micrometres per pixel."""
    tissue = _tissue(scratch)
    page, rng = Image.new("RGB", (side_px, side_px)), np.random.default_rng(0)
    for top in range(0, side_px, CHUNK_PX):
        for left in range(0, side_px, CHUNK_PX):
            page.paste(tissue[rng.integers(len(tissue))], (left, top))
    page.save(path, quality=QUALITY)


def _chunks(tissue: list[Image.Image], order: np.ndarray, level: int) -> Iterator[bytes]:
    """Yield the JPEG tiles of a level, row by row; one of a smaller level shows many of the first."""
    shown = [picture.reduce(level) for picture in tissue]
    if level == 1:
        encoded = [_jpeg(picture) for picture in shown]
        yield from (encoded[number] for number in order.ravel())
        return
    small = CHUNK_PX // level
    for top in range(0, len(order), level):
        for left in range(0, len(order), level):
            chunk = Image.new("RGB", (CHUNK_PX, CHUNK_PX), "white")
            for (row, column), number in np.ndenumerate(order[top : top + level, left : left + level]):
                chunk.paste(shown[number], (column * small, row * small))
            yield _jpeg(chunk)


def _write_level(file: BinaryIO, link: int, chunks: Iterator[bytes], side: int, mpp: float, *, reduced: bool) -> int:
    """Append a level, enter its directory where the one before leaves room, and return where the next is entered."""
    offsets, sizes = [], []
    for chunk in chunks:
        offsets.append(file.tell())
        sizes.append(len(chunk))
        file.write(chunk)
    per_cm = (round(1000 * 10_000 / mpp), 1000)
    tags = [
        (254, _LONG, [1 if reduced else 0]),
        (256, _LONG, [side]),
        (257, _LONG, [side]),
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
        (325, _LONG, sizes),
        (530, _SHORT, [2, 2]),
    ]
    directory = file.tell() + file.tell() % 2
    file.seek(directory)
    file.write(_directory(tags, directory))
    end = file.tell()
    file.seek(link)
    file.write(struct.pack("<I", directory))
    file.seek(end)
    return directory + 2 + 12 * len(tags)


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


def _tissue(scratch: Path) -> list[Image.Image]:
    """Draw synthetic tissue tiles, each of the size of a JPEG tile."""
    write_tiles(scratch, tiles_per_class=6, seed=0)
    drawn = []
    for file in sorted(scratch.glob("*/*.png")):
        with Image.open(file) as image:
            drawn.append(image.convert("RGB").resize((CHUNK_PX, CHUNK_PX)))
    return drawn


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return buffer.getvalue()
