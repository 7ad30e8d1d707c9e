"""Regions of interest: polygons that the user drew, in QuPath for instance."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gastropath.errors import CannotReadTable, GastroPathError, MissingExtra, in_words

MOST_BYTES = 50_000_000
"""Bytes of a file of regions: the outlines of thousands of annotations, and not every cell of a slide."""

_MOST_PX = 1e8
"""Coordinates beyond this lie on no slide."""

_LITTLE_BEYOND = 0.1

_AREAS, _FLAT = ("Polygon", "MultiPolygon"), ("Point", "MultiPoint", "LineString", "MultiLineString")

_FLAT_WORD, _EMPTY_WORD, _ODD_WORD = "points or lines", "without an outline of three points", "with odd coordinates"
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
    try:
        status = path.stat()
        if status.st_size > MOST_BYTES:
            raise CannotReadTable(
                f"has {status.st_size:,} bytes, more than the {MOST_BYTES:,} allowed",
                where=path,
                parameter="roi",
                remedy="export only the annotations that are meant",
            )
        return _read(path, status.st_mtime_ns, status.st_size)
    except GastroPathError:
        raise
    except Exception as error:  # of JSON and of Shapely, whatever it is
        why = "it is nested too deeply" if isinstance(error, RecursionError) else in_words(error)
        what = f"cannot be read as GeoJSON: {why}"
        raise CannotReadTable(what, where=path, parameter="roi") from None


@lru_cache(maxsize=2)
def _read(path: Path, changed: int, size: int) -> Regions:
    try:
        import shapely
    except ImportError:
        raise MissingExtra("regions of interest", "slides", "shapely") from None
    data = path.read_bytes()
    left_out: Counter[str] = Counter()
    wanted, ignored = [], []
    for geometry, is_ignored in _geometries(json.loads(data.decode("utf-8-sig"))):
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        if not isinstance(geometry, Mapping) or kind not in _AREAS:
            left_out[_FLAT_WORD if kind in _FLAT else "without a geometry"] += 1
            continue
        coordinates = geometry.get("coordinates")
        if not isinstance(coordinates, list):
            left_out[_ODD_WORD] += 1
            continue
        for polygon in coordinates if kind == "MultiPolygon" else [coordinates]:
            made = _polygon(polygon)
            if isinstance(made, str):
                left_out[made] += 1
            else:
                (ignored if is_ignored else wanted).append(made)
    if ignored:
        left_out[_IGNORED_WORD] = len(ignored)
    area = shapely.difference(shapely.union_all(wanted), shapely.union_all(ignored))
    regions = Regions(path, hashlib.sha256(data).hexdigest(), area, dict(left_out))
    if not area.area:
        found = ", ".join(f"{n} {word}" for word, n in left_out.items())
        what = f"holds no polygon (Polygon or MultiPolygon) with an area{f'; it holds {found}' if found else ''}"
        raise regions._error(what, "export the regions from QuPath as GeoJSON")
    return regions


def _geometries(document: object) -> Iterator[tuple[object, bool]]:
    """Yield every geometry that is no collection, and whether it is of a class to ignore; never recursive."""
    waiting: list[tuple[object, bool]] = [(document, False)]
    while waiting:
        item, ignored = waiting.pop()
        if isinstance(item, list):
            waiting += ((child, ignored) for child in reversed(item))
        elif not isinstance(item, Mapping):
            yield item, ignored
        elif item.get("type") == "FeatureCollection" or ("features" in item and "geometry" not in item):
            features = item.get("features")
            waiting.append((features if isinstance(features, list) else None, ignored))
        elif item.get("type") == "GeometryCollection":
            parts = item.get("geometries")
            waiting.append((parts if isinstance(parts, list) else None, ignored))
        elif "geometry" in item:
            waiting.append((item["geometry"], ignored or _is_ignored(item.get("properties"))))
        else:
            yield item, ignored


def _is_ignored(properties: object) -> bool:
    """Tell whether a feature has a class that QuPath ignores: its name, or the last part of it, ends with ``*``."""
    found = properties.get("classification") if isinstance(properties, Mapping) else None
    if isinstance(found, Mapping):
        names = found.get("names")
        found = names[-1] if isinstance(names, list) and names else found.get("name")
    return isinstance(found, str) and found.strip().endswith("*")


def _polygon(rings: object) -> Any:
    """Return a polygon of Shapely, or in words why there is none."""
    import shapely

    if not isinstance(rings, list) or not rings or rings == [[]]:
        return _EMPTY_WORD
    if isinstance(rings[0], list) and rings[0] and not isinstance(rings[0][0], list):
        rings = [rings]  # the outline alone, where a list of rings is expected
    try:
        made = [_ring(ring) for ring in rings]
    except (TypeError, ValueError, OverflowError):
        return _ODD_WORD
    outline, holes = made[0], [hole for hole in made[1:] if hole is not None]
    if outline is None:
        return _EMPTY_WORD
    polygon = shapely.Polygon(outline, holes)
    if not polygon.is_valid:  # its outline crosses itself, or a hole does
        polygon = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    return polygon if polygon.area else _EMPTY_WORD


def _ring(points: Any) -> list[tuple[float, float]] | None:
    """Return a ring; ``None`` where it has fewer than three points."""
    ring = []
    if not isinstance(points, list):
        raise TypeError
    for point in points:
        if not isinstance(point, list) or len(point) < 2 or not {type(value) for value in point[:2]} <= {int, float}:
            raise TypeError
        x, y = float(point[0]), float(point[1])
        if not max(abs(x), abs(y)) <= _MOST_PX:  # NaN is no number below it either
            raise ValueError
        ring.append((x, y))
    return ring if len(set(ring)) >= 3 else None
