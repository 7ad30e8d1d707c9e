"""Which format a file has, by its first bytes: names of files are only a hint."""

from __future__ import annotations

from pathlib import Path

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "JPEG2000")
"""Formats that are tried (Pillow's names); every other decoder of Pillow stays closed."""

FORMAT_NAMES = "PNG, JPEG, TIFF, WebP, BMP or JPEG 2000"

SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".dib"),
        *(".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    }
)
"""File names that are taken for pictures without a look at their content."""

START = 64
"""Bytes by which a format is known."""

_SIGNATURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    *(b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
)

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

_OTHER_KINDS = (
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop document"),
    (b"II\xbc\x01", "a JPEG XR picture, as slides of Zeiss hold them"),
    (b"<", "an SVG, XML or HTML text"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
)

_HEIC_BRANDS = (b"hei", b"hev", b"mif1", b"msf1")

CONVERT = "save it as PNG or TIFF in the program that made it"
"""What to do with a picture of another format."""


def is_picture(start: bytes) -> bool:
    """Tell from the first bytes of a file whether it has one of :data:`FORMATS`."""
    if start.startswith(_SIGNATURES):
        return True
    if start.startswith(b"BM"):
        return int.from_bytes(start[14:18], "little") in _BMP_HEADERS
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def kind(start: bytes) -> str:
    """Say what a file is that is none of :data:`FORMATS`, from its first bytes.

    Examples
    --------
    >>> kind(b"%PDF-1.7"), kind(b"path,label")
    ('a PDF document', 'not an image')
    """
    text = start[:START].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, name in _OTHER_KINDS:
        if text.startswith(signature) or start.startswith(signature):
            return name
    if start[4:8] == b"ftyp":
        if start[8:12].startswith(_HEIC_BRANDS):
            return "a HEIC picture"
        return "an AVIF picture" if start[8:12].startswith(b"avi") else "a video or another file of this family"
    if start[128:132] == b"DICM":
        return "a DICOM file"
    return "not an image"


def remedy(start: bytes) -> str:
    """Say what to do with such a file; empty where there is no more to say than what it is."""
    what = kind(start)
    if what == "a HEIC picture":
        return "convert it to PNG or JPEG, e.g. with heif-convert, or set the phone's camera to the compatible format"
    if what.endswith("picture") or "Photoshop" in what:
        return CONVERT
    return "fetch the file itself with: git lfs pull" if "Git LFS" in what else ""


def read_start(file: Path) -> bytes:
    """Read as much of a file as its format needs.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    with file.open("rb") as opened:
        return opened.read(2 * START + 4)
