"""Which tiles a model learned from, so that they are known again when it is judged."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gastropath.data.index import TileIndex
from gastropath.data.split.split import Split
from gastropath.tables import read_table, write_table

LEARNED = "learned.csv"
"""The table's name in a run folder: ``path,label,bytes`` of training and validation tiles."""

_COLUMNS = ("path", "label", "bytes")

TileKey = tuple[str, str, str]
"""Path, label and size of the file: enough to know a tile again, and cheap to find out for all."""


def tile_keys(index: TileIndex, rows: Iterable[int]) -> list[TileKey]:
    """Return the keys of some tiles; of a file that is gone the size is empty."""
    return [(index.paths[i], index.labels[i], _size(index.root / index.paths[i])) for i in rows]


def write_learned(split: Split, run: Path) -> None:
    """Write the keys of the tiles that a run trains on and watches."""
    rows = [i for i, part in enumerate(split.parts) if part != "test"]
    keys = tile_keys(split.index, rows)
    write_table(run / LEARNED, _COLUMNS, [dict(zip(_COLUMNS, key, strict=True)) for key in keys])


def learned_tiles(model: Path) -> frozenset[TileKey] | None:
    """Return the keys of the tiles that a model learned from, given the folder of its run or of its bundle in there.

    ``None`` where no run belongs to the bundle: what it learned from is then not known.
    """
    for run in (model, model.parent):
        if (run / LEARNED).is_file():
            _, rows = read_table(run / LEARNED, required=_COLUMNS)
            return frozenset((row["path"], row["label"], row["bytes"]) for row in rows)
    return None


def _size(file: Path) -> str:
    return str(os.path.getsize(file)) if os.path.isfile(file) else ""
