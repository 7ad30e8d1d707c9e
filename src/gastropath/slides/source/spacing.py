"""How large a pixel is: micrometres per pixel, as a file states them, and only where that is credible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gastropath.errors import CannotReadSpacing

_CREDIBLE_MPP = (0.05, 20.0)
"""Micrometres per pixel that are believed of a file: 72 or 300 dots per inch are an editor's default, not a scale."""

_UM_PER_UNIT = {"centimeter": 10_000.0, "centimetre": 10_000.0, "cm": 10_000.0, "inch": 25_400.0}


@dataclass(frozen=True)
class Spacing:
    """Micrometres per pixel of level 0, across and down, and where the values come from."""

    x: float
    y: float
    source: str


def find_spacing(properties: Mapping[str, str], mpp: float | None = None) -> Spacing:
    """Find micrometres per pixel: as given, as the scanner wrote it, or from a credible resolution tag.

    Parameters
    ----------
    properties
        As OpenSlide names them.
    mpp
        As given by the user, which takes precedence over what the file states.

    Raises
    ------
    CannotReadSpacing
        If they are not known.
    """
    if mpp is not None:
        return Spacing(mpp, mpp, "given")
    low, high = _CREDIBLE_MPP
    x, y = _number(properties.get("ome.mpp-x")), _number(properties.get("ome.mpp-y"))
    if x and y and low <= x <= high and low <= y <= high:
        return Spacing(x, y, "OME-XML")
    x, y = _number(properties.get("openslide.mpp-x")), _number(properties.get("openslide.mpp-y"))
    if x and y and low <= x <= high and low <= y <= high:
        generic = properties.get("openslide.vendor") == "generic-tiff"
        return Spacing(x, y, "resolution tag" if generic else "slide header")
    unit = _UM_PER_UNIT.get(str(properties.get("tiff.ResolutionUnit", "")).lower())
    x, y = _number(properties.get("tiff.XResolution")), _number(properties.get("tiff.YResolution"))
    if unit and x and y and low <= unit / x <= high and low <= unit / y <= high:
        return Spacing(unit / x, unit / y, "resolution tag")
    raise CannotReadSpacing(
        "does not state its micrometres per pixel",
        remedy="give `mpp`, e.g. `mpp` 0.5 (about 0.25 at 40x, 0.5 at 20x, 1 at 10x)",
    )


def _number(text: object) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
