"""Example tiles for a public page: a few of each class, picked at random, under new names and without metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.data.split.split import Split
from gastropath.decoding import decode
from gastropath.errors import CannotReadImage, NoTilesFound
from gastropath.images import encode_png

TABLE = "examples.json"


@dataclass(frozen=True)
class Examples:
    """Tiles to show, and where they come from."""

    files: tuple[Path, ...]
    labels: tuple[str, ...]
    source: str

    def write(self, folder: Path) -> None:
        """Write the tiles as PNG, and ``examples.json``; of the files only the pixels are kept."""
        tiles = []
        for number, (file, label) in enumerate(zip(self.files, self.labels, strict=True), start=1):
            name = f"example_{number:02}.png"
            (folder / name).write_bytes(encode_png(decode(file)))
            tiles.append({"file": name, "label": label})
        (folder / TABLE).write_text(json.dumps({"source": self.source, "tiles": tiles}, indent=2) + "\n", "utf-8")


def choose_examples(
    index: TileIndex, split: Split | None, codes: Sequence[str], *, per_class: int = 1, seed: int = 0
) -> Examples:
    """Pick tiles of each class at random, whether the model is right on them or not.

    Parameters
    ----------
    index
        The user's tiles.
    split
        Split of the run whose model is shown: only validation tiles are picked. ``None`` where it is not known.
    codes
        Classes of the model; others are left out.
    per_class
        Number of tiles of each class, if that many can be read.
    seed
        Of the random choice.

    Raises
    ------
    NoTilesFound
        If there is no tile to pick from.
    """
    tiles = split.part("val") if split else index
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(tiles))
    files, labels = list(tiles.files()), tiles.labels
    chosen: list[tuple[str, Path]] = []
    for code in codes:
        own = (files[row] for row in order if labels[row] == code)
        chosen += [(code, file) for file in islice(filter(_readable, own), per_class)]
    if not chosen:
        kind = "no validation tile of the run" if split else "no tile of the model's classes"
        raise NoTilesFound(f"holds {kind} that can be read", where=index.root)
    what = "Validation tiles" if split else "Tiles"
    drawn = " Synthetic: drawn by a computer, no tissue." if index.synthetic else ""
    learned = "the model did not learn from them" if split else "the model may have learned from them"
    source = f"{what} of {index.root.resolve().name}, picked at random; {learned}.{drawn}"
    return Examples(tuple(file for _, file in chosen), tuple(code for code, _ in chosen), source)


def _readable(file: Path) -> bool:
    try:
        decode(file)
    except CannotReadImage:
        return False
    return True
