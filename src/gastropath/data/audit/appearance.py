"""What a set of tiles looks like: size, brightness, colour, glass and sharpness of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from gastropath.data.audit.record import TileRecord, read_tile_record
from gastropath.data.index import TileIndex
from gastropath.parallel import each
from gastropath.progress import Progress, silent

_TILES = 500

_PROPERTIES = {
    "brightness": lambda tile: (tile.mean_red + tile.mean_green + tile.mean_blue) / 3,
    "redness": lambda tile: tile.mean_red - tile.mean_blue,
    "saturation": lambda tile: tile.saturation,
    "white share": lambda tile: tile.white_share,
    "sharpness": lambda tile: tile.sharpness,
}
"""Brightness is the mean grey level, redness mean red minus mean blue; both on the scale of 0 to 255."""


@dataclass(frozen=True)
class Appearance:
    """What tiles look like.

    Attributes
    ----------
    sizes
        Number of tiles of each width and height in pixels.
    properties
        Mean and standard deviation of each property.
    """

    sizes: Mapping[tuple[int, int], int]
    properties: Mapping[str, tuple[float, float]]


def appearance(index: TileIndex, *, seed: int = 0, progress: Progress = silent) -> Appearance:
    """Measure a random sample of at most 500 tiles of an index, those that were not measured when they were read.

    Files that cannot be read are skipped.
    """
    rows = index.in_fixed_order()[np.random.default_rng(seed).permutation(len(index))[:_TILES]]
    records: list[TileRecord] = []
    for done, record in enumerate(each(partial(_record, index), map(int, np.sort(rows))), start=1):
        if not record.refusal:
            records.append(record)
        progress("looking at tiles", done, len(rows))
    sizes = Counter((record.width, record.height) for record in records)
    properties = {}
    for name, of in _PROPERTIES.items() if records else ():
        values = np.array([of(record) for record in records])
        properties[name] = (float(values.mean()), float(values.std()))
    return Appearance(dict(sizes.most_common()), properties)


def _record(index: TileIndex, row: int) -> TileRecord:
    known = index.seen.records.get(index.pixels[row]) if index.seen and index.pixels else None
    return known or read_tile_record(index.root / index.paths[row])
