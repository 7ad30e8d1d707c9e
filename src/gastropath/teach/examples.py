"""Examples to learn from or to be judged on: features of labelled tiles, from slides or from anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gastropath.errors import CannotReadSlide, CannotReadTable
from gastropath.images import pixel_sha256
from gastropath.inference.classifier import Classifier
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.results.learned import Box, LearnedTile
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.slides.tiles import read_tiles
from gastropath.teach.labels import Label, Source

BLOCK = 8
"""Side of a block of a slide, in tiles: what stands for a slide where all labels lie on one."""

_COLUMNS = ("labels", "slides", "units", "sources", "pixels", "boxes")
_AT_ONCE = 64
_SLACK = 1.3
"""A labelled rectangle so many times as wide as a tile or less is one tile; a larger one is all tiles inside it."""


@dataclass(frozen=True)
class Examples:
    """Labelled tiles as a model's features describe them.

    Attributes
    ----------
    features
        ``float32``, shape (n, f).
    labels
        Class code of each, n of them.
    slides
        What each comes from: a slide, a group of tiles, or a folder of them.
    units
        What is not independent of each other: a slide, a block of it, or a group.
    sources
        How each label came about.
    pixels
        :func:`gastropath.images.pixel_sha256` of each tile.
    boxes
        Left, top, width and height of each tile in pixels of level 0; ``None`` for what comes from no slide.
    """

    features: np.ndarray
    labels: tuple[str, ...]
    slides: tuple[str, ...]
    units: tuple[str, ...]
    sources: tuple[Source, ...]
    pixels: tuple[str, ...]
    boxes: tuple[Box | None, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> Examples:
        kept = [int(row) for row in (np.flatnonzero(rows) if rows.dtype == bool else rows)]
        columns = (getattr(self, name) for name in _COLUMNS)
        return Examples(self.features[kept], *(tuple(column[row] for row in kept) for column in columns))

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """Put examples together; a tile that is there twice is taken once.

        Raises
        ------
        CannotReadTable
            If the same pixels have two labels.
        """
        features = np.concatenate([part.features for part in parts])
        columns = [tuple(cell for part in parts for cell in getattr(part, name)) for name in _COLUMNS]
        whole, first, kept = cls(features, *columns), {}, []
        for row, pixels in enumerate(whole.pixels):
            earlier = first.setdefault(pixels, row)
            if earlier == row:
                kept.append(row)
            elif whole.labels[earlier] != whole.labels[row]:
                raise CannotReadTable(
                    f"the same tile is {whole.labels[earlier]} in {whole.slides[earlier]} and {whole.labels[row]} in "
                    f"{whole.slides[row]}",
                    remedy="keep one of the two labels",
                )
        return whole[np.array(kept, np.int64)]


@dataclass(frozen=True)
class PlacedTiles(TileGrid):
    """Tiles of one field of view each at places of their own.

    Attributes
    ----------
    places
        Upper left corner of each tile in pixels of level 0: ``float64``, shape (n, 2).
    """

    places: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def __len__(self) -> int:
        return len(self.places)

    def corners(self, numbers: np.ndarray) -> np.ndarray:
        """Return the upper left corners of tiles: ``float64``, (n, 2)."""
        return self.places[numbers]


@dataclass(frozen=True)
class LabelledTiles:
    """Tiles of a slide with their labels, not read yet.

    Attributes
    ----------
    slide
        The slide.
    grid
        Where the tiles lie.
    labels
        Of each tile; a label of a large rectangle stands for every tile in it.
    """

    slide: Slide
    grid: PlacedTiles
    labels: tuple[Label, ...]

    @classmethod
    def of(cls, slide: Slide, card: Card, labels: Sequence[Label]) -> LabelledTiles:
        """Find the tiles that labels stand for.

        Raises
        ------
        CannotReadTable
            If a label lies off the slide.
        """
        grid = TileGrid.over(slide, card.input.tile_px, card.input.mpp).unreduced(slide)
        places, of_tile = [], []
        for label in labels:
            for corner in _corners(label, grid):
                places.append(corner)
                of_tile.append(label)
        placed = PlacedTiles(**vars(grid), places=np.array(places, float).reshape(-1, 2))
        return cls(slide, placed, tuple(of_tile))

    def read(self, numbers: Sequence[int]) -> np.ndarray:
        """Read some tiles: ``uint8``, shape (n, tile_px, tile_px, 3).

        Raises
        ------
        CannotReadSlide
            If the slide is damaged there: a label of what nobody can see is none.
        """
        found = list(each(lambda number: read_tiles(self.slide, self.grid, np.array([number])), numbers))
        for tiles in found:
            for number, reason in tiles.refused.items():
                x, y = self.grid.places[number]
                raise CannotReadSlide(f"the labelled tile at x {x:,.0f}, y {y:,.0f}: {reason}", where=self.slide.path)
        return np.concatenate([tiles.pixels for tiles in found])

    def read_all(self) -> Iterator[tuple[int, np.ndarray]]:
        """Read all tiles, some at a time: yield the number of the first, and their pixels."""
        for first in range(0, len(self.labels), _AT_ONCE):
            yield first, self.read(range(first, min(first + _AT_ONCE, len(self.labels))))

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where the tiles lie."""
        width, height = self.grid.tile
        return tuple((x, y, width, height) for x, y in self.grid.places.tolist())

    def blocks(self) -> list[str]:
        """Return the block of the slide that each tile lies in."""
        side = np.array(self.grid.tile) * BLOCK
        return [f"{int(x)},{int(y)}" for x, y in (self.grid.places + np.array(self.grid.tile) / 2) // side]


def named_slide(name: str, table: Path, folder: Path | None) -> Path:
    """Return the file of a slide that a table names: as it is named, from the table's folder, or in another folder.

    Raises
    ------
    CannotReadSlide
        If there is none.
    """
    places = [folder / Path(name).name] if folder else []
    places += [table.parent / name, Path(name)]
    for place in places:
        if place.is_file():
            return place
    raise CannotReadSlide("no such file", where=places[0], remedy="name the folder with the slides by `slides`")


def labelled_tiles(
    labels: Sequence[Label], card: Card, find: Callable[[str], Path], mpp: float | None = None
) -> Iterator[LabelledTiles]:
    """Open the slides of some labels, one after the other, and find the tiles in them.

    Parameters
    ----------
    labels
        Of any slides.
    card
        Says how large a tile is.
    find
        Gives the file of a slide by its name.
    mpp
        Micrometres per pixel of slides that do not state them.
    """
    by_slide: dict[str, list[Label]] = {}
    for label in labels:
        by_slide.setdefault(label.slide, []).append(label)
    for name, own in by_slide.items():
        slide = open_slide(find(name), mpp)
        try:
            yield LabelledTiles.of(slide, card, own)
        except CannotReadTable as error:
            raise error.at(slide.path) from None


def from_slides(opened: Iterator[LabelledTiles], classifier: Classifier, progress: Progress = silent) -> list[Examples]:
    """Read labelled tiles and describe them by the model's features; of each slide one set of examples."""
    found = []
    for tiles in opened:
        name, features, pixels = tiles.slide.path.name, [], []
        for _, stack in tiles.read_all():
            features.append(classifier.predict(stack, features=True).features)
            pixels += [pixel_sha256(tile) for tile in stack]
            progress(f"labelled tiles of {name}", len(pixels), len(tiles.labels))
        found.append(
            Examples(
                np.concatenate(features),
                tuple(label.label for label in tiles.labels),
                (name,) * len(tiles.labels),
                tuple(f"{name} {block}" for block in tiles.blocks()),
                tuple(label.source for label in tiles.labels),
                tuple(pixels),
                tiles.boxes,
            )
        )
    return found


def with_slides_as_units(examples: Examples) -> Examples:
    """Return examples of several slides whose units are the slides."""
    return replace(examples, units=examples.slides)


def seen(examples: Examples) -> tuple[LearnedTile, ...]:
    """Return the tiles of examples, those to check among them: they were looked at, so they judge no second time."""
    return tuple(
        LearnedTile(pixels, label, slide if box else "", box)
        for pixels, label, slide, box in zip(
            examples.pixels, examples.labels, examples.slides, examples.boxes, strict=True
        )
    )


def counts(examples: Examples) -> Mapping[str, Mapping[str, int]]:
    """Return how many labels of each class there are of each slide."""
    found: dict[str, dict[str, int]] = {}
    for slide, label in zip(examples.slides, examples.labels, strict=True):
        row = found.setdefault(slide, {})
        row[label] = row.get(label, 0) + 1
    return found


def _corners(label: Label, grid: TileGrid) -> list[tuple[float, float]]:
    """Return the corners of the tiles that a label stands for."""
    x, y, width, height = label.box
    across, down = grid.tile
    if x + width <= 0 or y + height <= 0 or x >= grid.slide_px[0] or y >= grid.slide_px[1]:
        raise CannotReadTable(
            f"the label {label.label} at x {x:,.0f}, y {y:,.0f} lies off the slide of {grid.slide_px[0]:,} x "
            f"{grid.slide_px[1]:,} pixels",
            remedy="check which slide it belongs to",
        )
    if width > _SLACK * across or height > _SLACK * down:
        columns, rows = max(1, int(width // across)), max(1, int(height // down))
        left, top = x + (width - columns * across) / 2, y + (height - rows * down) / 2
        return [(left + column * across, top + row * down) for row in range(rows) for column in range(columns)]
    is_cut = [
        size < tile - 1 and place + size >= end - 1
        for place, size, tile, end in zip((x, y), (width, height), grid.tile, grid.slide_px, strict=True)
    ]  # by the edge of the slide: it begins where the tile does
    return [(x if is_cut[0] else x + (width - across) / 2, y if is_cut[1] else y + (height - down) / 2)]
