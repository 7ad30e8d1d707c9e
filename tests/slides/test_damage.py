"""A slide full of damage is not opened anew for each damaged chunk, and sound chunks beside damaged ones are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest

from gastropath.errors import CannotReadRegion
from gastropath.slides.source.openslide_levels import OpenSlideLevels

SIDE, CHUNK = 20, 100


class Handle:
    """Reads as OpenSlide does: after the first damage nothing any more."""

    opened = 0
    damaged: frozenset[tuple[int, int]] = frozenset()

    def __init__(self, path: str = "") -> None:
        type(self).opened += 1
        self.properties = {"openslide.level[0].tile-width": str(CHUNK), "openslide.level[0].tile-height": str(CHUNK)}
        self.level_dimensions, self.level_downsamples = ((SIDE * CHUNK, SIDE * CHUNK),), (1.0,)
        self._is_broken = False

    def read_region(self, place, level, size):
        from PIL import Image

        (x, y), (width, height) = place, size
        for column in range(x // CHUNK, -(-(x + width) // CHUNK)):
            for row in range(y // CHUNK, -(-(y + height) // CHUNK)):
                self._is_broken |= (column, row) in self.damaged
        if self._is_broken:
            raise openslide.OpenSlideError("cannot decode")
        return Image.new("RGBA", size, "red")


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> OpenSlideLevels:
    monkeypatch.setattr(openslide, "OpenSlide", Handle)
    monkeypatch.setattr(Handle, "opened", 0)
    return OpenSlideLevels(Path("a.mrxs"), Handle(), [0])


def read_all(levels: OpenSlideLevels, side: int) -> np.ndarray:
    """Read the slide in squares of so many chunks, halved where they fail; return which chunks could be read."""
    found = np.zeros((SIDE, SIDE), bool)

    def read(left: int, top: int, side: int) -> None:
        try:
            levels.read(0, left * CHUNK, top * CHUNK, side * CHUNK, side * CHUNK)
            found[top : top + side, left : left + side] = True
        except CannotReadRegion:
            if side > 1:
                half = side // 2
                for x, y in ((0, 0), (half, 0), (0, half), (half, half)):
                    read(left + x, top + y, half)

    for top in range(0, SIDE, side):
        for left in range(0, SIDE, side):
            read(left, top, side)
    return found


def test_a_slide_full_of_damage_is_opened_a_few_times_and_not_for_each_chunk(levels, monkeypatch):
    monkeypatch.setattr(Handle, "damaged", frozenset((x, y) for x in range(SIDE) for y in range(SIDE)))
    assert not read_all(levels, 4).any()
    assert Handle.opened < SIDE * SIDE  # blocks of 16 chunks: half of them are tried
    opened = Handle.opened
    assert not read_all(levels, 4).any()
    assert Handle.opened == opened


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_only_damaged_chunks_are_lost_and_each_costs_one_opening(levels, monkeypatch, share):
    rng = np.random.default_rng(4)
    lost = rng.random((SIDE, SIDE)) < share
    monkeypatch.setattr(Handle, "damaged", frozenset((int(x), int(y)) for y, x in zip(*np.nonzero(lost), strict=True)))
    np.testing.assert_array_equal(read_all(levels, 4), ~lost)
    blocks = (SIDE // 4) ** 2
    assert Handle.opened <= lost.sum() + blocks + 1


def test_beyond_the_slide_nothing_is_touched(levels):
    assert levels.read(0, SIDE * CHUNK + 5, -300, 50, 50).shape == (50, 50, 3)
