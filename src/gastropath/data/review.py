"""Labels reviewed by a person: which tiles to drop, and which to relabel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gastropath.data.alike import cleaned, skeleton
from gastropath.data.audit.audit import with_pixels
from gastropath.data.index import TileIndex
from gastropath.data.matching import PIXELS, matched, spelled
from gastropath.data.split.split import Split
from gastropath.errors import CannotReadTable, did_you_mean
from gastropath.tables import fingerprint, read_table, write_table

REVIEW_COLUMNS = ("path", "label", "part", "suggested_label", "quality", "confidence", PIXELS, "decision")
"""Columns of the table that a person fills in; only ``path``, ``label``, the pixels and ``decision`` are read back."""

DROP, KEEP = "drop", "keep"


@dataclass(frozen=True)
class Review:
    """What a person decided about some tiles.

    Attributes
    ----------
    labels
        Label before the review of each tile with a decision, by path.
    decisions
        ``"drop"`` or the new label of each of these tiles, by path.
    pixels
        What each of these tiles is, see :class:`gastropath.data.index.TileIndex`, by path; empty where nobody has read
        them.
    """

    labels: Mapping[str, str]
    decisions: Mapping[str, str]
    pixels: Mapping[str, str] = field(default_factory=dict)

    def among(self, index: TileIndex) -> Review:
        """Return the decisions about the tiles of an index."""
        paths = set(index.paths)
        return _review({path: decided for path, decided in self.decisions.items() if path in paths}, self.labels, index)

    def applied(self, split: Split) -> Split:
        """Return a split to train on: tiles of its training and validation parts are dropped and relabelled.

        Test tiles keep the labels they were published with; else a model would be evaluated with labels that models
        suggested, and its metrics could not be compared with any other.
        """
        fate = [self.decisions.get(path, KEEP) for path in split.index.paths]
        fate = [KEEP if part == "test" else decided for decided, part in zip(fate, split.parts, strict=True)]
        kept = [row for row, decided in enumerate(fate) if decided != DROP]
        index = split.index.take(kept)
        labels = tuple(label if fate[row] == KEEP else fate[row] for row, label in zip(kept, index.labels, strict=True))
        return replace(
            split,
            index=replace(index, labels=labels),
            parts=tuple(split.parts[row] for row in kept),
            folds=tuple(split.folds[row] for row in kept) if split.folds else (),
        )

    def counts(self, split: Split) -> tuple[int, int]:
        """Return how many tiles of a split are dropped, and how many relabelled, before it is trained on."""
        after = self.applied(split)
        before = dict(zip(split.index.paths, split.index.labels, strict=True))
        changed = sum(before[path] != label for path, label in zip(after.index.paths, after.index.labels, strict=True))
        return len(split.index) - len(after.index), changed

    def sha256(self) -> str:
        """Return a fingerprint of the decisions, in hexadecimal."""
        return fingerprint(sorted(self.decisions.items()))

    def write(self, path: Path) -> None:
        """Write the decisions as a table that :func:`read_review` reads."""
        columns = ("path", "label", *([PIXELS] if self.pixels else []), "decision")
        rows = (
            {"path": tile, "label": self.labels[tile], PIXELS: self.pixels.get(tile, ""), "decision": decided}
            for tile, decided in self.decisions.items()
        )
        write_table(path, columns, ({name: row[name] for name in columns} for row in rows))


def read_review(table: Path, index: TileIndex) -> Review:
    """Read a table with the columns ``path,label,decision``; an empty decision and ``keep`` change nothing.

    Parameters
    ----------
    table
        E.g. ``label_issues.csv`` of a cross-validated run, filled in. Where it holds hashes of pixels, it is about
        these: a tile that was renamed is found, and one that was replaced is refused.
    index
        The tiles it is about.

    Raises
    ------
    CannotReadTable
        If a column is missing, a tile is not in the index, is listed twice, has another label in the index or is
        another picture than the one that was reviewed, or a decision is neither ``keep`` nor ``drop`` nor a class of
        the data.
    """
    columns, rows = read_table(table, required=("path", "label", "decision"))
    if taken := {DROP, KEEP} & set(index.classes):
        what = f"a class of the data is called {min(taken)!r}, which is a decision"
        raise CannotReadTable(what, where=table, remedy="rename the class")
    index = with_pixels(index) if PIXELS in columns else index
    found = matched(rows, index)
    replaced = set(found.replaced)
    spellings = {skeleton(name): name for name in index.classes}
    seen: set[str | int] = set()
    decisions: dict[str, str] = {}
    for i, (row, tile) in enumerate(zip(rows, found.rows, strict=True)):
        named, where = row["path"], row.place(table)
        label, decided = (spellings.get(skeleton(row[name]), cleaned(row[name])) for name in ("label", "decision"))
        if i in replaced:
            raise CannotReadTable(f"{named} is another picture than when it was reviewed", where=where)
        if {spelled(named), tile} & seen:
            raise CannotReadTable(f"{named} is listed twice", where=where, remedy="keep one of the lines")
        if tile is None:
            raise CannotReadTable(f"{named} is not among the tiles of {index.root}", where=where)
        if index.labels[tile] != label:
            raise CannotReadTable(f"{named} is {label!r} here but {index.labels[tile]!r} in the data", where=where)
        seen |= {spelled(named), tile}
        if decided in ("", KEEP, label):
            continue
        if decided != DROP and decided not in index.classes:
            choices = [KEEP, DROP, *index.classes]
            what = f"the decision is {decided!r}; expected keep, drop or a class of the data"
            raise CannotReadTable(f"{what}{did_you_mean(decided, choices)}", where=where)
        decisions[index.paths[tile]] = decided
    return _review(decisions, dict(zip(index.paths, index.labels, strict=True)), index)


def _review(decisions: Mapping[str, str], labels: Mapping[str, str], index: TileIndex) -> Review:
    pixels = dict(zip(index.paths, index.pixels, strict=False))
    return Review(
        {path: labels[path] for path in decisions},
        decisions,
        {path: pixels[path] for path in decisions} if pixels else {},
    )
