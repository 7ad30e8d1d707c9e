"""The colours of each class, for the audit page."""

from __future__ import annotations

from html import escape

import numpy as np

from gastropath.data.audit.audit import Audit
from gastropath.data.audit_page.thumbnails import count, named
from gastropath.data.colour.study import FOLDS, ColourStudy
from gastropath.report.html import Bar, Bars, Figure, Part, Section, Table, Text
from gastropath.tissue import tissue_class

_SWATCHES = 48
_CLASSES = 50
_LABEL_PX, _SWATCH_PX, _ROW_PX = 120, 11, 24


def colour_section(audit: Audit, study: ColourStudy | None) -> Section:
    """Show the mean colours of the tiles of each class, and what colour alone is worth."""
    readable = audit.readable()
    if not readable:
        return Section("Colour", [Text("No tile could be read.")])
    colours = np.array([(r.mean_red, r.mean_green, r.mean_blue) for r in audit.records])
    saturation = np.array([record.saturation for record in audit.records])
    white = np.array([record.white_share for record in audit.records])
    labels = np.array(audit.index.labels)
    usable = np.zeros(len(labels), bool)
    usable[readable] = True
    rows, strips = [], []
    for code in audit.index.classes[:_CLASSES]:
        own = np.flatnonzero(usable & (labels == code))
        if not len(own):
            continue
        strips.append((code, colours[own][np.argsort(colours[own].sum(axis=1), kind="stable")]))
        middle = np.median(colours[own], axis=0)
        rows.append(
            (
                code,
                f"{len(own):,}",
                *(f"{value:.0f}" for value in middle),
                f"{np.median(saturation[own]):.0f}",
                f"{np.median(white[own]):.0%}",
            )
        )
    parts: list[Part] = []
    if study:
        parts.append(Text(study.sentence, "warning" if (study.balanced_accuracy.value or 0) > 0.5 else "plain"))
    else:
        parts.append(Text(f"Too few separate tiles to cross-validate what colour alone tells ({FOLDS} folds).", "note"))
    parts.append(
        Figure(
            _strips(strips),
            "For each class a strip of the mean colours of its tiles, from the darkest to the lightest.",
            "Mean colours of the tiles of each class, from the darkest tile to the lightest.",
        )
    )
    columns = ("class", "tiles", "red", "green", "blue", "saturation", "white")
    parts.append(Table(columns, rows, "Medians over the tiles, 0 to 255; white: share of the tile"))
    if study:
        bars = [
            Bar(named(code), value, tissue_class(code).color, f"{value:.0%}") for code, value in study.recall.items()
        ]
        caption = (
            f"Share of each class's tiles recognised from a colour histogram alone, n = {study.n:,} tiles in "
            f"{count(study.units, 'unit')} (tiles of one group or picture), {FOLDS}-fold cross-validation"
        )
        parts.append(Bars(bars, caption, full=1.0))
    return Section("Colour", parts)


def _strips(strips: list[tuple[str, np.ndarray]]) -> str:
    """Draw a row of swatches a class: at evenly spaced tiles of the sorted ones."""
    width, height = _LABEL_PX + _SWATCHES * _SWATCH_PX + 4, _ROW_PX * len(strips) + 4
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">']
    for row, (code, colours) in enumerate(strips):
        top = 2 + row * _ROW_PX
        name = "".join(c if c.isprintable() else "?" for c in code)  # SVG knows no control characters
        name = name if len(name) <= 16 else f"{name[:15]}…"
        drawn.append(f'<text x="4" y="{top + 15}" font-size="13" fill="#1c2330">{escape(name)}</text>')
        picked = colours[np.linspace(0, len(colours) - 1, _SWATCHES).round().astype(int)]
        for column, (red, green, blue) in enumerate(picked.round().astype(int)):
            x = _LABEL_PX + column * _SWATCH_PX
            box = f'x="{x}" y="{top}" width="{_SWATCH_PX}" height="{_ROW_PX - 4}"'
            drawn.append(f'<rect {box} fill="rgb({red},{green},{blue})"/>')
    return "".join([*drawn, "</svg>"])
