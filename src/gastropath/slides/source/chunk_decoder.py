"""Decoders of the chunks of a TIFF, whole or at reduced size; each may be shared by threads.

simplejpeg is libjpeg-turbo with its exact transform, in a wheel for every system, and decodes at a half, a quarter or
an eighth from the frequencies alone; Pillow's draft is 1.4 times as slow. OpenJPEG, in Pillow, stops at a lower
resolution.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gastropath.errors import in_words
from gastropath.slides.source.jpeg_header import JpegHeader, read_jpeg_header
from gastropath.slides.source.tiff_directory import TiffDirectory

_NONE, _LZW, _JPEG, _DEFLATE, _DEFLATE_OLD, _ZSTD = 1, 5, 7, 8, 32946, 50000
_JPEG_2000_YCBCR, _JPEG_2000_RGB = 33003, 33005
_RGB, _YCBCR = 2, 6
_MOST_HEADERS = 4


class DamagedChunk(ValueError):
    """A chunk is not what its compression says."""


class OddChunk(ValueError):
    """A chunk is coded in a way that is not read here."""


class ChunkDecoder(Protocol):
    """Decodes the chunks of a picture.

    Attributes
    ----------
    smaller
        How many times smaller chunks can be decoded; 1 is the first.
    tolerance
        How far its grey values may be from those of another decoder.
    """

    smaller: tuple[int, ...]
    tolerance: int

    def coding(self, data: bytes) -> Hashable:
        """Return what the decoding of a chunk depends on beside its content: chunks of one coding are decoded alike.

        Raises
        ------
        DamagedChunk, OddChunk
            See there.
        """
        ...

    def decode(self, data: bytes, smaller: int) -> np.ndarray:
        """Decode a chunk: ``uint8`` RGB of the size of a chunk, or so many times smaller.

        Raises
        ------
        DamagedChunk, OddChunk
            See there.
        """
        ...

    def shift(self, smaller: int) -> float:
        """Return by how much of a reduced pixel each lies before the middle of the pixels that it stands for."""
        ...


def decoder_of(directory: TiffDirectory, sample: bytes) -> ChunkDecoder | None:
    """Return a decoder for the chunks of a picture; ``None`` where they are of another kind.

    Parameters
    ----------
    directory
        The picture.
    sample
        How one of its chunks begins, for what the directory does not say.
    """
    compression, photometric, predictor = directory.compression, directory.photometric, directory.predictor
    if compression == _JPEG and photometric in (_RGB, _YCBCR):
        return _Jpeg(directory)
    if compression in (_JPEG_2000_YCBCR, _JPEG_2000_RGB):
        return _Jpeg2000(directory.chunk, sample, is_ycbcr=compression == _JPEG_2000_YCBCR)
    if compression in _UNPACKED and photometric == _RGB and predictor in (1, 2):
        return _Lossless(directory.chunk, _UNPACKED[compression], predictor)
    return None


class _Jpeg:
    """JPEG, in the colours that the TIFF says, whatever its own markers say: so does OpenSlide."""

    tolerance = 0

    def __init__(self, directory: TiffDirectory) -> None:
        self._size, self._rgb = directory.chunk, directory.photometric == _RGB
        self._tables = read_jpeg_header(directory.tables).tables if directory.tables else b""
        self._known: tuple[tuple[bytes, JpegHeader, bytes], ...] = ()
        self.smaller = tuple(times for times in (1, 2, 4, 8) if all(side % (2 * times) == 0 for side in self._size))
        self.smaller = self.smaller or (1,)

    def coding(self, data: bytes) -> Hashable:
        return self._headed(data)[1].coding

    def decode(self, data: bytes, smaller: int) -> np.ndarray:
        import simplejpeg

        original, _, header = self._headed(data)
        whole = header + data[len(original) :]
        width, height = self._size[0] // smaller, self._size[1] // smaller
        asked: dict[str, Any] = {"min_height": height, "min_width": width, "min_factor": smaller}
        try:
            pixels = simplejpeg.decode_jpeg(whole, **(asked if smaller > 1 else {}))
        except ValueError as error:
            raise DamagedChunk(str(error)) from None  # a warning of libjpeg is one too, as for OpenSlide
        if pixels.shape != (height, width, 3):
            raise OddChunk(f"{pixels.shape[1]} x {pixels.shape[0]} px; expected {width} x {height}")
        return pixels

    def shift(self, smaller: int) -> float:
        return 0.0

    def _headed(self, data: bytes) -> tuple[bytes, JpegHeader, bytes]:
        """Return the header of a chunk, what it says, and the one to decode it with. Most chunks share theirs."""
        for known in self._known:
            if data.startswith(known[0]):
                return known
        try:
            header = read_jpeg_header(data)
        except ValueError as error:
            raise DamagedChunk(str(error)) from None
        if header.size != self._size or len(header.components) != 3:
            raise OddChunk(f"{header.size[0]} x {header.size[1]} px in {len(header.components)} colours")
        known = (data[: header.length], header, header.joined(self._tables, is_rgb=self._rgb))
        self._known = (known, *self._known[: _MOST_HEADERS - 1])
        return known


class _Jpeg2000:
    """JPEG 2000 as Aperio writes it: a bare codestream, whose colours the compression tells."""

    tolerance = 1

    def __init__(self, size: tuple[int, int], sample: bytes, *, is_ycbcr: bool) -> None:
        self._size, self._is_ycbcr = size, is_ycbcr
        steps = _wavelet_steps(sample)
        self.smaller = tuple(2**step for step in range(min(3, steps) + 1) if all(side % 2**step == 0 for side in size))

    def coding(self, data: bytes) -> Hashable:
        return tuple(_segments(data))

    def decode(self, data: bytes, smaller: int) -> np.ndarray:
        if smaller > 2 ** _wavelet_steps(data):
            raise OddChunk(f"is not stored {smaller} times smaller")
        try:
            with Image.open(io.BytesIO(data), formats=["JPEG2000"]) as image:
                image.reduce = smaller.bit_length() - 1  # pyright: ignore[reportAttributeAccessIssue]  # Pillow's way
                image.load()
                pixels = np.asarray(image)
        except Exception as error:  # Pillow reports damage as almost any type
            raise DamagedChunk(in_words(error)) from None
        width, height = self._size[0] // smaller, self._size[1] // smaller
        if pixels.shape != (height, width, 3):
            raise OddChunk(f"shape {pixels.shape}; expected {width} x {height} px in colours")
        if not self._is_ycbcr:
            return pixels
        return np.asarray(Image.frombytes("YCbCr", (width, height), pixels.tobytes()).convert("RGB"))

    def shift(self, smaller: int) -> float:
        """Return the shift of a wavelet's means, each of which lies on the first of its pixels."""
        return 0.5 - 0.5 / smaller


def _segments(data: bytes) -> Iterator[bytes]:
    """Yield size and coding style of a JPEG 2000 codestream, with their markers."""
    if data[:4] != b"\xff\x4f\xff\x51":
        raise DamagedChunk("is no JPEG 2000")
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, length = data[at : at + 2], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (_SIZ, _COD):
            yield data[at : at + 2 + length]
        if marker in (_COD, _SOT) or length < 2:
            return
        at += 2 + length


def _wavelet_steps(data: bytes) -> int:
    """Return how often a codestream can be halved."""
    style = next((segment for segment in _segments(data) if segment[:2] == _COD), b"")
    return style[9] if len(style) > 9 else 0


_MOST_SEGMENTS, _SIZ, _COD, _SOT = 64, b"\xff\x51", b"\xff\x52", b"\xff\x90"


class _Lossless:
    """Bytes of pixels, packed without loss; made smaller by means."""

    smaller = (1, 2, 4, 8)
    tolerance = 0

    def __init__(self, size: tuple[int, int], unpack: Callable[[bytes, int], Any], predictor: int) -> None:
        self._shape, self._unpack, self._predictor = (size[1], size[0], 3), unpack, predictor
        self.smaller = tuple(times for times in self.smaller if all(side % times == 0 for side in size))

    def coding(self, data: bytes) -> Hashable:
        return "lossless"

    def decode(self, data: bytes, smaller: int) -> np.ndarray:
        n = int(np.prod(self._shape))
        try:
            found = np.frombuffer(self._unpack(data, n), np.uint8)
        except Exception as error:  # each codec has its own types
            raise DamagedChunk(in_words(error)) from None
        if len(found) != n:
            raise DamagedChunk(f"{len(found)} bytes; expected {n}")
        pixels = found.reshape(self._shape)
        if self._predictor == 2:
            import imagecodecs

            pixels = imagecodecs.delta_decode(pixels, axis=-2)
        if smaller > 1:
            pixels = np.asarray(Image.fromarray(pixels).reduce(smaller))
        return pixels

    def shift(self, smaller: int) -> float:
        return 0.0


def _unpacked_lzw(data: bytes, n: int) -> Any:
    import imagecodecs

    return imagecodecs.lzw_decode(data, out=n)


def _unpacked_zstd(data: bytes, n: int) -> Any:
    import imagecodecs

    return imagecodecs.zstd_decode(data, out=n)


_UNPACKED: dict[int, Callable[[bytes, int], Any]] = {
    _NONE: lambda data, n: data[:n],
    _LZW: _unpacked_lzw,
    _DEFLATE: lambda data, n: zlib.decompressobj().decompress(data, n),
    _DEFLATE_OLD: lambda data, n: zlib.decompressobj().decompress(data, n),
    _ZSTD: _unpacked_zstd,
}
"""How a chunk of so many bytes is unpacked, by the compression tag."""
