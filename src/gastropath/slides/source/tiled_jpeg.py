"""A TIFF of JPEG chunks, read at reduced size: a JPEG can be decoded at an eighth from the means of its blocks alone.

For the overview of a slide without a pyramid, which has to be read completely.
"""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from gastropath.errors import CannotReadRegion

_JPEG, _YCBCR = 7, 6


class TiledJpeg:
    """The first picture of a tiled TIFF in JPEG, reduced in size; may be shared by threads.

    Attributes
    ----------
    size, chunk
        Width and height in pixels of the reduced picture, and of its chunks.
    """

    def __init__(self, file: BinaryIO, page: Any, smaller: int) -> None:
        self._file, self._lock, self._smaller = file, threading.Lock(), smaller
        self._offsets, self._counts = page.dataoffsets, page.databytecounts
        self._tables: bytes = page.jpegtables[:-2] if page.jpegtables else b""
        self._full = (page.tilewidth, page.tilelength)
        self._across = -(-page.imagewidth // page.tilewidth)
        self.chunk = (page.tilewidth // smaller, page.tilelength // smaller)
        self.size = (round(page.imagewidth / smaller), round(page.imagelength / smaller))

    @classmethod
    def open(cls, path: Path, size: tuple[int, int], most_px: int) -> TiledJpeg | None:
        """Open a file, reduced as far as its longer side stays at least ``most_px``.

        Parameters
        ----------
        path
            The file.
        size
            Width and height that its first picture must have.
        most_px
            Longer side of the overview that is wanted.

        Returns
        -------
        TiledJpeg or None
            ``None`` where the file is of another kind, or would not be reduced.
        """
        smaller = next((times for times in (8, 4, 2) if max(size) / times >= most_px), 1)
        try:
            import tifffile

            with tifffile.TiffFile(path) as tiff:
                page: Any = tiff.pages[0]
                fits = (
                    (page.imagewidth, page.imagelength) == size
                    and page.is_tiled
                    and (page.compression, page.photometric) == (_JPEG, _YCBCR)
                    and (page.bitspersample, page.samplesperpixel, page.planarconfig) == (8, 3, 1)
                    and page.tilewidth % 16 == page.tilelength % 16 == 0
                )
                if smaller == 1 or not fits:
                    return None
                found = cls(path.open("rb"), page, smaller)
        except Exception:  # any oddity of a file is a reason to leave it to OpenSlide
            return None
        try:
            found.read(0, 0, *found.chunk)  # also checks that its colour space is the usual one
        except CannotReadRegion:
            found.close()
            return None
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, x_px: int, y_px: int, width: int, height: int) -> Image.Image:
        """Read pixels of the reduced picture: RGB, white where there is no chunk.

        Raises
        ------
        CannotReadRegion
            If the file is damaged there.
        """
        picture = Image.new("RGB", (width, height), "white")
        for row in range(y_px // self.chunk[1], -(-(y_px + height) // self.chunk[1])):
            for column in range(x_px // self.chunk[0], -(-(x_px + width) // self.chunk[0])):
                number = row * self._across + column
                if column < self._across and number < len(self._counts) and self._counts[number]:
                    place = (column * self.chunk[0] - x_px, row * self.chunk[1] - y_px)
                    picture.paste(self._decoded(number), place)
        return picture

    def _decoded(self, number: int) -> Image.Image:
        with self._lock:
            self._file.seek(self._offsets[number])
            data = self._file.read(self._counts[number])
        try:
            with Image.open(io.BytesIO(self._tables + data[2:] if self._tables else data), formats=["JPEG"]) as image:
                if image.size != self._full or image.info.get("adobe_transform", 1) != 1:
                    raise ValueError(f"{image.size[0]} x {image.size[1]} px, in a different colour space")
                image.draft("RGB", self.chunk)
                return image.convert("RGB")
        except Exception as error:  # Pillow reports damage as almost any type
            raise CannotReadRegion(f"cannot be read: {' '.join(str(error).split())}") from None
