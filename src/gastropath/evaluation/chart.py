"""A chart, drawn once: SVG for the report and PNG beside it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure as Canvas

from gastropath.outputs import write_bytes

_STYLE = {
    "svg.hashsalt": "gastropath",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
}

INK, GREY, BLUE, ORANGE = "#1c2330", "#8a93a3", "#0072b2", "#d55e00"


@dataclass(frozen=True)
class Chart:
    """A drawn chart: its name, a caption, a description in words, and its bytes."""

    name: str
    caption: str
    alt: str
    svg: str
    png: bytes

    def write(self, folder: Path) -> None:
        """Write ``NAME.svg`` and ``NAME.png``."""
        write_bytes(folder / f"{self.name}.svg", self.svg.encode())
        write_bytes(folder / f"{self.name}.png", self.png)


def drawn(name: str, caption: str, alt: str, size: tuple[float, float], draw: Callable[[Canvas], None]) -> Chart:
    """Let ``draw`` fill a canvas of a size in inches; the same input gives the same bytes."""
    with matplotlib.rc_context(_STYLE):  # pyright: ignore[reportArgumentType]  # names of settings are plain strings
        canvas = Canvas(figsize=size, layout="constrained")
        draw(canvas)
        svg, png = io.StringIO(), io.BytesIO()
        canvas.savefig(svg, format="svg", metadata={"Date": None})
        canvas.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return Chart(name, caption, alt, svg.getvalue(), png.getvalue())
