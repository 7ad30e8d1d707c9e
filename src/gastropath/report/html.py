"""One self-contained HTML page from parts: no script, no request to anywhere, opens offline, prints."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gastropath.errors import MissingExtra
from gastropath.outputs import write_text
from gastropath.report.notices import RESEARCH_USE, SYNTHETIC

_NUMBER = re.compile(r"–|[-+−]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?( ?%)?( \([-+−]?\d[^()]*\))?", re.ASCII)


@dataclass(frozen=True)
class Text:
    """A paragraph; ``tone`` is ``"plain"``, ``"note"`` or ``"warning"``."""

    text: str
    tone: str = "plain"
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Table:
    """A table of short cells; numbers are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    kind: str = field(default="table", init=False)

    @staticmethod
    def numeric(cell: object) -> bool:
        """Tell whether a cell reads as a number, with its unit or interval: ``0.81 (0.75–0.87)``, ``12.5%``, ``–``."""
        return isinstance(cell, (int, float)) or _NUMBER.fullmatch(str(cell)) is not None


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
    tone: str = "plain"
    kind: str = field(default="cards", init=False)


@dataclass(frozen=True)
class Figure:
    """A chart as SVG text, made by our own code (it is not escaped), with a description for those who cannot see it."""

    svg: str
    alt: str
    caption: str = ""
    kind: str = field(default="figure", init=False)

    @property
    def source(self) -> str:
        """The chart as a ``data:`` address."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode('utf-8', 'replace')).decode()}"


Part = Text | Table | Bars | Gallery | Cards | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A page: title, alerts that nobody may miss, a plain summary, sections below."""

    title: str
    summary: Sequence[str]
    sections: Sequence[Section]
    synthetic: bool
    footer: str = ""
    alerts: Sequence[str] = ()

    def render(self) -> str:
        """Return the page as HTML; every text in it is escaped.

        Raises
        ------
        MissingExtra
            If Jinja2 is not installed.
        """
        try:
            import jinja2
        except ImportError:
            raise MissingExtra("writing a page", "evaluate", "jinja2") from None

        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("gastropath.report", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        template = environment.get_template("page.html.j2")
        return template.render(page=self, research_use=RESEARCH_USE, synthetic_notice=SYNTHETIC)

    def write(self, path: Path) -> None:
        """Write the page, complete or not at all."""
        write_text(path, self.render())
