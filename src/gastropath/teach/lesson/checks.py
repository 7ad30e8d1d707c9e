"""Tiles that judge the model: drawn at random over slides and area, in an order that nobody can choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gastropath.teach.lesson.pool import TileFeatures
from gastropath.teach.lesson.record import Place


def drawn(pools: Mapping[str, TileFeatures], seed: int) -> Iterator[Place]:
    """Yield tiles in the order in which they are to be checked: a slide after the other, each tile by its area.

    The order is the same in every process, so that nobody can draw again until they like what they see.

    Parameters
    ----------
    pools
        The tiles of each map, by its name.
    seed
        Of the draw.
    """
    orders = [
        _order(name, pool, np.random.default_rng([seed, place]))
        for place, (name, pool) in enumerate(sorted(pools.items()))
    ]
    slides = np.random.default_rng(seed).permutation(len(orders))
    waiting = [iter(orders[place]) for place in slides]
    while waiting:
        left = []
        for order in waiting:
            if (place := next(order, None)) is not None:
                left.append(order)
                yield place
        waiting = left


def _order(name: str, pool: TileFeatures, rng: np.random.Generator) -> list[Place]:
    """Put the tiles of a map in a random order, those at the edge of the slide the later the less there is of them."""
    areas = pool.shown.grid.areas_px(pool.numbers).astype(np.float64)
    keys = rng.exponential(size=len(areas)) / np.maximum(areas, 1)  # Efraimidis and Spirakis 2006
    return [(name, int(number)) for number in pool.numbers[np.argsort(keys)]]
