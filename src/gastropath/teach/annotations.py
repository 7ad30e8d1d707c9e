"""Annotations drawn in QuPath or elsewhere: the tiles that lie mostly inside one are examples of its class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import CannotReadTable, MissingExtra, did_you_mean
from gastropath.slides.geojson import areas, geometries, is_ignored, read_document, refusing
from gastropath.slides.grid import TileGrid
from gastropath.teach.labels import Label

MOSTLY = 0.5
"""Share of a tile that lies inside an annotation, above which the tile is an example of its class."""

MOST_OF_ONE = 200
"""Examples taken of one annotation, at most, evenly over it: a large one says little more than that it is large."""


@dataclass(frozen=True)
class Annotations:
    """Annotations of a file.

    Attributes
    ----------
    path
        The file.
    areas
        Class code and geometry of Shapely of each, in the coordinates of the file.
    left_out
        How many there are beside, by what they are.
    """

    path: Path
    areas: tuple[tuple[str, Any], ...]
    left_out: Mapping[str, int]

    def labels(self, slide: str, grid: TileGrid, origin_px: tuple[int, int] = (0, 0)) -> list[Label]:
        """Return the tiles of a grid that lie mostly inside an annotation; of a smaller one, the tile in its middle.

        Parameters
        ----------
        slide
            What the slide is called in the labels.
        grid
            Its tiles.
        origin_px
            Where in level 0 the coordinates of the file begin.

        Raises
        ------
        CannotReadTable
            If an annotation lies off the slide, or two of different classes claim the same tile.
        """
        import shapely
        from shapely import affinity

        whole, claimed, found = shapely.box(0, 0, *grid.slide_px), {}, []
        for number, (code, area) in enumerate(self.areas):
            moved = affinity.translate(area, *origin_px)
            on = shapely.intersection(moved, whole)
            if on.area < MOSTLY * moved.area:
                left, top, right, bottom = (round(value) for value in moved.bounds)
                raise CannotReadTable(
                    f"has an annotation of class {code} off the slide of {grid.slide_px[0]:,} x {grid.slide_px[1]:,} "
                    f"pixels: it lies at x {left:,} to {right:,} and y {top:,} to {bottom:,}",
                    where=self.path,
                    remedy="give the annotations that were drawn on this slide",
                )
            boxes = _inside(on, grid) or [_middle(on, grid)]
            for box in boxes:
                if claimed.setdefault(box, code) != code:
                    raise CannotReadTable(
                        f"has annotations of {claimed[box]} and of {code} over the same tile at x {box[0]:,.0f}, y "
                        f"{box[1]:,.0f}",
                        where=self.path,
                        remedy="draw annotations of different classes apart",
                    )
                found.append(Label(slide, box, code, region=number))
        return list({label.box: label for label in found}.values())


def read_annotations(path: Path, classes: Collection[str], names: Mapping[str, str] | None = None) -> Annotations:
    """Read a file of annotations with classes: GeoJSON as QuPath writes it.

    Parameters
    ----------
    path
        The file.
    classes
        Codes of the classes that may stand there.
    names
        What classes are called in QuPath, by code, where they have another name there.

    Raises
    ------
    CannotReadTable
        If it cannot be read, holds no polygon with a class, or one of a class that is not known.
    MissingExtra
        If Shapely is not installed.
    """
    try:
        import shapely  # noqa: F401 - the geometries are its own
    except ImportError:
        raise MissingExtra("annotations", "slides", "shapely") from None
    codes = {name: code for code, name in (names or {}).items()} | {code: code for code in classes}
    with refusing(path):
        return _read(path, read_document(path)[1], codes)


def _read(path: Path, document: object, codes: Mapping[str, str]) -> Annotations:
    found: list[tuple[str, Any]] = []
    left_out: Counter[str] = Counter()
    for geometry, name in geometries(document):
        polygons, odd = areas(geometry)
        left_out.update(odd)
        if not name or is_ignored(name):
            left_out["of an ignored class" if name else "without a class"] += len(polygons)
        elif polygons and name not in codes:
            known = list(codes)
            raise CannotReadTable(
                f"has annotations of class {name!r}, which the model has not{did_you_mean(name, known)}",
                where=path,
                remedy="say by `qupath_classes` which class is meant, or add it by `classes`",
            )
        else:
            found += ((codes[name], polygon) for polygon in polygons)
    left_out += Counter()  # without those that count nothing
    if not found:
        beside = ", ".join(f"{n} {word}" for word, n in left_out.items())
        what = f"holds no polygon with a class{f'; it holds {beside}' if beside else ''}"
        raise CannotReadTable(what, where=path, remedy="give annotations a class in QuPath, and export them as GeoJSON")
    return Annotations(path, tuple(found), dict(left_out))


def _inside(area: Any, grid: TileGrid) -> list[tuple[float, float, float, float]]:
    """Return the boxes of tiles that lie mostly inside, evenly chosen where there are many."""
    import shapely

    left, top, right, bottom = area.bounds
    columns, rows = grid.shape
    first = [max(0, int(low // side) - 1) for low, side in zip((left, top), grid.stride, strict=True)]
    last = [
        min(n, int(high // side) + 2)
        for high, side, n in zip((right, bottom), grid.stride, (columns, rows), strict=True)
    ]
    across, down = np.meshgrid(np.arange(first[0], last[0]), np.arange(first[1], last[1]))
    numbers = (down * columns + across).ravel()
    if not len(numbers):
        return []
    boxes = grid.rectangles(numbers).astype(float)
    tiles = shapely.box(boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3])
    shapely.prepare(area)
    touching = np.flatnonzero(shapely.intersects(area, tiles))
    share = shapely.area(shapely.intersection(tiles[touching], area)) / np.maximum(shapely.area(tiles[touching]), 1)
    chosen = touching[share > MOSTLY]
    if len(chosen) > MOST_OF_ONE:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_OF_ONE).astype(int)]
    return [(x, y, width, height) for x, y, width, height in boxes[chosen].tolist()]


def _middle(area: Any, grid: TileGrid) -> tuple[float, float, float, float]:
    """Return the box of a tile in the middle of an area that is smaller than one."""
    point, (width, height) = area.representative_point(), grid.tile
    return (round(point.x - width / 2), round(point.y - height / 2), round(width), round(height))
