"""What reading and answering a tile costs a single core: what a slide would take if nothing were lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from gastropath.inference.classifier import Classifier
from gastropath.slides.block_reader import is_close
from gastropath.slides.blocks import grid_blocks
from gastropath.slides.task import TiledSlide
from gastropath.slides.tiles import read_tiles

MEASURED_BLOCKS, ANSWERED, READ_AGAIN = 12, 256, 32

T = TypeVar("T")


@dataclass(frozen=True)
class TileCost:
    """Core-milliseconds of a tile.

    Attributes
    ----------
    read, answer
        Of reading it once, and of answering it once.
    twice
        Share of tiles that are read and answered a second time, decoded whole.
    again
        Of that second reading.
    """

    read: float
    answer: float
    twice: float
    again: float

    @property
    def whole(self) -> float:
        """Of all that a tile needs."""
        return self.read + self.answer + self.twice * (self.again + self.answer)


def cost_of(tiled: TiledSlide, alone: Classifier) -> TileCost:
    """Measure blocks from all over a slide, with a classifier of one thread."""
    slide, grid = tiled.slide, tiled.grid
    blocks = list(grid_blocks(grid))
    blocks = blocks[:: max(1, len(blocks) // MEASURED_BLOCKS)]
    read_tiles(slide, grid, blocks[0])  # what is proven once
    seconds, tiles = spent(lambda: [read_tiles(slide, grid, block).pixels for block in blocks])
    reading = 1000 * seconds / sum(map(len, tiles))
    some, numbers = np.concatenate(tiles)[:ANSWERED], np.concatenate(blocks)[:ANSWERED]
    alone.predict(some[:4])
    seconds, answers = spent(lambda: alone.predict(some))
    answering = 1000 * seconds / len(some)
    if grid.smaller == 1:
        return TileCost(reading, answering, 0.0, 0.0)
    whole, few = grid.unreduced(slide), numbers[:: max(1, len(numbers) // READ_AGAIN)]
    seconds, _ = spent(lambda: [read_tiles(slide, whole, few[n : n + 1]) for n in range(len(few))])
    return TileCost(reading, answering, float(is_close(answers).mean()), 1000 * seconds / len(few))


def spent(work: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of all cores together that something takes, and what it returns."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found
