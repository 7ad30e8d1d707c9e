"""The audit as a page to look at."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from gastropath import __version__
from gastropath.data.audit import Audit, sample_rows
from gastropath.errors import CannotReadImage
from gastropath.images import encode_jpeg, load_tile
from gastropath.page import Bar, Bars, Gallery, Page, Part, Section, Table, Text, Tile
from gastropath.tissue import tissue_class

_SAMPLES = 8
_SAMPLES_IN_ALL = 160
_SHOWN_GROUPS = 20
_SHOWN_REFUSED = 200
_SHOWN_SIZES = 12
_LONGEST_NAME = 44
_THUMBNAIL_PX = 132


def audit_page(audit: Audit) -> Page:
    """Lay out class distribution, samples, sizes, identical tiles and refused files."""
    index = audit.index
    refused = audit.refused()
    ratio, verdict = audit.imbalance()
    identical = audit.duplicates.identical
    extra = sum(len(group) - 1 for group in identical)
    summary = [
        f"{_count(len(index), 'tile')} in {_count(len(index.classes), 'class', 'classes')}"
        + (f"; the largest class has {ratio:.1f} times as many as the smallest" if math.isfinite(ratio) else "")
        + f". {_sentence(verdict)}",
        f"{_count(len(refused), 'file')} could not be read." if refused else "Every file could be read.",
        f"{_count(len(identical), 'group')} of tiles that show exactly the same picture: "
        f"{_count(extra, 'tile is a copy', 'tiles are copies')}."
        if identical
        else "No two tiles show exactly the same picture.",
    ]
    sections = [
        Section("Class distribution", _distribution(audit)),
        Section("Sample tiles", _samples(audit)),
        Section("Image sizes and modes", _sizes(audit)),
        Section("Identical tiles", _identical(audit, identical)),
        Section("Refused and left out", _refused(audit, refused)),
    ]
    footer = f"GastroPath {__version__}. Tiles: {index.root}. Index {index.sha256()[:16]}."
    return Page("Audit of tissue tiles", summary, sections, index.synthetic, footer)


def _distribution(audit: Audit) -> list[Part]:
    counts = audit.index.counts()
    total = len(audit.index)
    bars = [
        Bar(_named(code), n, tissue_class(code).color, f"{n:,} ({n / total:.1%})")
        for code, n in counts.items()
    ]  # fmt: skip
    ratio, verdict = audit.imbalance()
    tone = "plain" if ratio <= 1.5 and len(counts) > 1 else "warning"
    return [Bars(bars, f"Tiles of each class, n = {total:,}"), Text(_sentence(verdict), tone)]


def _samples(audit: Audit) -> list[Part]:
    parts: list[Part] = []
    classes, readable = audit.index.classes, audit.readable()
    shown = min(len(classes), _SAMPLES_IN_ALL)  # so that the page of many classes stays small
    each = min(_SAMPLES, _SAMPLES_IN_ALL // shown) if shown else 0
    for code in classes[:shown]:
        tissue = tissue_class(code)
        tiles = [t for i in sample_rows(audit.index, readable, code, each) if (t := _tile(audit, i, _short(audit, i)))]
        caption = f"{_named(code)}: {tissue.description}" if tissue.description else code
        parts.append(Gallery(tiles, caption) if tiles else Text(f"{caption} (none could be read)", "note"))
    if len(classes) > shown:
        parts.append(Text(f"{len(classes) - shown:,} more classes are not shown.", "note"))
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
                "px high. All are resampled to the model's tile size, so cells appear larger in some than in others "
                "unless every tile covers the same field of view.",
                "warning",
            )
        )
    rows = [(f"{width} x {height}", f"{n:,}") for (width, height), n in sizes.most_common(_SHOWN_SIZES)]
    parts.append(Table(("width x height in px", "tiles"), rows))
    if len(sizes) > _SHOWN_SIZES:
        parts.append(Text(f"{_count(len(sizes) - _SHOWN_SIZES, 'more size')} in index.csv.", "note"))
    modes = [(mode, f"{n:,}") for mode, n in audit.modes().most_common()]
    parts.append(Table(("colour mode in the file", "tiles"), modes))
    return parts


def _identical(audit: Audit, groups: tuple[tuple[int, ...], ...]) -> list[Part]:
    if not groups:
        return [Text("None found.")]
    labels = audit.index.labels
    across = [group for group in groups if len({labels[i] for i in group}) > 1]
    within = [group for group in groups if len({labels[i] for i in group}) == 1]
    parts: list[Part] = [
        Text(
            "A random split puts copies on both sides and so tests a model on tiles it has learned by heart. "
            "The default split, by group, keeps them together.",
            "warning",
        )
    ]
    if across:
        verb = "carries" if len(across) == 1 else "carry"
        what = f"{_count(len(across), 'group')} {verb} different labels for the same picture"
        parts.append(Text(f"{what}; at most one of these can be right. Such groups come first.", "warning"))
    for number, group in enumerate((across + within)[:_SHOWN_GROUPS], start=1):
        tiles = [t for i in group[:_SAMPLES] if (t := _tile(audit, i, f"{labels[i]}: {_short(audit, i)}"))]
        caption = f"Group {number} of {len(groups):,}: {len(group):,} tiles, labelled " + ", ".join(
            sorted({labels[i] for i in group})
        )
        parts.append(Gallery(tiles, caption))
    if len(groups) > _SHOWN_GROUPS:
        more = _count(len(groups) - _SHOWN_GROUPS, "more group")
        parts.append(Text(f"{more}: tiles that share a pixel_sha256 in index.csv.", "note"))
    return parts


def _refused(audit: Audit, refused: dict[str, str]) -> list[Part]:
    parts: list[Part] = []
    if refused:
        rows = list(refused.items())[:_SHOWN_REFUSED]
        parts.append(Table(("file", "why it was refused"), rows))
    if len(refused) > _SHOWN_REFUSED:
        parts.append(Text(f"{len(refused) - _SHOWN_REFUSED:,} more are in index.csv.", "note"))
    if audit.index.left_out:
        parts.append(Table(("left out", "number"), [(what, f"{n:,}") for what, n in audit.index.left_out.items()]))
    return parts or [Text("Nothing was refused or left out.")]


def _tile(audit: Audit, row: int, caption: str) -> Tile | None:
    code = audit.index.labels[row]
    alt = f"tile of class {code}"
    try:
        pixels = load_tile(audit.index.root / audit.index.paths[row], _THUMBNAIL_PX)
    except CannotReadImage:  # it was readable a moment ago; the page shows the others
        return None
    return Tile(encode_jpeg(pixels, 80), caption, alt, tissue_class(code).color)


def _short(audit: Audit, row: int) -> str:
    """Name a tile below its picture by its file alone; the class stands above."""
    name = PurePosixPath(audit.index.paths[row]).name
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 16]}…{name[-15:]}"


def _named(code: str) -> str:
    name = tissue_class(code).name
    return code if name == code else f"{code} {name}"


def _count(n: int, one: str, several: str = "") -> str:
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
