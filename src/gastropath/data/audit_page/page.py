"""The audit as an HTML page."""

from __future__ import annotations

import math

from gastropath import __version__
from gastropath.data.audit.against import Against
from gastropath.data.audit.audit import Audit, sample_rows
from gastropath.data.audit.record import BLANK, BLURRED, FLAGS, GLASS, GREY, ODD_SIZE, words
from gastropath.data.audit_page.colour import colour_section
from gastropath.data.audit_page.duplicates import against_section, conflict_section, duplicate_section
from gastropath.data.audit_page.thumbnails import short, thumbnail
from gastropath.data.colour.study import ColourStudy
from gastropath.data.left_out import in_words
from gastropath.report.html import Page
from gastropath.report.parts import Bar, Bars, Gallery, Part, Section, Table, Text, Tile
from gastropath.report.wording import count, named, sentence
from gastropath.tissue_classes import tissue_class

_SAMPLES = 8
_SAMPLES_IN_ALL = 160
_SHOWN_FLAGGED = 24
_SHOWN_BLANK = 6
_SHOWN_REFUSED = 200
_SHOWN_SIZES = 12
_WARNING = "warning: "


def audit_page(audit: Audit, *, colour: ColourStudy | None = None, against: Against | None = None) -> Page:
    """Lay out an audit, the most serious findings first: label conflicts, duplicates, then what the tiles are like."""
    sections = [
        conflict_section(audit),
        *([against_section(against)] if against else []),
        duplicate_section(audit),
        Section("Class distribution", _distribution(audit)),
        Section("Sample tiles", _samples(audit)),
        colour_section(audit, colour),
        Section("Glass, blur and grey", _flagged(audit)),
        Section("Image sizes and modes", _sizes(audit)),
        Section("Refused and left out", _refused(audit, audit.refused())),
    ]
    footer = f"GastroPath {__version__}. Tiles: {audit.index.root}. Index {audit.index.sha256()[:16]}."
    summary = _summary(audit, colour)
    synthetic = audit.index.synthetic
    return Page("Audit of tissue tiles", summary, sections, synthetic, footer, _alerts(audit, against))


def _alerts(audit: Audit, against: Against | None) -> list[str]:
    conflicts = audit.conflicts()
    shared = len(against.shared()[1]) if against else 0
    warnings = (note.removeprefix(_WARNING) for note in audit.index.notes if note.startswith(_WARNING))
    return [
        *(sentence(text) for text in warnings),
        *([f"{count(len(conflicts), 'label conflict')}: the same picture in different classes."] if conflicts else []),
        *([f"{count(shared, 'tile')} of {against.other.index.root} also found here."] if against and shared else []),
    ]


def _summary(audit: Audit, colour: ColourStudy | None) -> list[str]:
    index, refused = audit.index, audit.refused()
    ratio, verdict = audit.imbalance()
    groups = audit.duplicates.groups
    extra = sum(len(group) - 1 for group in groups)
    identical = sum(len(group) - 1 for group in audit.duplicates.identical)
    flagged = {code: len(audit.flagged(code)) for code in (BLANK, GLASS, BLURRED, GREY, ODD_SIZE)}
    named_problems = ", ".join(f"{n:,} {words(code)}" for code, n in flagged.items() if n)
    searched = "" if audit.near is not None else " Near-duplicates were not searched for."
    return [
        f"{count(len(index) - len(refused), 'tile')} in {count(len(index.classes), 'class', 'classes')}"
        + (f"; the largest class has {ratio:.1f} times as many as the smallest" if math.isfinite(ratio) else "")
        + f". {sentence(verdict)}",
        *([] if audit.conflicts() else ["No label conflict: no picture is in two classes."]),
        f"{count(len(groups), 'group')} of duplicates: {count(extra, 'tile is a copy', 'tiles are copies')}, "
        f"{identical:,} of them with identical pixels.{searched}"
        if groups
        else f"No two tiles show the same picture.{searched}",
        *([colour.sentence] if colour else []),
        f"Tiles to look at: {named_problems}."
        if named_problems
        else "No tile is blank, mostly glass, blurred or grey.",
        f"{count(len(refused), 'file')} could not be read: not counted above."
        if refused
        else "Every file could be read.",
        *(f"Left out: {line}." for line in in_words(index.left_out)),
    ]


def _flagged(audit: Audit) -> list[Part]:
    parts: list[Part] = []
    for name in (BLANK, GLASS, BLURRED, GREY):
        rows = audit.flagged(name)
        if not rows:
            continue
        by_class = ", ".join(f"{code} {n:,}" for code, n in audit.index.take(rows).counts().items())
        n = min(len(rows), _SHOWN_BLANK if name == BLANK else _SHOWN_FLAGGED)
        # Spread over the files, as with the samples: the first ones would all be of one class.
        picked = [rows[i * len(rows) // n] for i in range(n)]
        shown = f", {len(picked)} shown" if len(picked) < len(rows) else ""
        caption = f"{sentence(words(name))[:-1]}: {count(len(rows), 'tile')} ({by_class}){shown}; {FLAGS[name]}"
        parts.append(Gallery(_tiles(audit, picked, with_class=True), caption))
    return parts or [Text("None found.")]


def _distribution(audit: Audit) -> list[Part]:
    counts, unreadable = audit.readable_counts(), len(audit.refused())
    total = sum(counts.values())
    bars = [
        Bar(named(code), n, tissue_class(code).color, f"{n:,} ({n / max(total, 1):.1%})")
        for code, n in counts.items()
    ]  # fmt: skip
    ratio, verdict = audit.imbalance()
    tone = "plain" if ratio <= 1.5 and len(counts) > 1 else "warning"
    without = f", without {count(unreadable, 'file')} that could not be read" if unreadable else ""
    return [Bars(bars, f"Tiles of each class, n = {total:,}{without}"), Text(sentence(verdict), tone)]


def _samples(audit: Audit) -> list[Part]:
    parts: list[Part] = []
    classes, readable = audit.index.classes, audit.readable()
    shown = min(len(classes), _SAMPLES_IN_ALL)  # so that the page of many classes stays small
    each = min(_SAMPLES, _SAMPLES_IN_ALL // shown) if shown else 0
    for code in classes[:shown]:
        tissue = tissue_class(code)
        tiles = _tiles(audit, sample_rows(audit.index, readable, code, each))
        caption = f"{named(code)}: {tissue.description}" if tissue.description else code
        parts.append(Gallery(tiles, caption) if tiles else Text(f"{caption} (none could be read)", "note"))
    if len(classes) > shown:
        more = count(len(classes) - shown, "more class is", "more classes are")
        parts.append(Text(f"{more} not shown.", "note"))
    return parts


def _sizes(audit: Audit) -> list[Part]:
    sizes = audit.sizes()
    if not sizes:
        return [Text("No tile could be read.")]
    parts: list[Part] = []
    if len(sizes) > 1:
        widths, heights = zip(*sizes, strict=True)
        parts.append(
            Text(
                f"The tiles differ in size: {min(widths)} to {max(widths)} px wide, {min(heights)} to {max(heights)} "
                "px high. A model resamples all of them to its tile size, so cells appear larger in some than in "
                "others unless every tile covers the same field of view.",
                "warning",
            )
        )
    rows = [(f"{width} x {height}", f"{n:,}") for (width, height), n in sizes.most_common(_SHOWN_SIZES)]
    parts.append(Table(("width x height in px", "tiles"), rows))
    if len(sizes) > _SHOWN_SIZES:
        parts.append(Text(f"{count(len(sizes) - _SHOWN_SIZES, 'more size')} in index.csv.", "note"))
    modes = [(mode, f"{n:,}") for mode, n in audit.modes().most_common()]
    parts.append(Table(("colour mode in the file", "tiles"), modes))
    return parts


def _refused(audit: Audit, refused: dict[str, str]) -> list[Part]:
    parts: list[Part] = []
    if refused:
        rows = list(refused.items())[:_SHOWN_REFUSED]
        parts.append(Table(("file", "why it was refused"), rows))
    if len(refused) > _SHOWN_REFUSED:
        parts.append(
            Text(f"{count(len(refused) - _SHOWN_REFUSED, 'more is', 'more are')} listed in index.csv.", "note")
        )
    if audit.index.left_out:
        parts.append(Table(("left out", "number"), [(str(entry), f"{entry.n:,}") for entry in audit.index.left_out]))
    return parts or [Text("Nothing was refused or left out.")]


def _tiles(audit: Audit, rows: list[int], *, with_class: bool = False) -> list[Tile]:
    index = audit.index
    captions = [f"{index.labels[i]}: " * with_class + short(index.paths[i]) for i in rows]
    tiles = (thumbnail(index.root / index.paths[i], index.labels[i], c) for i, c in zip(rows, captions, strict=True))
    return [tile for tile in tiles if tile]
