"""The colours of each class, for the audit page."""

from __future__ import annotations

import numpy as np

from gastropath.data.audit.audit import Audit
from gastropath.data.colour.study import FOLDS, ColourStudy
from gastropath.report.charts.colour_strips import colour_strips
from gastropath.report.parts import Bar, Bars, Chart, Part, Section, Table, Text
from gastropath.report.wording import count, named
from gastropath.tissue_classes import tissue_class

_SWATCHES = 48
_CLASSES = 50


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
        strips.append((code, _swatches(colours[own])))
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
        Chart(
            "colours",
            colour_strips(strips),
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
            f"Share of each class's tiles recognised from a colour histogram alone, n = {count(study.n, 'tile')} in "
            f"{count(study.units, 'unit')} (tiles of one group or picture), {FOLDS}-fold cross-validation"
        )
        parts.append(Bars(bars, caption, full=1.0))
    return Section("Colour", parts)


def _swatches(colours: np.ndarray) -> list[tuple[int, int, int]]:
    """Pick evenly spaced colours, the darkest first, from an array of shape (n, 3)."""
    ordered = colours[np.argsort(colours.sum(axis=1), kind="stable")]
    picked = ordered[np.linspace(0, len(ordered) - 1, _SWATCHES).round().astype(int)].round().astype(int)
    return [(int(red), int(green), int(blue)) for red, green, blue in picked]
