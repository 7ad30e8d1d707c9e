"""A small surface to draw charts on, and its two forms: SVG text, and PNG by Pillow.

The same drawing gives the same bytes. PNG text is set in the font that comes with Pillow, which knows basic Latin:
accents are dropped there, and other letters become question marks. SVG text keeps every printable character.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

INK, GREY, GRID, PAPER = "#1c2330", "#6b7484", "#dde2ea", "#ffffff"
BLUE, ORANGE, TAN = "#0072b2", "#d55e00", "#b08a5b"
"""Okabe and Ito's blue and vermilion, and a muted companion of the latter."""

TEXT_PX = 13
_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
_NARROW, _WIDE, _CAPITAL = "fijlrtI.,:;'|!()[]/ ", "mwMWO@%", "ABCDEFGHJKLNPQRSTUVXYZ"
_PNG_SCALE, _SMOOTH = 2, 2
_LATIN = str.maketrans({"−": "-", "–": "-", "—": "-", "→": ">", "×": "x", "µ": "u", "≥": ">", "≤": "<"})


@dataclass(frozen=True)
class Line:
    """A line through two or more points."""

    points: tuple[Point, ...]
    color: str
    width: float
    dashed: bool


@dataclass(frozen=True)
class Shape:
    """A filled polygon with an edge, where there is one."""

    points: tuple[Point, ...]
    fill: str
    edge: str | None


@dataclass(frozen=True)
class Dot:
    """A filled circle with an edge."""

    center: Point
    radius: float
    fill: str
    edge: str


@dataclass(frozen=True)
class Label:
    """One line of text; ``place`` is its anchor, half way up its letters. ``turn`` is in degrees, upwards."""

    place: Point
    text: str
    anchor: Anchor
    size: float
    color: str
    turn: Literal[0, 45, 90]


Mark = Line | Shape | Dot | Label


class Drawing:
    """A white rectangle with marks on it; x goes right and y goes down, in pixels.

    Parameters
    ----------
    width, height
        In pixels of the SVG; the PNG has twice as many each way.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = math.ceil(width), math.ceil(height)
        self.marks: list[Mark] = []

    def line(self, points: Sequence[Point], color: str = INK, *, width: float = 1.5, dashed: bool = False) -> None:
        """Draw a line through points."""
        if len(points) > 1:
            self.marks.append(Line(tuple(points), color, width, dashed))

    def box(self, left: float, top: float, width: float, height: float, fill: str, edge: str | None = None) -> None:
        """Draw a filled rectangle."""
        right, bottom = left + width, top + height
        self.marks.append(Shape(((left, top), (right, top), (right, bottom), (left, bottom)), fill, edge))

    def dot(self, center: Point, fill: str, *, radius: float = 4.5, shape: str = "circle", edge: str = INK) -> None:
        """Draw a marker: ``"circle"``, ``"square"`` or ``"triangle"``."""
        (x, y), r = center, radius
        if shape == "circle":
            self.marks.append(Dot(center, radius, fill, edge))
        elif shape == "square":
            self.marks.append(Shape(((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)), fill, edge))
        else:
            self.marks.append(Shape(((x, y - 1.2 * r), (x + 1.2 * r, y + r), (x - 1.2 * r, y + r)), fill, edge))

    def text(
        self,
        place: Point,
        text: str,
        *,
        anchor: Anchor = "start",
        size: float = TEXT_PX,
        color: str = INK,
        turn: Literal[0, 45, 90] = 0,
    ) -> None:
        """Write a line of text; characters that cannot be shown become question marks."""
        shown = "".join(c if c.isprintable() else "?" for c in text)
        self.marks.append(Label(place, shown, anchor, size, color, turn))

    def svg(self) -> str:
        """Return the drawing as the text of an SVG file."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        marks = "\n".join(map(_svg, self.marks))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}">\n'
            f'<rect width="100%" height="100%" fill="{PAPER}"/>\n{marks}\n</svg>\n'
        )

    def png(self) -> bytes:
        """Return the drawing as the bytes of a PNG file, two pixels for one."""
        import numpy as np
        from PIL import Image, ImageDraw

        from gastropath.images import encode_png

        scale = _PNG_SCALE * _SMOOTH  # lines are drawn larger and shrunk, since Pillow's have hard edges; text is not
        large = Image.new("RGB", (self.width * scale, self.height * scale), PAPER)
        brush = ImageDraw.Draw(large)
        for mark in self.marks:
            if not isinstance(mark, Label):
                _paint(brush, mark, scale)
        picture = large.reduce(_SMOOTH)
        for mark in self.marks:
            if isinstance(mark, Label):
                _write(picture, mark, _PNG_SCALE)
        return encode_png(np.asarray(picture))


def text_width(text: str, size: float = TEXT_PX) -> float:
    """Return about how wide a text is in pixels: sans-serif fonts differ, so this is the width in a wide one."""
    units = 0.0
    for c in text:
        if c in _NARROW:
            units += 0.4
        elif c in _WIDE or unicodedata.east_asian_width(c) in "WF":
            units += 0.95
        elif c in _CAPITAL:
            units += 0.72
        else:
            units += 0.62
    return units * size


def fitted(text: str, width: float, size: float = TEXT_PX) -> str:
    """Shorten a text in its middle until it is at most so many pixels wide; names often differ at their end.

    Examples
    --------
    >>> fitted("poorly cohesive carcinoma, signet ring", 150)
    'poorly coh…ignet ring'
    """
    kept, shown = len(text), text
    while kept > 2 and text_width(shown, size) > width:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


def fitted_names(names: Sequence[str], width: float, size: float = TEXT_PX) -> list[str]:
    """Shorten names to a width; where two then look alike, all are numbered from 1."""
    shown = [fitted(name, width, size) for name in names]
    if len(set(shown)) < len(set(names)):
        return [fitted(f"{number} {name}", width, size) for number, name in enumerate(names, start=1)]
    return shown


def _svg(mark: Mark) -> str:
    if isinstance(mark, Line):
        dashes = ' stroke-dasharray="5 4"' if mark.dashed else ""
        style = f'fill="none" stroke="{mark.color}" stroke-width="{_number(mark.width)}"{dashes}'
        return f'<polyline points="{_points(mark.points)}" {style}/>'
    if isinstance(mark, Shape):
        edge = f' stroke="{mark.edge}"' if mark.edge else ""
        return f'<polygon points="{_points(mark.points)}" fill="{mark.fill}"{edge}/>'
    if isinstance(mark, Dot):
        x, y = map(_number, mark.center)
        return f'<circle cx="{x}" cy="{y}" r="{_number(mark.radius)}" fill="{mark.fill}" stroke="{mark.edge}"/>'
    x, y = map(_number, mark.place)
    turned = f' transform="rotate(-{mark.turn} {x} {y})"' if mark.turn else ""
    style = f'text-anchor="{mark.anchor}" font-size="{_number(mark.size)}" fill="{mark.color}" dy="0.35em"'
    return f'<text x="{x}" y="{y}" {style}{turned}>{escape(mark.text)}</text>'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _paint(brush, mark: Line | Shape | Dot, scale: int) -> None:
    """Draw with Pillow; ``brush`` is a ``PIL.ImageDraw.ImageDraw``."""
    if isinstance(mark, Dot):
        x, y, r = (value * scale for value in (*mark.center, mark.radius))
        brush.ellipse((x - r, y - r, x + r, y + r), mark.fill, mark.edge, scale)
        return
    points = [(x * scale, y * scale) for x, y in mark.points]
    if isinstance(mark, Shape):
        brush.polygon(points, mark.fill)
        if mark.edge:  # drawn as a line: Pillow's own wide edge fills a mask of the size of the whole picture
            brush.line([*points, *points[:2]], mark.edge, scale, joint="curve")
        return
    for piece in _dashes(points, 5 * scale, 4 * scale) if mark.dashed else [points]:
        brush.line(piece, mark.color, max(1, round(mark.width * scale)), joint="curve")


def _dashes(points: Sequence[Point], dash: float, gap: float) -> list[list[Point]]:
    """Cut each straight piece of a line into dashes."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        for number in range(math.ceil(length / (dash + gap))):
            ends = (number * (dash + gap), min(number * (dash + gap) + dash, length))
            found.append([(x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length) for at in ends])
    return found


def _write(picture, label: Label, scale: int) -> None:
    """Write a label onto a ``PIL.Image.Image``, turned text by way of a mask."""
    from PIL import Image, ImageDraw

    font = _font(label.size * scale)
    text = _latin(label.text)
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    width, height = math.ceil(right - left) + 2, math.ceil(bottom - top) + 2
    share = {"start": 0.0, "middle": 0.5, "end": 1.0}[label.anchor]
    baseline = 0.35 * label.size * scale
    x, y = (value * scale for value in label.place)
    if not label.turn:
        ImageDraw.Draw(picture).text((x - share * (right - left), y + baseline), text, label.color, font, anchor="ls")
        return
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).text((1 - left, 1 - top), text, 255, font, anchor="ls")
    turned = mask.rotate(label.turn, Image.Resampling.BICUBIC, expand=True)
    # The middle of the text, from its anchor: along the text, then across it; turned upwards.
    along, across = (0.5 - share) * (right - left), baseline + (top + bottom) / 2
    cos, sin = math.cos(math.radians(label.turn)), math.sin(math.radians(label.turn))
    center_x, center_y = x + along * cos + across * sin, y - along * sin + across * cos
    picture.paste(label.color, (round(center_x - turned.width / 2), round(center_y - turned.height / 2)), turned)


@lru_cache(maxsize=16)
def _font(size: float):
    """Load Pillow's own font, which takes longer than writing with it."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _latin(text: str) -> str:
    """Write a text in basic Latin, which Pillow's own font knows."""
    plain = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return "".join(c if c.isascii() or c == "…" else "?" for c in plain if not unicodedata.combining(c))
