"""Tiled TIFFs whose every chunk is encoded as a test wants it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

APERIO = "Aperio Image Library v12.0.15\n{w}x{h} [0,0 {w}x{h}] ({c}x{c}) {codec}|AppMag = 40|MPP = 0.25"

Encode = Callable[[np.ndarray], bytes]


def tissue(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return a picture with structure at every scale, in strong colours."""
    rng, picture = np.random.default_rng(seed), np.zeros((height, width, 3))
    for side in (4, 12, 60):
        small = rng.integers(0, 256, (height // side + 2, width // side + 2, 3), np.uint8)
        large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        picture += np.asarray(large, float) / 3
    stretched = (picture - 127) * 1.6 + 127
    return np.clip(stretched, 0, 255).astype(np.uint8)


def jpeg(subsampling: str = "4:2:0", quality: int = 80, **options: Any) -> Encode:
    """Return an encoder to JPEG."""

    def encode(chunk: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(chunk).save(buffer, "JPEG", quality=quality, subsampling=subsampling, **options)
        return buffer.getvalue()

    return encode


def rgb_jpeg(*, adobe: bool) -> Encode:
    """Return an encoder to a JPEG of red, green and blue, which says so or leaves that to the TIFF."""

    def encode(chunk: np.ndarray) -> bytes:
        data = jpeg("4:4:4", keep_rgb=True)(chunk)
        if adobe:
            return data
        kept = bytearray(b"".join(part for part in segments(data) if part[1] != 0xEE))
        for name, number in ((b"R", 1), (b"G", 2), (b"B", 3)):  # in frame and scan
            for marker in (b"\xff\xc0", b"\xff\xda"):
                start = kept.index(marker)
                kept[kept.index(name, start + 4)] = number
        return bytes(kept)

    return encode


def segments(data: bytes) -> list[bytes]:
    """Cut a JPEG into its segments; the last holds the pixels and the end."""
    parts, at = [data[:2]], 2
    while data[at + 1] != 0xDA:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at : at + length])
        at += length
    return [*parts, data[at:]]


def shared_tables(data: bytes) -> tuple[bytes, bytes]:
    """Part a JPEG into tables that chunks may share, and a chunk without them."""
    tables = [part for part in segments(data) if part[1] in (0xDB, 0xC4)]
    rest = [part for part in segments(data) if part[1] not in (0xDB, 0xC4, 0xE0)]
    return b"\xff\xd8" + b"".join(tables) + b"\xff\xd9", b"".join(rest)


def write_chunks(
    path: Path,
    picture: np.ndarray,
    encode: Encode,
    compression: Any,
    *,
    photometric: str = "ycbcr",
    chunk: tuple[int, int] = (256, 256),
    smaller: tuple[int, ...] = (),
    **options: Any,
) -> Path:
    """Write a picture, its chunks of this width and height, and the same made smaller as further levels."""
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as tiff:
        for times in (1, *smaller):
            level = np.asarray(Image.fromarray(picture).reduce(times)) if times > 1 else picture
            tiff.write(
                map(encode, pieces(level, chunk)),
                shape=level.shape,
                dtype=np.uint8,
                tile=chunk[::-1],
                photometric=photometric,
                compression=compression,
                subfiletype=int(times > 1),
                resolution=(40_000 / times, 40_000 / times),
                resolutionunit="CENTIMETER",
                metadata=None,
                **options,
            )
    return path


def pieces(picture: np.ndarray, chunk: tuple[int, int]) -> Iterator[np.ndarray]:
    """Cut a picture into chunks; beyond its edge they repeat it."""
    width, height = chunk
    filled = np.pad(picture, ((0, -picture.shape[0] % height), (0, -picture.shape[1] % width), (0, 0)), "edge")
    for top in range(0, filled.shape[0], height):
        for left in range(0, filled.shape[1], width):
            yield np.ascontiguousarray(filled[top : top + height, left : left + width])
