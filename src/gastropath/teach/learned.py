"""``learned.csv`` of an adapted bundle: the tiles it has seen, by which an evaluation knows them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gastropath.errors import CannotReadTable
from gastropath.tables import read_table
from gastropath.teach.examples import Box, Examples

LEARNED = "learned.csv"

LEARNED_COLUMNS = ("pixel_sha256", "label", "slide", "x_px", "y_px", "width_px", "height_px")

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
        """Return it as a row of the table."""
        place = zip(LEARNED_COLUMNS[3:], (f"{number:g}" for number in self.box or ()), strict=False)
        return {"pixel_sha256": self.pixel_sha256, "label": self.label, "slide": self.slide, **dict(place)}

    def covers(self, slide: str, box: Box) -> bool:
        """Tell whether a tile of a slide shares more than a tenth of its area with this one."""
        if self.box is None or slide != self.slide:
            return False
        sides = [
            min(mine + size, other + length) - max(mine, other)
            for mine, size, other, length in zip(self.box[:2], self.box[2:], box[:2], box[2:], strict=True)
        ]
        return min(sides) > 0 and sides[0] * sides[1] > _TOUCHING * box[2] * box[3]


def seen(examples: Examples) -> tuple[LearnedTile, ...]:
    """Return the tiles of examples, those to check among them: they were looked at, so they judge no second time."""
    return tuple(
        LearnedTile(pixels, label, slide if box else "", box)
        for pixels, label, slide, box in zip(
            examples.pixels, examples.labels, examples.slides, examples.boxes, strict=True
        )
    )


def read_learned(model: Path) -> tuple[LearnedTile, ...]:
    """Return the tiles that a model learned from, given its bundle or its run; none where no table tells.

    Raises
    ------
    CannotReadTable
        If the table is damaged.
    """
    for folder in (model, model / "model", model.parent):
        table = folder / LEARNED
        if table.is_file():
            _, rows = read_table(table, ())
            try:
                return tuple(_tile(row) for row in rows if row.get("pixel_sha256"))
            except ValueError:
                raise CannotReadTable("has a place that is no number", where=table) from None
    return ()


def is_learned(tiles: Sequence[LearnedTile], slide: str, box: Box | None, pixels: str) -> bool:
    """Tell whether a tile is among those that a model learned from, or lies over one."""
    return any(tile.pixel_sha256 == pixels or (box is not None and tile.covers(slide, box)) for tile in tiles)


def _tile(row: dict[str, str]) -> LearnedTile:
    numbers = [row.get(column, "") for column in LEARNED_COLUMNS[3:]]
    box = tuple(float(number) for number in numbers) if all(numbers) else None
    assert box is None or len(box) == 4
    return LearnedTile(row["pixel_sha256"], row.get("label", ""), row.get("slide", ""), box)
