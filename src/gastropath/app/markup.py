"""Texts of cards and files for the page: nothing in them is taken for markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from gastropath.report.parts import Table

_SHORT = 24
"""Characters of a cell whose words are not broken."""

_ADDRESS = re.compile(r"(?i)https?(?=:)|www(?=\.)|@|mailto(?=:)|xmpp(?=:)")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return a small table as HTML; the first cell of a row is its heading, and every text is escaped."""
    body = "".join(f'<tr><th scope="row">{escape(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    return table_of_rows(columns, body, caption)


def table_of_rows(columns: Sequence[str], body: str, caption: str = "") -> str:
    """Return a small table as HTML, of rows that are HTML already."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    name = escape(caption or ", ".join(columns))
    above = f"<caption><span>{escape(caption)}</span></caption>" if caption else ""
    return (
        # What is wider than the screen is moved by the arrow keys too, in every browser.
        f'<div class="gp-wide" tabindex="0" role="group" aria-label="table: {name}">'
        f'<table class="gp-table">{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(text: str) -> str:
    kind = "gp-number" if Table.numeric(text) else "gp-long" if len(text) > _SHORT else ""
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def plain(text: str) -> str:
    """Keep a text of the card from being taken for Markdown, for HTML, or for an address.

    What looks like an address becomes a link whatever is escaped in it, so a character that shows nothing breaks it up.
    """
    text = _ADDRESS.sub(lambda found: f"{found[0]}\N{WORD JOINER}", text)
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|$~:" else c for c in text)
