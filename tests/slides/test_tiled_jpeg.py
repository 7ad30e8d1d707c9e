"""A tiled JPEG read small shows what OpenSlide shows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from drawing import Squares
from PIL import Image

from gastropath.data.synthetic.slide import write_slide
from gastropath.slides.source.overview import read_overview
from gastropath.slides.source.slide import open_slide
from gastropath.slides.source.tiled_jpeg import TiledJpeg

SIZE = (1840, 1536)


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory) -> Path:
    return write_slide(tmp_path_factory.mktemp("jpeg") / "drawn", seed=5, size_px=SIZE)


def small(path: Path, most_px: int) -> np.ndarray:
    opened = TiledJpeg.open(path, SIZE, most_px)
    assert opened is not None
    return read_overview(opened.read, opened.size, opened.chunk, most_px).pixels.astype(float)


@pytest.mark.parametrize(("most_px", "smaller"), [(900, 2), (400, 4), (230, 8), (150, 8)])
def test_it_shows_each_place_where_it_lies_and_in_its_colour(jpeg, most_px, smaller):
    opened = TiledJpeg.open(jpeg, SIZE, most_px)
    assert opened is not None
    assert opened.size == (SIZE[0] // smaller, SIZE[1] // smaller)
    shown = small(jpeg, most_px)
    expected = read_overview(partial(open_slide(jpeg).read, 0), SIZE, (256, 256), most_px).pixels
    error = np.abs(shown - expected).mean()
    assert error < 5
    assert np.abs((shown - expected).mean(axis=(0, 1))).max() < 1  # no tint
    for shift in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        assert np.abs(np.roll(shown, shift, (0, 1)) - expected).mean() > 1.5 * error


def test_anything_else_is_left_to_openslide(jpeg, tmp_path):
    assert TiledJpeg.open(jpeg, SIZE, 1000) is None  # would be no smaller
    assert TiledJpeg.open(jpeg, (SIZE[0], SIZE[1] - 1), 200) is None  # another picture
    deflated = Squares(*SIZE, 110).write(tmp_path / "deflated.tiff", 0.5)
    assert TiledJpeg.open(deflated, SIZE, 200) is None
    Image.new("RGB", SIZE).save(tmp_path / "plain.jpg")
    assert TiledJpeg.open(tmp_path / "plain.jpg", SIZE, 200) is None


def test_damage_costs_its_chunk(jpeg, tmp_path):
    path = tmp_path / "damaged.tif"
    path.write_bytes(jpeg.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        across = -(-page.imagewidth // page.tilewidth)
        side, start, length = page.tilewidth, *(of[across + 2] for of in (page.dataoffsets, page.databytecounts))
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * length)
    opened = TiledJpeg.open(path, SIZE, 200)
    assert opened is not None
    overview = read_overview(opened.read, opened.size, opened.chunk, 200)
    expected = np.zeros(SIZE[::-1], bool)
    expected[side : 2 * side, 2 * side : 3 * side] = True
    expected = np.asarray(Image.fromarray(expected).resize(overview.lost.shape[::-1], Image.Resampling.NEAREST))
    assert (overview.lost != expected).mean() < 0.01
