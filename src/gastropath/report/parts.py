"""What a report is made of: sections with parts, whatever they are shown on."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gastropath.outputs import write_bytes
from gastropath.report.charts.drawing import Drawing

_NUMBER = re.compile(r"–|(< )?[-+−]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?( ?%)?( \([-+−]?\d[^()]*\))?", re.ASCII)

Tone = Literal["plain", "note", "warning"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone = "plain"
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]
    kind: str = field(default="bullets", init=False)


@dataclass(frozen=True)
class Table:
    """A table of short cells; columns of numbers are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    kind: str = field(default="table", init=False)

    @staticmethod
    def numeric(cell: object) -> bool:
        """Tell whether a cell reads as a number, with its unit or interval: ``0.81 (0.75–0.87)``, ``12.5%``, ``–``."""
        return isinstance(cell, (int, float)) or _NUMBER.fullmatch(str(cell)) is not None

    @property
    def numeric_columns(self) -> list[bool]:
        """Tell for each column whether all its cells are numbers: it is set to the right, its heading too."""
        return [all(self.numeric(row[i]) for row in self.rows) for i in range(len(self.columns))]


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length (compared with the longest), its colour, and the text at its end."""

    label: str
    value: float
    color: str
    text: str


@dataclass(frozen=True)
class Bars:
    """A horizontal bar chart; ``full`` is the value that fills the width, by default the longest bar's."""

    bars: Sequence[Bar]
    caption: str = ""
    full: float = 0.0
    kind: str = field(default="bars", init=False)

    @property
    def longest(self) -> float:
        """The value that fills the width."""
        return self.full or max((bar.value for bar in self.bars), default=0) or 1


@dataclass(frozen=True)
class Tile:
    """A small picture with a caption; ``image`` holds JPEG or PNG bytes."""

    image: bytes
    caption: str
    alt: str
    color: str = "#cccccc"

    @property
    def source(self) -> str:
        """The picture as a ``data:`` address."""
        kind = "png" if self.image.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode()}"


@dataclass(frozen=True)
class Gallery:
    """Tiles side by side, as many in a row as fit."""

    tiles: Sequence[Tile]
    caption: str = ""
    kind: str = field(default="gallery", init=False)


@dataclass(frozen=True)
class Cards:
    """Small galleries in frames, as many in a row as fit: tiles to compare with each other."""

    galleries: Sequence[Gallery]
    tone: Tone = "plain"
    kind: str = field(default="cards", init=False)


@dataclass(frozen=True)
class Chart:
    """A picture of numbers: the name of its files, the drawing, the same in words, and a caption."""

    name: str
    drawing: Drawing
    alt: str
    caption: str = ""
    kind: str = field(default="chart", init=False)

    @property
    def source(self) -> str:
        """The chart as a ``data:`` address."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.drawing.svg().encode()).decode()}"

    def write(self, folder: Path) -> None:
        """Write ``NAME.svg`` and ``NAME.png``."""
        write_bytes(folder / f"{self.name}.svg", self.drawing.svg().encode())
        write_bytes(folder / f"{self.name}.png", self.drawing.png())


Part = Text | Bullets | Table | Bars | Gallery | Cards | Chart


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: Sequence[Part]
