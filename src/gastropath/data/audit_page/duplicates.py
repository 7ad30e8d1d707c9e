"""Duplicates and label conflicts side by side, for the audit page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gastropath.data.audit.against import Against
from gastropath.data.audit.audit import Audit
from gastropath.data.audit.record import BLANK, FLAGS
from gastropath.data.audit_page.thumbnails import short, thumbnail
from gastropath.data.duplicates.duplicates import Duplicates, NearPair
from gastropath.data.duplicates.pairs import TURNS
from gastropath.report.parts import Cards, Gallery, Part, Section, Text, Tile
from gastropath.report.wording import count

_SHOWN_CONFLICTS = 40
_SHOWN_GROUPS = 20
_SHOWN_TILES = 8


def conflict_section(audit: Audit) -> Section:
    """Show the duplicates with different labels."""
    conflicts = audit.conflicts()
    if not conflicts:
        return Section(
            "Label conflicts", [Text("None found: no two tiles of different classes show the same picture.")]
        )
    several = len(conflicts) > 1
    finding = (
        f"{count(len(conflicts), 'picture')} {'have' if several else 'has'} more than one label. At most one of "
        "them can be right: correct or remove the others before training, and before believing any test result."
    )
    shown = _galleries(audit, conflicts[:_SHOWN_CONFLICTS], "Label conflict", len(conflicts))
    more = _more(len(conflicts) - _SHOWN_CONFLICTS, "label conflict")
    return Section("Label conflicts", [Text(finding, "warning"), Cards(shown, "warning"), *more])


def duplicate_section(audit: Audit) -> Section:
    """Show identical and near-duplicate tiles with one label."""
    conflicts = set(audit.conflicts())
    blank = [i for i in audit.readable() if BLANK in audit.records[i].flags]
    groups = [g for g in audit.duplicates.groups if g not in conflicts and BLANK not in audit.records[g[0]].flags]
    parts: list[Part] = []
    if audit.near is None:
        parts.append(Text("Only identical tiles were searched for.", "note"))
    if blank:
        parts.append(
            Text(
                f"{count(len(blank), 'blank tile')} (bare glass) {'is' if len(blank) == 1 else 'are'} not compared "
                f"with others. Blank: {FLAGS[BLANK]}.",
                "note",
            )
        )
    if not groups:
        return Section("Duplicates", [Text("None found with one label." if conflicts else "None found."), *parts])
    copies = count(sum(len(group) - 1 for group in groups), "copy", "copies")
    finding = (
        f"{count(len(groups), 'group')} of tiles with one label {'shows' if len(groups) == 1 else 'show'} the same "
        f"picture, {copies} in all. A random split "
        "puts copies on both sides, and so tests a model on tiles that it learned from; the default split does not."
    )
    parts.append(Text(finding, "warning"))
    groups.sort(key=lambda group: (-len(group), group))
    parts.append(Cards(_galleries(audit, groups[:_SHOWN_GROUPS], "Group", len(groups))))
    return Section("Duplicates", [*parts, *_more(len(groups) - _SHOWN_GROUPS, "group")])


def against_section(against: Against) -> Section:
    """Show tiles that the other folder contains too."""
    here, there = against.shared()
    root = against.other.index.root
    if not here:
        finding = f"Of the {count(len(against.other.index), 'tile')} in {root}, none is here too."
        return Section("Tiles shared with the other folder", [Text(finding)])
    finding = (
        f"{count(len(there), 'tile')} of the {len(against.other.index):,} in {root} show what "
        f"{count(len(here), 'tile')} here {'shows' if len(here) == 1 else 'show'}. If one folder trains a model and "
        "the other tests it, the metrics are too good by an unknown amount."
    )
    parts: list[Part] = [Text(finding, "warning")]
    pairs = sorted(against.pairs(), key=lambda p: (against.labels[p[0]] == against.labels[p[1]], p[0], p[1]))
    shown = [
        Gallery(
            _tiles((a, b), near, against.file, against.labels, against.paths),
            f"Pair {number} of {len(pairs):,}: here and there; {_how(near)}",
        )
        for number, (a, b, near) in enumerate(pairs[:_SHOWN_GROUPS], start=1)
    ]
    parts.append(Cards(shown))
    more = len(pairs) - _SHOWN_GROUPS
    if more > 0:
        parts.append(Text(f"{count(more, 'more pair')} in against.csv.", "note"))
    return Section("Tiles shared with the other folder", parts)


def _galleries(audit: Audit, groups: Sequence[tuple[int, ...]], what: str, total: int) -> list[Gallery]:
    index, labels = audit.index, audit.index.labels
    shown_groups: list[Gallery] = []
    for number, group in enumerate(groups, start=1):
        near = _pair_in(audit.duplicates, group)
        shown = sorted(group, key=lambda row: labels[row])[:_SHOWN_TILES] if what == "Label conflict" else group
        tiles = _tiles(shown[:_SHOWN_TILES], near, lambda row: index.root / index.paths[row], labels, index.paths)
        several = f"{len(group):,} tiles, " if len(group) > 2 else ""
        caption = f"{what} {number} of {total:,}: {several}{' and '.join(_labels(group, labels))}; {_how(near)}"
        shown_groups.append(Gallery(tiles, caption))
    return shown_groups


def _labels(group: Sequence[int], labels: Sequence[str]) -> list[str]:
    return sorted({labels[row] for row in group})


def _pair_in(duplicates: Duplicates, group: Sequence[int]) -> NearPair | None:
    """Return the closest near pair of a group; ``None`` where all its tiles are identical."""
    rows = set(group)
    return min((p for p in duplicates.near if p.a in rows), key=lambda p: p.distance, default=None)


def _tiles(
    rows: Sequence[int],
    near: NearPair | None,
    file: Callable[[int], Path],
    labels: Sequence[str],
    paths: Sequence[str],
) -> list[Tile]:
    tiles = [thumbnail(file(row), labels[row], f"{labels[row]}: {short(paths[row])}") for row in rows]
    if near and near.orientation and near.b in rows:
        back = f"{short(paths[near.b])}, {TURNS[near.orientation]}"
        tiles.append(thumbnail(file(near.b), labels[near.b], back, turn=near.orientation))
    return [tile for tile in tiles if tile]


def _how(near: NearPair | None) -> str:
    if near is None:
        return "identical pixels"
    differences = [f"near-duplicates, distance {near.distance:.2f}"]
    if near.orientation:
        differences.append(TURNS[near.orientation])
    if abs(near.zoom - 1) >= 0.01:
        differences.append(f"{near.zoom:.2f} times as large")
    if max(map(abs, near.shift)) >= 0.01:
        differences.append(f"shifted by {abs(near.shift[0]):.0%} across and {abs(near.shift[1]):.0%} down of the side")
    return ", ".join(differences)


def _more(n: int, what: str) -> list[Part]:
    return [Text(f"{count(n, f'more {what}')} in duplicates.csv.", "note")] if n > 0 else []
