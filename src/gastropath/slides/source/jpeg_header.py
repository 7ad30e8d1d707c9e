"""What the header of a JPEG says, and a header that says of its colours what the file around it does."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

_SOI, _EOI, _SOS, _APP0, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD8)}
_MOST_SEGMENTS = 64


@dataclass(frozen=True)
class JpegHeader:
    """Everything before the compressed pixels.

    Attributes
    ----------
    length
        Bytes up to the compressed pixels; for tables alone, up to their end.
    size
        Width and height in pixels; (0, 0) for tables alone.
    components
        Name and sampling factors of each colour.
    frame
        Marker of the kind of JPEG, and bits a colour.
    tables
        The segments that are neither about colours nor the scan itself.
    scan
        The segment that the compressed pixels follow.
    """

    length: int
    size: tuple[int, int]
    components: tuple[tuple[int, int], ...]
    frame: tuple[int, int]
    tables: bytes
    scan: bytes

    @property
    def coding(self) -> Hashable:
        """What decoding depends on beside tables and content."""
        return self.frame, self.components, len(self.scan)

    def joined(self, shared: bytes, *, is_rgb: bool) -> bytes:
        """Return a complete header, with tables that chunks share before its own, and of these colours."""
        adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + (b"\x00" if is_rgb else b"\x01")
        return b"\xff\xd8" + adobe + shared + self.tables + self.scan


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Read the header of a JPEG, or tables that several share.

    Raises
    ------
    ValueError
        If it is none.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    at, kept = 2, []
    size, components, frame = (0, 0), (), (0, 0)
    for _ in range(_MOST_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":  # fill
            at += 1
        if len(data) < at + 2 or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == _EOI:
            return JpegHeader(at + 2, size, components, frame, b"".join(kept), b"")
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at : at + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            break
        if marker == _SOS:
            return JpegHeader(at + 2 + length, size, components, frame, b"".join(kept), segment)
        if marker in _FRAMES:
            if len(segment) < 10 or len(segment) < 10 + 3 * segment[9]:
                break
            frame = (marker, segment[4])
            size = (int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big"))
            components = tuple((segment[i], segment[i + 1]) for i in range(10, 10 + 3 * segment[9], 3))
        if marker not in (_APP0, _APP14):
            kept.append(segment)
        at += 2 + length
    raise ValueError("the header of a JPEG that ends early, or in the middle")
