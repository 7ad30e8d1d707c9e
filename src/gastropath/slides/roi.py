"""Regions of interest: polygons that the user drew, in QuPath for instance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gastropath.errors import CannotReadTable


def read_roi(roi: Path) -> str:
    """Return the text of a file of regions.

    Raises
    ------
    CannotReadTable
        If there is no such file, or it is not text.
    """
    try:
        return roi.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise CannotReadTable(f"cannot be read as GeoJSON: {error}", where=roi, parameter="roi") from None


def draw_roi(roi: Path, scale: tuple[float, float], shape: tuple[int, ...]) -> np.ndarray:
    """Draw regions as a mask.

    Parameters
    ----------
    roi
        GeoJSON with polygons in pixels of level 0.
    scale
        Pixels of level 0 to one of the mask, across and down.
    shape
        Height and width of the mask.

    Returns
    -------
    numpy.ndarray
        ``bool``, of that shape: within a polygon, and not in a hole of it.

    Raises
    ------
    CannotReadTable
        If the file holds no polygon, or one that is not rings of points.
    """
    canvas = Image.new("1", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    try:
        for polygon in _polygons(roi):
            for place, ring in enumerate(polygon):  # the first ring is the outline, the others are holes
                points = [(x / scale[0], y / scale[1]) for x, y, *_ in ring]
                pen.polygon(points, fill=1 if place == 0 else 0)
    except (TypeError, ValueError) as error:
        what = f"has a polygon that is not rings of x and y: {error}"
        raise CannotReadTable(what, where=roi, parameter="roi") from None
    return np.asarray(canvas)


def _polygons(roi: Path) -> list[list[list[list[float]]]]:
    try:
        document = json.loads(read_roi(roi))
    except ValueError as error:
        raise CannotReadTable(f"cannot be read as GeoJSON: {error}", where=roi, parameter="roi") from None
    features = document.get("features", [document]) if isinstance(document, Mapping) else document
    found = []
    for feature in features if isinstance(features, list) else []:
        geometry = feature.get("geometry", feature) if isinstance(feature, Mapping) else {}
        coordinates = geometry.get("coordinates", []) if isinstance(geometry, Mapping) else []
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        found += [coordinates] if kind == "Polygon" else coordinates if kind == "MultiPolygon" else []
    if not found:
        raise CannotReadTable(
            "holds no Polygon or MultiPolygon",
            where=roi,
            parameter="roi",
            remedy="export the regions from QuPath as GeoJSON",
        )
    return found
