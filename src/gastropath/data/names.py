"""File names that carry the slide or patient of a tile, as data sets and tiling software write them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gastropath.data.alike import cleaned


@dataclass(frozen=True)
class NamePattern:
    """One way of writing a slide or patient into the name of a tile.

    Attributes
    ----------
    name
        What it is, for people.
    expression
        Finds the name of the slide or patient in a path (its groups, joined by ``-``).
    only_if_repeated
        Whether it may be chance: it counts only where tiles share what it finds.
    """

    name: str
    expression: re.Pattern[str]
    only_if_repeated: bool = False

    def find(self, path: str) -> str:
        """Return the slide or patient in a path; empty where there is none."""
        found = self.expression.search(path.rpartition(".")[0] or path)
        return "-".join(part for part in found.groups() if part) if found else ""


def _pattern(name: str, expression: str, *, only_if_repeated: bool = False) -> NamePattern:
    return NamePattern(name, re.compile(expression), only_if_repeated)


_ALONE, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_FILE = r"(?:^|/)"

PATTERNS = (
    _pattern("TCGA barcodes", rf"{_ALONE}(TCGA)[-_.]([A-Z0-9]{{2}})[-_.]([A-Z0-9]{{4}}){_END}"),
    _pattern("CPTAC cases", rf"{_ALONE}(C3[LN]-\d{{5}})(?!\d)"),
    _pattern("GTEx donors", rf"{_ALONE}(GTEX-[A-Z0-9]{{4,5}}){_END}"),
    _pattern("slides of Kather 2016", rf"{_ALONE}(CRC-Prim-HE-\d+)"),
    _pattern("patients of BreakHis", r"SOB_[BM]_[A-Z]+[-_](\d+-\w+?)-(?:40|100|200|400)-\d"),
    _pattern("patients of the IDC patches", rf"{_FILE}(\d+)_idx\d+_x\d+_y\d+_class\d"),
    _pattern("slides of BRACS", rf"{_ALONE}(BRACS_\d+)(?!\d)"),
    _pattern("patients of CAMELYON17", rf"{_ALONE}([Pp]atient_\d+)_node_\d"),
    _pattern("slides of CAMELYON16", rf"{_ALONE}((?:tumor|normal|test)_\d{{3}})[-_.(\[ ]+x?\d"),
    _pattern("patients", r"(?i)(?<![a-z])((?:patient|case|subject|donor)[ _-]?(?:id)?[ _-]?[a-z]{0,2}\d+)(?!\d)"),
    _pattern("slides", r"(?i)(?<![a-z])((?:slide|wsi)[ _-]?(?:id)?[ _-]?[a-z]{0,2}\d+)(?!\d)"),
    _pattern("accession numbers", rf"{_ALONE}([A-Z]{{1,3}}\d{{2}}-\d{{3,7}})(?!\d)"),
    _pattern("slides of PANDA", rf"{_FILE}([0-9a-f]{{32}})[_.-]\d+$"),
    _pattern(
        "slides before row and column",
        rf"(?i){_FILE}(?:[0-9a-f]{{3,5}}_(?=[^/]+\.[a-z]{{3,4}}_row))?([^/]+?)(?:\.[a-z]{{3,4}})?"
        r"[ _-]+row[ _=-]?\d+[ _,-]+col(?:umn)?[ _=-]?\d+",
    ),
    _pattern("slides before coordinates", rf"(?i){_FILE}([^/]+?)[ _-]*[\[(][^\])/]*\bx=\d+,\s*y=\d+[^\])/]*[\])]"),
    _pattern("slides before coordinates", rf"(?i){_FILE}([^/]+?)[ _-]+x[ _=-]?\d+[ _,-]+y[ _=-]?\d+"),
    _pattern("slides before coordinates", rf"{_FILE}([^/]+?)[ _-]*\(\d+, ?\d+\)", only_if_repeated=True),
    _pattern("names before two coordinates", rf"{_FILE}([^/]+?)[_-]\d+[_-]\d+$", only_if_repeated=True),
    _pattern(
        "names before the last number",
        rf"{_FILE}([^/]*(?:[A-Za-z]\d|\d[A-Za-z])[^/]*?)[_-]\d+$",  # not tile_3_4, which is a place in a grid
        only_if_repeated=True,
    ),
)
"""The first that finds something in every tile of a class counts for it."""

_TILES_OF_A_GROUP = 2
"""Mean number of tiles that share what a pattern finds, from which on it is no chance."""


@dataclass(frozen=True)
class NamedGroups:
    """The slides or patients in the names of tiles.

    Attributes
    ----------
    groups
        Of each tile; empty where its class is not covered by a pattern.
    patterns
        Names of those that were found.
    notes
        What is to be said of classes that are covered in part.
    """

    groups: tuple[str, ...]
    patterns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def named_groups(paths: Sequence[str], labels: Sequence[str]) -> NamedGroups:
    """Find the slide or patient in the names of tiles, class by class.

    A pattern counts for a class if it finds one in each of its tiles, and for none if it finds a single one in each
    class: then it may be the name of the class.

    Parameters
    ----------
    paths, labels
        Of the tiles without a group.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    names = [cleaned(path) for path in paths]
    groups, used, notes, open_classes = [""] * len(paths), dict[str, None](), list[str](), set(rows_of)
    for pattern in PATTERNS:
        found = {label: {row: pattern.find(names[row]) for row in rows_of[label]} for label in open_classes}
        covered = {label: ids for label, ids in found.items() if all(ids.values())}
        if _tells_apart(pattern, covered):
            for label, ids in covered.items():
                open_classes.discard(label)
                for row, name in ids.items():
                    groups[row] = name
            used[pattern.name] = None
        if not pattern.only_if_repeated:
            notes += _in_part(pattern, {label: ids for label, ids in found.items() if label not in covered})
    return NamedGroups(tuple(groups), tuple(used), tuple(notes))


def _tells_apart(pattern: NamePattern, covered: dict[str, dict[int, str]]) -> bool:
    found = [name for ids in covered.values() for name in ids.values()]
    if not any(len(set(ids.values())) > 1 for ids in covered.values()):
        return False
    return not pattern.only_if_repeated or len(found) >= _TILES_OF_A_GROUP * len(set(found))


def _in_part(pattern: NamePattern, found: dict[str, dict[int, str]]) -> Iterator[str]:
    for label, ids in sorted(found.items()):
        n = sum(map(bool, ids.values()))
        if n > 1:
            yield (
                f"warning: the names of {n:,} of {len(ids):,} tiles of {label} carry {pattern.name}, the others do "
                "not: they are not used; name the patient or slide of each tile in a column group"
            )
