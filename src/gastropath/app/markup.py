"""Small tables as HTML, in which every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return a small table as HTML; the first cell of a row is its heading, and every text is escaped."""
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return table_of_rows(columns, body, caption)


def table_of_rows(columns: Sequence[str], body: str, caption: str = "") -> str:
    """Return a small table as HTML, of rows that are HTML already."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="gp-wide"><table class="gp-table">{told}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
