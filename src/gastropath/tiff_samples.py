"""What the samples of a TIFF are: how many, how deep, of which kind, in which order and compression."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import TiffImagePlugin

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_BITS, _COMPRESSION, _SAMPLES, _PLANES, _FORMAT = 258, 259, 277, 284, 339  # tags
_UNSIGNED, _SIGNED, _FLOAT, _VOID = 1, 2, 3, 4
_SEPARATE = 2
_UNCOMPRESSED = 1
_MOST_CHANNELS = 4  # red, green, blue and how opaque, or cyan, magenta, yellow and black

_UNREAD = {
    34712: "JPEG 2000",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
    34887: "LERC",
    34892: "lossy JPEG of raw pictures",
    22610: "JPEG XR",
    34934: "JPEG XR",
}
"""Compressions that pictures of microscopes have and that are not read here."""


@dataclass(frozen=True)
class TiffSamples:
    """The samples of the first picture in a TIFF."""

    channels: int
    bits: int
    kind: int
    separate: bool
    compression: int

    @classmethod
    def of(cls, tags: Mapping[int, object]) -> TiffSamples:
        """Read them from the tags of a TIFF, as Pillow gives them.

        Raises
        ------
        Exception
            Whatever a tag that is no number ends in.
        """

        def number(tag: int, default: int) -> int:
            value = tags.get(tag, default)
            return max(map(int, value)) if isinstance(value, tuple | list) else int(str(value))

        return cls(
            number(_SAMPLES, 1),
            number(_BITS, 1),
            number(_FORMAT, _UNSIGNED),
            number(_PLANES, 1) == _SEPARATE,
            number(_COMPRESSION, 1),
        )

    @classmethod
    def in_file(cls, data: bytes) -> TiffSamples | None:
        """Read them from the content of a file; ``None`` where it is no TIFF, or has no tags that can be read."""
        if not data.startswith(TIFF_STARTS):
            return None
        try:
            start = 16 if data[2] + data[3] == 43 else 8
            tags = TiffImagePlugin.ImageFileDirectory_v2(data[:start])
            file = io.BytesIO(data)
            file.seek(tags.next)
            tags.load(file)
            return cls.of(tags)
        except Exception:  # of damaged tags Pillow raises almost anything
            return None

    def problem(self) -> str:
        """Say what makes it no picture of 8 or 16 bits that is decoded right; empty where nothing does."""
        if self.kind == _FLOAT:
            return f"holds floating-point numbers of {self.bits} bits ({self._channels}), whose scale is not known"
        if self.kind == _SIGNED:
            return f"holds signed numbers of {self.bits} bits ({self._channels}), whose scale is not known"
        if self.kind not in {_UNSIGNED, _VOID}:
            return f"holds complex numbers ({self._channels})"
        if self.channels > _MOST_CHANNELS:
            return f"has {self.channels} channels of {self.bits} bits, as a fluorescence or multispectral image has"
        if self.bits > 16:
            return f"has {self.bits} bits a channel ({self._channels}), whose scale is not known"
        if self.compression in _UNREAD:
            return f"is compressed as {_UNREAD[self.compression]} within TIFF, which is not read"
        if self.separate and self.bits == 16 and self.channels > 1 and self.compression == _UNCOMPRESSED:
            return f"has {self.channels} channels of 16 bits in separate planes without compression"
        return ""

    def in_words(self) -> str:
        """Say what it is, for a form that is refused for no reason of its own."""
        planes = " in separate planes" if self.separate else ""
        return f"has {self._channels} of {self.bits} bits{planes}, in a form of TIFF that is not read"

    @property
    def _channels(self) -> str:
        return f"{self.channels} channel{'s' * (self.channels != 1)}"
