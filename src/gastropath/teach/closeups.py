"""A tile at full resolution, and where it speaks for each class."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import numpy as np
from PIL import Image

from gastropath.errors import CannotReadRegion
from gastropath.images import encode_jpeg, encode_png
from gastropath.inference.classifier import Classifier
from gastropath.inference.explain import heat, tint
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import Slide
from gastropath.slides.tiles import read_tiles
from gastropath.teach.maps import SlideMap

_QUALITY = 92
_MOST_PX = 2048
_KEPT = 64


class CloseUps:
    """Looks at single tiles of a map in their slide; may be shared by threads."""

    def __init__(self, shown: SlideMap, slide: Slide) -> None:
        """Look at the tiles of a map in the slide that it shows.

        Raises
        ------
        CannotReadSpacing
            If a tile would be only a few pixels of the slide.
        """
        self._map, self._slide = shown, slide
        mapped = shown.summary.grid
        read = TileGrid.over(slide, mapped.tile_px, mapped.tile_mpp)
        self._grid = replace(read, tile=mapped.tile_level0_px, stride=mapped.stride_level0_px)
        self._maps: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def picture(self, row: int) -> bytes:
        """Return a tile as JPEG, each of its pixels one of level 0 (but not more than 2,048 of them across).

        Raises
        ------
        CannotReadRegion
            If the slide is damaged there.
        """
        x, y, width, height = self._grid.rectangles(self._map.numbers[[row]])[0].tolist()
        image = Image.fromarray(self._slide.read(0, x, y, width, height))
        image.thumbnail((_MOST_PX, _MOST_PX))
        return encode_jpeg(np.asarray(image), _QUALITY)

    def activation(self, row: int, code: str, classifier: Callable[[], Classifier]) -> bytes:
        """Return where a tile speaks for a class, as PNG with opacity to be laid over its picture.

        Parameters
        ----------
        row
            Of the map.
        code
            The class.
        classifier
            Returns the model that made the map; called where the tile was not looked at yet.

        Raises
        ------
        CannotReadRegion
            If the slide is damaged there.
        """
        number = int(self._map.numbers[row])
        with self._lock:
            maps = self._maps.get(number)
        if maps is None:
            read = read_tiles(self._slide, self._grid, np.array([number]))
            if not len(read.numbers):
                raise CannotReadRegion(read.refused[number])
            maps = classifier().predict(read.pixels, maps=True).kept("maps")[0]
            with self._lock:
                self._maps[number] = maps
                while len(self._maps) > _KEPT:
                    self._maps.popitem(last=False)
        side = self._grid.tile_px
        whole = tint(heat(maps[..., self._map.classes.index(code)], side))
        _, _, width, height = self._grid.rectangles(self._map.numbers[[row]])[0]
        shown = np.array([height, width]) / np.array(self._grid.tile)[::-1]  # the model sees a mirror image beyond
        rows, columns = np.clip(np.rint(shown * side).astype(int), 1, side)
        return encode_png(Image.fromarray(whole[:rows, :columns]))
