"""One self-contained HTML page from sections: no script, no request to anywhere, opens offline, prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gastropath.errors import MissingExtra
from gastropath.outputs import write_text
from gastropath.report.notices import RESEARCH_USE, SYNTHETIC
from gastropath.report.parts import Section


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
