"""Safe decoding of images: limits before a pixel is decoded, and one reason in words for whatever is refused."""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gastropath.errors import CannotReadImage
from gastropath.formats import FORMAT_NAMES, FORMATS, kind, remedy
from gastropath.tiff_samples import TiffSamples

Source = str | os.PathLike[str] | bytes | Image.Image | np.ndarray
"""One picture: a file, the content of one, an image of Pillow's, or ``uint8`` values (h, w), (h, w, 3) or (h, w, 4)."""

MAX_PIXELS = 50_000_000
"""Images with more pixels are refused before a pixel is decoded."""

MAX_BYTES = 200_000_000
"""Files with more bytes are refused before they are read."""

MIN_SIDE_PX = 16
"""Images narrower or lower than this hold no tissue to judge."""

_GREY_16_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})

_EIGHT_BITS = "save it as 8-bit RGB"

_WHITE_IS_ZERO = 0

_PHOTOMETRIC = 262  # TIFF tag: what the number 0 stands for

# A header that Pillow finds odd is decoded or refused here, in words. Set once: `catch_warnings` is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\..*")


def decode(source: Source, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one image to 8-bit RGB.

    Transparent parts become white (glass), 16-bit grey is scaled to 8 bits, and the orientation in the EXIF header
    is applied. Animations and files with several pages are refused: nobody knows which of the pictures is meant.

    Parameters
    ----------
    source
        See :data:`Source`.
    max_pixels
        Width times height allowed, checked before decoding.

    Returns
    -------
    numpy.ndarray
        ``uint8``, shape (height, width, 3).

    Raises
    ------
    CannotReadImage
        With the reason in words.
    """
    image, _ = _open(source, max_pixels)
    return np.asarray(image)


def decode_picture(source: Source, *, max_pixels: int) -> Image.Image:
    """Decode one image as :func:`decode` does, but leave its pixels to Pillow, so that there is no second copy.

    Parameters
    ----------
    source
        A file, or the bytes of one.
    max_pixels
        Width times height allowed, checked before decoding. May be more than Pillow's own limit.

    Raises
    ------
    CannotReadImage
        With the reason in words.
    """
    return _open(source, max_pixels)[0]


def inspect(source: Source, *, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, str]:
    """Decode one image and also return the colour mode it was stored in (Pillow's name, e.g. ``"RGBA"``)."""
    image, mode = _open(source, max_pixels)
    return np.asarray(image), mode


def _open(source: Source, max_pixels: int) -> tuple[Image.Image, str]:
    if isinstance(source, np.ndarray):
        source = Image.fromarray(source[..., 0] if source.shape[2:] == (1,) else source)
    data = b"" if isinstance(source, Image.Image) else _read(source)
    samples = TiffSamples.in_file(data)
    if samples and (problem := samples.problem()):
        raise CannotReadImage(problem, code="colour_mode", remedy=_EIGHT_BITS)
    try:
        with source.copy() if isinstance(source, Image.Image) else header(io.BytesIO(data), max_pixels) as image:
            _check_header(image, max_pixels)
            mode = image.mode
            return _to_rgb(image), mode
    except CannotReadImage:
        raise
    except Image.DecompressionBombError:
        allowed = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise CannotReadImage(f"has more pixels than the {allowed:,} allowed", code="too_large") from None
    except UnidentifiedImageError:
        if samples:
            raise CannotReadImage(samples.in_words(), code="colour_mode", remedy=_EIGHT_BITS) from None
        what = f"is {kind(data)}; expected {FORMAT_NAMES}"
        raise CannotReadImage(what, code="not_an_image", remedy=remedy(data)) from None
    except MemoryError:
        raise CannotReadImage("needs more memory to decode than there is", code="too_large") from None
    except Exception as error:
        # Pillow reports damage as almost any type, depending on the format and on where the file breaks off.
        if "truncated" in str(error).lower():
            raise CannotReadImage("is truncated: the file ends before the picture does", code="truncated") from None
        if samples and "raw mode" in str(error):
            raise CannotReadImage(samples.in_words(), code="colour_mode", remedy=_EIGHT_BITS) from None
        raise CannotReadImage(f"is damaged: {' '.join(str(error).split()) or type(error).__name__}") from None


def header(file: BinaryIO, max_pixels: int) -> Image.Image:
    """Open an image without decoding it, past Pillow's own limit of pixels where more are allowed.

    Raises whatever Pillow raises; the size is not checked against ``max_pixels`` yet.
    """
    if max_pixels <= 2 * (Image.MAX_IMAGE_PIXELS or max_pixels):
        return Image.open(file, formats=FORMATS)
    Image.init()
    start = file.read(16)
    file.seek(0)
    for name in FORMATS:
        factory, accepts = Image.OPEN[name]
        if accepts is None or accepts(start) is True:
            return factory(file, "")  # pyright: ignore[reportReturnType]  # every factory here gives an image
    raise UnidentifiedImageError


def _read(source: str | os.PathLike[str] | bytes) -> bytes:
    if not isinstance(source, bytes):
        file = Path(source)
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
                raise CannotReadImage("is not an ordinary file", code="unreadable")
            if status.st_size > MAX_BYTES:
                raise _too_many_bytes(status.st_size)
            source = file.read_bytes()
        except OSError as error:
            raise CannotReadImage(f"cannot be read: {error.strerror or error}", code="unreadable") from None
        except ValueError as error:  # a path that no file can have, e.g. with a zero byte
            raise CannotReadImage(f"cannot be read: {error}", code="unreadable") from None
    if not source:
        raise CannotReadImage("is empty (0 bytes)", code="empty")
    if len(source) > MAX_BYTES:
        raise _too_many_bytes(len(source))
    return source


def _too_many_bytes(found: int) -> CannotReadImage:
    return CannotReadImage(f"has {found:,} bytes, more than the {MAX_BYTES:,} allowed", code="too_large")


def _check_header(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        what = f"has {width:,} x {height:,} pixels, more than the {max_pixels:,} allowed"
        raise CannotReadImage(what, code="too_large")
    if min(width, height) < MIN_SIDE_PX:
        what = f"has {width} x {height} pixels; at least {MIN_SIDE_PX} x {MIN_SIDE_PX} are needed"
        raise CannotReadImage(what, code="too_small")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: a JPEG with a second view, as many phones write
        what = f"holds {frames} pictures (an animation or pages); expected one"
        raise CannotReadImage(what, code="several_pictures")
    if image.mode in {"I", "F", "LAB", "HSV"} and not (image.mode == "I" and image.format == "PNG"):
        what = f"has colour mode {image.mode}, whose scale is not known"
        raise CannotReadImage(what, code="colour_mode", remedy=_EIGHT_BITS)
    if "transparency" in image.info and "16" in str(getattr(image, "tile", "")):
        what = "has 16 bits and a transparent colour"
        raise CannotReadImage(what, code="colour_mode", remedy=_EIGHT_BITS)


def _to_rgb(image: Image.Image) -> Image.Image:
    white_is_zero = image.format == "TIFF" and image.getexif().get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _GREY_16_BIT or image.mode == "I":  # "I": how Pillow before 11.3 opens a 16-bit grey PNG
        values = np.asarray(image).astype(np.uint32) >> 8  # as Pillow does it for 16-bit colour
        values = 255 - values if white_is_zero else values  # which Pillow heeds for 8 bits only
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        white = Image.new("RGBA", opaque.size, "white")
        return Image.alpha_composite(white, opaque).convert("RGB")
    return image.convert("RGB")
