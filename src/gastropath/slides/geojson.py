"""Geometries of GeoJSON as QuPath and others write it, found one by one: an odd one spoils none of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gastropath.errors import CannotReadTable, GastroPathError, in_words

MOST_BYTES = 50_000_000
"""Bytes of a file: the outlines of thousands of annotations, and not every cell of a slide."""

AREAS = ("Polygon", "MultiPolygon")
FLAT = ("Point", "MultiPoint", "LineString", "MultiLineString")

FLAT_WORD, EMPTY_WORD, ODD_WORD = "points or lines", "without an outline of three points", "with odd coordinates"
NOTHING_WORD = "without a geometry"

_MOST_PX = 1e8
"""Coordinates beyond this lie on no slide."""


def read_document(path: Path, parameter: str = "") -> tuple[bytes, object]:
    """Read a file of limited size as JSON.

    Returns
    -------
    content : bytes
    document : object

    Raises
    ------
    CannotReadTable
        If it is too large.
    Exception
        Of JSON or of the system, whatever it is; see :func:`refusing`.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        what = f"has {size:,} bytes, more than the {MOST_BYTES:,} allowed"
        remedy = "export only the annotations that are meant"
        raise CannotReadTable(what, where=path, parameter=parameter, remedy=remedy)
    content = path.read_bytes()
    return content, json.loads(content.decode("utf-8-sig"))


@contextmanager
def refusing(path: Path, parameter: str = "") -> Iterator[None]:
    """Turn what JSON and Shapely raise, whatever it is, into the refusal of a file.

    Raises
    ------
    CannotReadTable
        Instead of it.
    """
    try:
        yield
    except GastroPathError:
        raise
    except Exception as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else in_words(error)
        what = f"cannot be read as GeoJSON: {why}"
        raise CannotReadTable(what, where=path, parameter=parameter) from None


def geometries(document: object) -> Iterator[tuple[object, str]]:
    """Yield every geometry that is no collection, and the class it has, empty for none; never recursive."""
    waiting: list[tuple[object, str]] = [(document, "")]
    while waiting:
        item, kind = waiting.pop()
        if isinstance(item, list):
            waiting += ((child, kind) for child in reversed(item))
        elif not isinstance(item, Mapping):
            yield item, kind
        elif item.get("type") == "FeatureCollection" or ("features" in item and "geometry" not in item):
            features = item.get("features")
            waiting.append((features if isinstance(features, list) else None, kind))
        elif item.get("type") == "GeometryCollection":
            parts = item.get("geometries")
            waiting.append((parts if isinstance(parts, list) else None, kind))
        elif "geometry" in item:
            waiting.append((item["geometry"], kind or class_of(item.get("properties"))))
        else:
            yield item, kind


def class_of(properties: object) -> str:
    """Return the class of a feature, the last part of its name in QuPath; empty where it has none."""
    found = properties.get("classification") if isinstance(properties, Mapping) else None
    if isinstance(found, Mapping):
        names = found.get("names")
        found = names[-1] if isinstance(names, list) and names else found.get("name")
    return found.strip() if isinstance(found, str) else ""


def is_ignored(name: str) -> bool:
    """Tell whether a class is one that QuPath ignores: its name ends with ``*``."""
    return name.endswith("*")


def areas(geometry: object) -> tuple[list[Any], list[str]]:
    """Return the polygons of a geometry, and in words what of it is none.

    Returns
    -------
    polygons : list of shapely.Polygon or shapely.MultiPolygon
    left_out : list of str
    """
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if not isinstance(geometry, Mapping) or kind not in AREAS:
        return [], [FLAT_WORD if kind in FLAT else NOTHING_WORD]
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list):
        return [], [ODD_WORD]
    made = [_polygon(polygon) for polygon in (coordinates if kind == "MultiPolygon" else [coordinates])]
    return [polygon for polygon in made if not isinstance(polygon, str)], [why for why in made if isinstance(why, str)]


def _polygon(rings: object) -> Any:
    """Return a polygon of Shapely, or in words why there is none."""
    import shapely

    if not isinstance(rings, list) or not rings or rings == [[]]:
        return EMPTY_WORD
    if isinstance(rings[0], list) and rings[0] and not isinstance(rings[0][0], list):
        rings = [rings]  # the outline alone, where a list of rings is expected
    try:
        made = [_ring(ring) for ring in rings]
    except (TypeError, ValueError, OverflowError):
        return ODD_WORD
    outline, holes = made[0], [hole for hole in made[1:] if hole is not None]
    if outline is None:
        return EMPTY_WORD
    polygon = shapely.Polygon(outline, holes)
    if not polygon.is_valid:  # its outline crosses itself, or a hole does
        polygon = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    return polygon if polygon.area else EMPTY_WORD


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
