"""Which tiles a model learned from, so that they are recognised when it is evaluated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gastropath.data.index import TileIndex, file_bytes
from gastropath.data.split.split import Split
from gastropath.tables import read_table, write_table

LEARNED = "learned.csv"
"""The table's name in a run folder: ``path,label,bytes`` of training and validation tiles."""

_COLUMNS = ("path", "label", "bytes")

TileKey = tuple[str, str, str]
"""Path, label and size of the file: enough to recognise a tile, and cheap to look up for all."""


def tile_keys(index: TileIndex, rows: Iterable[int]) -> list[TileKey]:
    """Return the keys of some tiles; the size is empty where the file no longer exists."""
    sizes = ((i, file_bytes(index.root / index.paths[i])) for i in rows)
    return [(index.paths[i], index.labels[i], "" if size is None else str(size)) for i, size in sizes]


def write_learned(split: Split, run: Path) -> None:
    """Write the keys of the training and validation tiles of a run."""
    rows = [i for i, part in enumerate(split.parts) if part != "test"]
    keys = tile_keys(split.index, rows)
    write_table(run / LEARNED, _COLUMNS, [dict(zip(_COLUMNS, key, strict=True)) for key in keys])


def learned_tiles(model: Path) -> frozenset[TileKey] | None:
    """Return the keys of the tiles that a model learned from, given the folder of its run or of the bundle in it.

    ``None`` where no run belongs to the bundle: nobody knows then what it learned from.
    """
    for run in (model, model.parent):
        if (run / LEARNED).is_file():
            _, rows = read_table(run / LEARNED, required=_COLUMNS)
            return frozenset((row["path"], row["label"], row["bytes"]) for row in rows)
    return None
