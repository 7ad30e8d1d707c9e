"""``learned.csv`` of a run or of an adapted bundle: the tiles it has seen, by which an evaluation knows them again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gastropath.errors import CannotReadTable
from gastropath.tables import read_table

LEARNED = "learned.csv"

PIXELS = "pixel_sha256"

PLACE = ("x_px", "y_px", "width_px", "height_px")

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels of level 0."""

_TOUCHING = 0.1
"""Share of a tile that it may have in common with a learned one."""


@dataclass(frozen=True)
class LearnedTile:
    """A tile that a model learned from, or was checked on.

    Attributes
    ----------
    pixel_sha256
        Of its pixels.
    label
        Its class.
    slide, box
        Where it lies; empty and ``None`` for a tile of no slide, or of a model that was trained.
    """

    pixel_sha256: str
    label: str
    slide: str = ""
    box: Box | None = None

    def row(self) -> dict[str, object]:
        """Return it as a row of the table of an adapted bundle, whose columns are :data:`COLUMNS`."""
        place = zip(PLACE, (f"{number:g}" for number in self.box or ()), strict=False)
        return {PIXELS: self.pixel_sha256, "label": self.label, "slide": self.slide, **dict(place)}

    def covers(self, box: Box) -> bool:
        """Tell whether a tile of the same slide shares more than a tenth of its area with this one."""
        if self.box is None:
            return False
        sides = [
            min(mine + size, other + length) - max(mine, other)
            for mine, size, other, length in zip(self.box[:2], self.box[2:], box[:2], box[2:], strict=True)
        ]
        return min(sides) > 0 and sides[0] * sides[1] > _TOUCHING * box[2] * box[3]


COLUMNS = (PIXELS, "label", "slide", *PLACE)


class LearnedTiles:
    """The tiles that a model learned from, found by their pixels and by their places."""

    def __init__(self, tiles: Iterable[LearnedTile]) -> None:
        self.tiles = tuple(tiles)
        self._pixels = {tile.pixel_sha256 for tile in self.tiles}
        self._by_slide: dict[str, list[LearnedTile]] = {}
        for tile in self.tiles:
            if tile.slide:
                self._by_slide.setdefault(tile.slide, []).append(tile)

    def knows_slide(self, slide: str) -> bool:
        """Tell whether any tile of a slide is among them."""
        return slide in self._by_slide

    def knows(self, slide: str, box: Box, pixels: str) -> bool:
        """Tell whether a tile of a slide is among them, or lies over one."""
        return pixels in self._pixels or any(tile.covers(box) for tile in self._by_slide.get(slide, ()))


def find_learned(model: Path) -> Path | None:
    """Return the table of a model, given the folder of its run or lesson, of the bundle in it, or of any bundle."""
    places = (model, model / "model", model.parent)
    return next((folder / LEARNED for folder in places if (folder / LEARNED).is_file()), None)


def read_learned(model: Path) -> LearnedTiles:
    """Return the tiles that a model learned from; none where no table tells, or one of an earlier version.

    Raises
    ------
    CannotReadTable
        If the table is damaged.
    """
    table = find_learned(model)
    if table is None:
        return LearnedTiles(())
    try:
        return LearnedTiles(_tile(row) for row in read_table(table, ())[1] if row.get(PIXELS))
    except ValueError:
        raise CannotReadTable("has a place that is no number", where=table) from None


def _tile(row: dict[str, str]) -> LearnedTile:
    x, y, width, height = (row.get(column, "") for column in PLACE)
    box = (float(x), float(y), float(width), float(height)) if x and y and width and height else None
    return LearnedTile(row[PIXELS], row.get("label", ""), row.get("slide", ""), box)
