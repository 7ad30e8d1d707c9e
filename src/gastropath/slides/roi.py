"""Regions of interest: polygons that the user drew, in QuPath for instance."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gastropath.errors import CannotReadTable, MissingExtra
from gastropath.slides.geojson import areas, geometries, is_ignored, read_document, refusing

_LITTLE_BEYOND = 0.1

_IGNORED_WORD = "of an ignored class"


@dataclass(frozen=True)
class Regions:
    """Regions of a file.

    Attributes
    ----------
    path
        The file.
    sha256
        Of its content.
    area
        What they cover, a geometry of Shapely: every hole is cut from its own polygon only, and regions of a class that
        is to be ignored (in QuPath one whose name ends with ``*``, such as ``Ignore*``) from all.
    left_out
        How many geometries there are beside, by what they are.
    """

    path: Path
    sha256: str
    area: Any
    left_out: Mapping[str, int]

    def on(self, size_px: tuple[int, int], origin_px: tuple[int, int] = (0, 0)) -> Any:
        """Return the area in pixels of level 0.

        Parameters
        ----------
        size_px
            Width and height of level 0.
        origin_px
            Where in level 0 the coordinates of the file begin.

        Raises
        ------
        CannotReadTable
            If nothing of it lies on the slide.
        """
        import shapely
        from shapely import affinity

        moved = affinity.translate(self.area, *origin_px)
        inside = shapely.intersection(moved, shapely.box(0, 0, *size_px))
        if not inside.area:
            left, top, right, bottom = (round(value) for value in moved.bounds)
            raise self._error(
                f"none of its regions lies on the slide of {size_px[0]:,} x {size_px[1]:,} pixels: they lie at x "
                f"{left:,} to {right:,} and y {top:,} to {bottom:,}",
                "give the regions that were drawn on this slide",
            )
        return inside

    def warnings(self, size_px: tuple[int, int], origin_px: tuple[int, int] = (0, 0)) -> list[str]:
        """Say in sentences what was left out, and how much lies beyond the slide."""
        left_out = ", ".join(f"{n} {word}" for word, n in self.left_out.items())
        said = [f"{self.path.name}: not taken for regions: {left_out}"] if left_out else []
        beyond = 1 - self.on(size_px, origin_px).area / self.area.area
        if beyond > _LITTLE_BEYOND:
            said.append(
                f"{self.path.name}: {beyond:.0%} of the regions lies beyond the slide; is it that of this slide?"
            )
        return said

    def _error(self, what: str, remedy: str) -> CannotReadTable:
        return CannotReadTable(what, where=self.path, parameter="roi", remedy=remedy)


def read_regions(path: Path) -> Regions:
    """Read a file of regions: GeoJSON as QuPath and others write it.

    Raises
    ------
    CannotReadTable
        If there is no such file, it is too large or no JSON, or holds no polygon; says what it holds instead.
    MissingExtra
        If Shapely is not installed.
    """
    with refusing(path, "roi"):
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _read(path: Path, changed: int, size: int) -> Regions:
    try:
        import shapely
    except ImportError:
        raise MissingExtra("regions of interest", "slides", "shapely") from None
    data, document = read_document(path, "roi")
    left_out: Counter[str] = Counter()
    wanted, ignored = [], []
    for geometry, kind in geometries(document):
        polygons, odd = areas(geometry)
        left_out.update(odd)
        (ignored if is_ignored(kind) else wanted).extend(polygons)
    if ignored:
        left_out[_IGNORED_WORD] = len(ignored)
    area = shapely.difference(shapely.union_all(wanted), shapely.union_all(ignored))
    regions = Regions(path, hashlib.sha256(data).hexdigest(), area, dict(left_out))
    if not area.area:
        found = ", ".join(f"{n} {word}" for word, n in left_out.items())
        what = f"holds no polygon (Polygon or MultiPolygon) with an area{f'; it holds {found}' if found else ''}"
        raise regions._error(what, "export the regions from QuPath as GeoJSON")
    return regions
