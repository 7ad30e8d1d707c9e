"""Axes of a chart: a rectangle of a drawing with a scale each way, its grid, ticks, titles and legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gastropath.report.charts.drawing import GREY, GRID, INK, Drawing, Point, text_width

WIDTH = 460
"""Width of a chart in pixels: two fit beside each other on a screen, and a phone can show one at readable size."""

SMALL_PX = 12


@dataclass(frozen=True)
class Scale:
    """Where a number lies between two others; ``log`` scales need positive numbers."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return 0 for ``low`` and 1 for ``high``."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @classmethod
    def around(cls, values: Sequence[float], *, at_least: float = 1e-6, log: bool = False) -> Scale:
        """Return a scale that holds all values that are numbers, a little wider than they lie."""
        known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if log:
            return cls(low / 1.3, high * 1.3, log=True)
        margin = max(0.06 * (high - low), at_least)
        return cls(low - margin, high + margin)

    def ticks(self) -> list[float]:
        """Return round numbers within the scale, about five of them."""
        if self.log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            every = max(1, -(-len(powers) // 6))
            return [10.0**power for power in powers[::every]] or [self.low, self.high]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def labels(self, *, signed: bool = False) -> list[str]:
        """Write the ticks with as many decimals as tell them apart; ``signed`` ones have a plus above zero."""
        ticks = self.ticks()
        if self.log:
            return [f"{value:g}" for value in ticks]
        decimals = next((d for d in range(8) if all(math.isclose(t, round(t, d), abs_tol=1e-9) for t in ticks)), 8)
        sign = "+" if signed else "-"
        return [(f"{t:{sign},.{decimals}f}" if round(t, 8) else "0").replace("-", "−") for t in ticks]


SHARES = Scale(0.0, 1.0)


@dataclass(frozen=True)
class Axes:
    """A rectangle of a drawing, in pixels, in which numbers have places."""

    drawing: Drawing
    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> Point:
        """Return the place of two numbers, in pixels."""
        return self.left + self.width * self.x.place(x), self.top + self.height * (1 - self.y.place(y))

    def draw(self, x_title: str, y_title: str = "", title: str = "") -> None:
        """Draw grid, ticks and titles."""
        self.draw_x()
        for value, label in zip(self.y.ticks(), self.y.labels(), strict=True):
            left, down = self.at(self.x.low, value)
            self.drawing.line([(left, down), (left + self.width, down)], GRID, width=1)
            self.drawing.text((left - 6, down), label, anchor="end", size=SMALL_PX, color=GREY)
        middle = self.left + self.width / 2
        self.drawing.text((middle, self.top + self.height + 31), x_title, anchor="middle")
        if y_title:
            self.drawing.text((self.left - 44, self.top + self.height / 2), y_title, anchor="middle", turn=90)
        if title:
            self.drawing.text((middle, self.top - 14), title, anchor="middle")

    def draw_x(self, *, signed: bool = False) -> None:
        """Draw the grid and the ticks of x alone."""
        bottom = self.top + self.height
        for value, label in zip(self.x.ticks(), self.x.labels(signed=signed), strict=True):
            across = self.left + self.width * self.x.place(value)
            self.drawing.line([(across, self.top), (across, bottom)], GRID, width=1)
            self.drawing.text((across, bottom + 12), label, anchor="middle", size=SMALL_PX, color=GREY)

    def curve(
        self, points: Sequence[Point], color: str, *, width: float = 2, dashed: bool = False, dots: bool = False
    ) -> None:
        """Draw a line through numbers; those that are not finite are left out."""
        known = [self.at(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        self.drawing.line(known, color, width=width, dashed=dashed)
        for place in known if dots else ():
            self.drawing.dot(place, color, radius=3.5, edge=color)


def legend(
    drawing: Drawing, left: float, middle: float, entries: Sequence[tuple[str, str, str]], width: float
) -> float:
    """Write what colours and shapes mean, from left to right, in as many rows as needed; return the height used.

    Parameters
    ----------
    left, middle
        Where the first entry begins, and half the height of its row.
    entries
        Text, colour, and ``"line"``, ``"dashed"``, ``"circle"``, ``"square"`` or ``"triangle"``.
    width
        Pixels from ``left`` to the right end.
    """
    x, y = left, middle
    for text, color, shape in entries:
        needed = 30 + text_width(text, SMALL_PX) + 12
        if x > left and x + needed > left + width:
            x, y = left, y + 19
        if shape in {"line", "dashed"}:
            drawing.line([(x, y), (x + 24, y)], color, width=2, dashed=shape == "dashed")
        else:
            drawing.dot((x + 12, y), color, shape=shape)
        drawing.text((x + 30, y), text, size=SMALL_PX, color=INK)
        x += needed
    return y - middle + 19
