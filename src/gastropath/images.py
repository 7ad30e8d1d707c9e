"""Images as a model takes them: the one resize, and encoding.

Training and inference get their pixels from :func:`load_tile` and nowhere else, so no caller can resize or convert
differently from another. Pixel scaling is not done here: it is a layer of the model.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

from gastropath.decoding import MAX_PIXELS, Source, decode

_QUICK = 2
"""How hard a PNG is compressed: somewhat larger than usual, and much sooner."""


def resize(pixels: np.ndarray, tile_px: int) -> np.ndarray:
    """Resample an RGB image to a square tile (bicubic, with antialiasing when it shrinks).

    Parameters
    ----------
    pixels
        ``uint8``, shape (height, width, 3).
    tile_px
        Side of the result in pixels. An image that already has this size is returned unchanged.
    """
    if pixels.shape[:2] == (tile_px, tile_px):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((tile_px, tile_px), Image.Resampling.BICUBIC))


def to_tile(pixels: np.ndarray, tile_px: int, zoom: float | None = None) -> np.ndarray:
    """Bring an image to a model's tile size.

    Parameters
    ----------
    pixels
        ``uint8``, shape (height, width, 3).
    tile_px
        Side of the result in pixels.
    zoom
        Micrometres per pixel of the image over those of the model, where they are known: the image is resampled to the
        model's resolution, and its middle is taken, mirrored at the edges where it shows less than the model's field of
        view. ``None`` where they are not: the whole image is taken for one field of view.

    Returns
    -------
    numpy.ndarray
        ``uint8``, shape (tile_px, tile_px, 3).
    """
    if zoom is None:
        return resize(pixels, tile_px)
    height, width = pixels.shape[:2]
    seen = tile_px / zoom  # pixels of the image in one field of view; only these are resampled
    top, left = max(0, round((height - seen) / 2)), max(0, round((width - seen) / 2))
    pixels = pixels[top : height - top, left : width - left]
    height, width = pixels.shape[:2]
    scaled = (min(tile_px, max(1, round(width * zoom))), min(tile_px, max(1, round(height * zoom))))
    if scaled != (width, height):
        pixels = np.asarray(Image.fromarray(pixels).resize(scaled, Image.Resampling.BICUBIC))
    lacking = [tile_px - side for side in pixels.shape[:2]]
    if any(lacking):
        margins = [(lack // 2, lack - lack // 2) for lack in lacking]
        pixels = np.pad(pixels, [*margins, (0, 0)], mode="symmetric")
    return pixels


def load_tile(source: Source, tile_px: int, *, zoom: float | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one image and bring it to the model's tile size, as :func:`to_tile` does."""
    return to_tile(decode(source, max_pixels=max_pixels), tile_px, zoom)


def pixel_sha256(pixels: np.ndarray) -> str:
    """Return what tells a picture from every other: the SHA-256 of its decoded pixels and their shape, in hexadecimal.

    It is the same however the picture is encoded, named or dated.

    Parameters
    ----------
    pixels
        ``uint8``, shape (height, width, 3).

    Examples
    --------
    >>> pixel_sha256(np.zeros((2, 3, 3), np.uint8))[:8] == pixel_sha256(np.zeros((3, 2, 3), np.uint8))[:8]
    False
    """
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def encode_png(pixels: np.ndarray | Image.Image) -> bytes:
    """Encode a picture, or ``uint8`` RGB or RGBA pixels, as PNG bytes."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, "PNG", compress_level=_QUICK)
    return buffer.getvalue()


def encode_jpeg(pixels: np.ndarray, quality: int = 85) -> bytes:
    """Encode ``uint8`` RGB pixels as JPEG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
