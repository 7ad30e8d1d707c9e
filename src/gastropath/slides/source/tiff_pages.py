"""The pictures that a TIFF holds, as their headers describe them."""

from __future__ import annotations

import io
import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import CannotReadSlide, MissingExtra
from gastropath.slides.source.tiff_directory import TiffDirectory

Place = tuple[int, ...]
"""Number of a page, and behind it that of one of its own (a SubIFD), where that is meant."""

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_MOST_PAGES, _MOST_WORDS = 1000, 1000
_REDUCED, _MASK, _MACRO = 1, 4, 8
_BESIDE = re.compile(r"^\s*(macro|label|overview|barcode)\b", re.IGNORECASE | re.MULTILINE)
"""How the description of a picture that goes with a slide has a line begin, as Aperio writes it (`label 387x463`)."""

_WORDS = {
    "ADOBE_DEFLATE": "deflate", "DEFLATE": "deflate",
    "APERIO_JP2000_RGB": "JPEG 2000", "APERIO_JP2000_YCBC": "JPEG 2000",
    "JPEG2000": "JPEG 2000", "JPEG_2000_LOSSY": "JPEG 2000",
    "JPEGXL": "JPEG XL", "JPEGXL_DNG": "JPEG XL", "JPEGXR": "JPEG XR", "JPEGXR_NDPI": "JPEG XR",
    "WEBP": "WebP", "ZSTD": "Zstandard", "OJPEG": "old-style JPEG", "JETRAW": "Jetraw",
}  # fmt: skip
"""What compressions are called, where tifffile's name for one is not what people say."""


@dataclass(frozen=True)
class TiffPage:
    """A picture in a TIFF.

    Attributes
    ----------
    place
        Where it stands in the file.
    size, chunk
        Width and height in pixels: of the picture, and of the tiles or strips that it is cut into.
    is_tiled
        Whether it is cut into tiles; otherwise into strips as wide as it is.
    samples, bits
        Values of a pixel, and bits of each.
    photometric, compression
        Numbers of the TIFF standard; ``compression_word`` is what people call it.
    is_decodable
        Whether software that is installed decodes that compression.
    is_cut_off
        Whether the file ends before any of its tiles or strips does.
    orientation
        1 where it is stored upright.
    is_reduced, is_mask
        Whether it is marked as a smaller copy of another, or as its mask.
    goes_beside
        Whether it is marked, or described, as a macro photograph or a label.
    depth
        Planes that lie in this one page.
    is_planar
        Whether the values of a pixel lie apart, each colour as a picture of its own.
    resolution
        The resolution tags across and down, as text, and their unit.
    directory
        Where its chunks lie; ``None`` where it is not a plain picture in chunks.
    smaller
        Its own pages (SubIFDs).
    """

    place: Place
    size: tuple[int, int]
    chunk: tuple[int, int]
    is_tiled: bool
    samples: int
    bits: int
    photometric: int
    compression: int
    compression_word: str
    is_decodable: bool
    is_cut_off: bool
    orientation: int
    is_reduced: bool
    is_mask: bool
    goes_beside: bool
    depth: int
    is_planar: bool
    resolution: tuple[str, str, str]
    directory: TiffDirectory | None = field(default=None, compare=False)
    smaller: tuple[TiffPage, ...] = ()

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.size[0] * self.size[1]


def is_tiff(source: Path | bytes) -> bool:
    """Tell whether a file, or the content of one, begins as a TIFF does."""
    if isinstance(source, bytes):
        return source[:4] in TIFF_STARTS
    with source.open("rb") as file:
        return file.read(4) in TIFF_STARTS


def read_pages(source: Path | bytes) -> tuple[tuple[TiffPage, ...], str]:
    """Read the headers of all pages; call it where it can be ended.

    Returns
    -------
    pages : tuple of TiffPage
        In the order of the file.
    description : str
        Image description of the first one.

    Raises
    ------
    CannotReadSlide
        If it has too many pages.
    MissingExtra
        If tifffile is not installed.
    Exception
        Whatever tifffile raises, which may be anything.
    """
    try:
        import tifffile
    except ImportError:
        raise MissingExtra("reading slides", "slides", "tifffile") from None
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it cannot read is reported in our own words
    found: list[TiffPage] = []
    with tifffile.TiffFile(io.BytesIO(source) if isinstance(source, bytes) else source) as tiff:
        for number, page in enumerate(tiff.pages):
            if number == _MOST_PAGES:
                raise CannotReadSlide(f"holds more than {_MOST_PAGES:,} pictures; expected one slide")
            own = list(page.pages) if page.subifds and page.pages else []
            smaller = tuple(_page((number, place), child) for place, child in enumerate(own[:_MOST_PAGES]))
            found.append(_page((number,), page, smaller))
        first: Any = tiff.pages[0]
        return tuple(found), str(first.description or "")


def _page(place: Place, page: Any, smaller: tuple[TiffPage, ...] = ()) -> TiffPage:
    size = (int(page.imagewidth), int(page.imagelength))
    tiled = bool(page.is_tiled)
    rows = min(size[1], int(page.rowsperstrip or size[1]))
    tags = page.tags
    name = getattr(page.compression, "name", "")
    return TiffPage(
        place=place,
        size=size,
        chunk=(int(page.tilewidth), int(page.tilelength)) if tiled else (size[0], rows),
        is_tiled=tiled,
        samples=int(page.samplesperpixel),
        bits=int(page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)),
        photometric=int(page.photometric),
        compression=int(page.compression),
        compression_word=_WORDS.get(name, name or f"number {int(page.compression)}"),
        is_decodable=_is_decodable(int(page.compression)),
        is_cut_off=_is_cut_off(page),
        orientation=int(tags.valueof(274, 1) or 1),
        is_reduced=bool(int(page.subfiletype) & _REDUCED),
        is_mask=bool(int(page.subfiletype) & _MASK) or int(page.photometric) == _MASK,
        goes_beside=bool(int(page.subfiletype) & _MACRO) or _is_described_beside(tags),
        depth=max(int(page.imagedepth), 1),
        is_planar=int(page.planarconfig) == 2,
        resolution=_resolution(tags),
        directory=TiffDirectory.of(page),
        smaller=smaller,
    )


@lru_cache
def _is_decodable(compression: int) -> bool:
    import tifffile

    try:
        decode = tifffile.TIFF.DECOMPRESSORS[compression]
    except Exception:  # unknown, or imagecodecs is not installed
        return False
    try:
        decode(b"")
    except Exception as error:  # imagecodecs was built without it; otherwise nothing is no picture, which is right
        return type(error).__name__ != "DelayedImportError"
    return True


def _is_cut_off(page: Any) -> bool:
    ends = np.asarray(page.dataoffsets, np.float64) + np.asarray(page.databytecounts, np.float64)
    return not bool((ends <= page.parent.filehandle.size).any())


def _is_described_beside(tags: Any) -> bool:
    """Tell whether the description or name of a page (tags 270, 285) is that of a macro photograph or a label."""
    return any(_BESIDE.search(str(tags.valueof(code, ""))[:_MOST_WORDS]) for code in (270, 285))


def _resolution(tags: Any) -> tuple[str, str, str]:
    def number(code: int) -> str:
        value = tags.valueof(code)
        try:
            return str(value[0] / value[1]) if isinstance(value, tuple) else str(value)
        except ArithmeticError:
            return ""

    unit = {2: "inch", 3: "centimeter"}.get(int(tags.valueof(296, 2) or 2), "")
    return number(282), number(283), unit
