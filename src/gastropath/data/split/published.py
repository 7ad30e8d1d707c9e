"""The division that tiles were published with: in folders train, val and test, or in a column of their table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from gastropath.data.folder_names import part_named
from gastropath.data.gathered import PART
from gastropath.data.index import TileIndex
from gastropath.data.split.split import PARTS, Split
from gastropath.errors import CannotReadTable, UnknownSetting
from gastropath.report.wording import count

_NAMED = 3


def published_parts(index: TileIndex) -> np.ndarray:
    """Return the part that each tile was published in.

    Returns
    -------
    numpy.ndarray
        Number of the part in :data:`gastropath.data.split.split.PARTS`, ``int64``, shape (n,).

    Raises
    ------
    UnknownSetting
        If the tiles are not divided.
    CannotReadTable
        If a tile has no part, or one of another name.
    """
    cells = index.extra.get(PART, ())
    parts = [part_named(cell) for cell in cells]
    if len(set(parts) - {""}) < 2 or "train" not in parts:
        raise UnknownSetting(
            "the data are not divided: expected folders train and test (or val) with the folders of classes in them, "
            f"or a table with such a column {PART}",
            parameter="by",
            remedy="divide them by block, which keeps neighbouring file numbers together",
        )
    for path, cell, part in zip(index.paths, cells, parts, strict=True):
        if not part:
            what = f"{PART} is {cell!r}; expected one of {', '.join(PARTS)}"
            raise CannotReadTable(what, where=path, remedy="correct it, or divide the tiles by another method")
    return np.array([PARTS.index(part) for part in parts], np.int64)


def published_in_words(split: Split) -> Iterator[str]:
    """Say what is to be known of a split that keeps the published parts, a line a finding; nothing of others."""
    if split.method != "folders":
        return
    given = published_parts(split.index)
    missing = [part for number, part in enumerate(PARTS) if not (given == number).any()]
    if missing:
        yield f"there is no {missing[0]} part in the data: it is taken out of train, by block"
    parts_of: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(split.index.groups, split.parts, strict=True):
        parts_of[group].add(part)
    torn = sorted(group for group, parts in parts_of.items() if group and len(parts) > 1)
    if torn:
        named = ", ".join(torn[:_NAMED]) + (", …" if len(torn) > _NAMED else "")
        yield (
            f"warning: {count(len(torn), 'group (a patient or slide) has', 'groups (patients or slides) have')} tiles "
            f"in several parts, as published ({named}): "
            "the metrics are optimistic"
        )
