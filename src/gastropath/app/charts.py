"""Pictures of what a model is worth, drawn from the figures on its card: SVG and HTML, no plotting library."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from gastropath.formulas import ReliabilityBin

_SIDE, _LEFT, _TOP, _BELOW = 260, 48, 12, 44
_INK, _GRID, _BLUE = "#444444", "#c8c8c8", "#0072b2"


def reliability(bins: Sequence[ReliabilityBin]) -> tuple[str, str]:
    """Draw the share of right answers against the confidence they were given with.

    Parameters
    ----------
    bins
        Of ``metrics.json``.

    Returns
    -------
    source : str
        The diagram as a ``data:`` address.
    alt : str
        The same in words.
    """
    filled = [(row.n, row.confidence, row.accuracy) for row in bins if row.n]
    most = max((n for n, *_ in filled), default=1)
    marks = [
        f'<circle cx="{_x(confidence):.1f}" cy="{_y(accuracy):.1f}" r="{3 + 5 * (n / most) ** 0.5:.1f}" '
        f'fill="{_BLUE}"/>'
        for n, confidence, accuracy in filled
    ]
    line = " ".join(f"{_x(confidence):.1f},{_y(accuracy):.1f}" for _, confidence, accuracy in filled)
    grid = []
    for step in range(6):
        share = step / 5
        grid += [
            f'<path d="M{_x(share)} {_y(0)}V{_y(1)}M{_x(0)} {_y(share)}H{_x(1)}" stroke="{_GRID}" stroke-width="0.6"/>',
            f'<text x="{_x(share)}" y="{_y(0) + 16}" text-anchor="middle">{step * 20}%</text>',
            f'<text x="{_x(0) - 6}" y="{_y(share) + 4}" text-anchor="end">{step * 20}%</text>',
        ]
    width, height = _LEFT + _SIDE + 16, _TOP + _SIDE + _BELOW
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" fill="{_INK}"><rect width="100%" height="100%" fill="#ffffff"/>{"".join(grid)}'
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="{_INK}" stroke-dasharray="4 3"/>'
        f'<polyline points="{line}" fill="none" stroke="{_BLUE}" stroke-width="1.5"/>{"".join(marks)}'
        f'<text x="{_x(0.5)}" y="{height - 8}" text-anchor="middle">confidence</text>'
        f'<text transform="translate(12 {_y(0.5)}) rotate(-90)" text-anchor="middle">share that was right</text></svg>'
    )
    told = "; ".join(f"confidence {c:.0%}: {a:.0%} of {n} right" for n, c, a in filled)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}", f"Reliability diagram. {told}."


def confusion(codes: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """Return a confusion matrix as an HTML table: rows true, columns named, shaded by the share of the row."""
    head = "".join(f'<th scope="col">{escape(code)}</th>' for code in codes)
    rows = []
    for code, counts in zip(codes, matrix, strict=True):
        total = sum(counts) or 1
        cells = "".join(
            f'<td style="--share:{count / total:.3f}">{count:,}</td>' if count else "<td>·</td>" for count in counts
        )
        rows.append(f'<tr><th scope="row">{escape(code)}</th>{cells}</tr>')
    return (
        '<div class="gp-wide"><table class="gp-confusion"><caption>Rows: true class; columns: named</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


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


def _x(share: float) -> float:
    return _LEFT + _SIDE * share


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - share)
