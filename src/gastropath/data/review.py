"""Labels looked at again by a person: which tiles to drop, which to call something else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gastropath.data.index import TileIndex
from gastropath.data.split.split import Split
from gastropath.errors import CannotReadTable, did_you_mean
from gastropath.tables import read_table, write_table

REVIEW_COLUMNS = ("path", "label", "part", "suggested_label", "quality", "confidence", "decision")
"""Columns of the table that is filled in; only ``path``, ``label`` and ``decision`` are read back."""

DROP, KEEP = "drop", "keep"


@dataclass(frozen=True)
class Review:
    """What a person decided on some tiles.

    Attributes
    ----------
    labels
        Label of each tile on which something was decided, before the review, by path.
    decisions
        ``"drop"``, or the label it gets.
    """

    labels: Mapping[str, str]
    decisions: Mapping[str, str]

    def among(self, index: TileIndex) -> Review:
        """Return what was decided on the tiles of an index."""
        paths = set(index.paths)
        decisions = {path: decided for path, decided in self.decisions.items() if path in paths}
        return Review({path: self.labels[path] for path in decisions}, decisions)

    def applied(self, split: Split) -> Split:
        """Return a split to train on: tiles dropped and relabelled, but in its test part.

        What is judged keeps the labels it was published with; else a model would be judged by labels that models
        suggested, and its figures could not be compared with any other.
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
        lines = (f"{path}\0{decided}\n" for path, decided in sorted(self.decisions.items()))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def write(self, path: Path) -> None:
        """Write the decisions as a table that :func:`read_review` reads."""
        rows = ({"path": tile, "label": self.labels[tile], "decision": self.decisions[tile]} for tile in self.decisions)
        write_table(path, ("path", "label", "decision"), rows)


def read_review(table: Path, index: TileIndex) -> Review:
    """Read a table with the columns ``path,label,decision``; rows without a decision, and with ``keep``, do nothing.

    Parameters
    ----------
    table
        As ``label_issues.csv`` of a cross-validated run, filled in.
    index
        The tiles it is about.

    Raises
    ------
    CannotReadTable
        If a column is missing, a tile is not in the index, stands there twice or has another label there, or a
        decision is neither ``keep`` nor ``drop`` nor a class of the data.
    """
    _, rows = read_table(table, required=("path", "label", "decision"))
    if taken := {DROP, KEEP} & set(index.classes):
        raise CannotReadTable(f"{table}: a class of the data is called {min(taken)!r}, which is a decision; rename it")
    known = dict(zip(index.paths, index.labels, strict=True))
    labels: dict[str, str] = {}
    decisions: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        path, label, decided = row["path"], row["label"], row["decision"].strip()
        where = f"{table}, row {number}"
        if path not in known:
            raise CannotReadTable(f"{where}: {path} is not among the tiles of {index.root}")
        if known[path] != label:
            raise CannotReadTable(f"{where}: {path} is {label!r} here but {known[path]!r} in the data")
        if path in labels:
            raise CannotReadTable(f"{where}: {path} stands there twice")
        labels[path] = label
        if decided in ("", KEEP, label):
            continue
        if decided != DROP and decided not in index.classes:
            choices = [KEEP, DROP, *index.classes]
            raise CannotReadTable(
                f"{where}: the decision is {decided!r}; expected keep, drop or a class of the data"
                f"{did_you_mean(decided, choices)}"
            )
        decisions[path] = decided
    return Review({path: labels[path] for path in decisions}, decisions)
