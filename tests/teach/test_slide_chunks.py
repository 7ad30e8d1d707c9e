"""Pictures of a slide show at every zoom what lies there, and nothing beyond its edge."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from drawing import PALETTE, Squares  # pyright: ignore[reportMissingImports]
from PIL import Image
from view_driver import HEIGHT, WIDTH, Looked

from gastropath.errors import CannotReadRegion
from gastropath.slides.source.slide import open_slide
from gastropath.teach.chunks import CHUNK_PX, Chunks, zooms


@pytest.fixture(scope="module")
def chunks(squares_map: Looked) -> Chunks:
    return Chunks(open_slide(squares_map.slide))


def decoded(chunks: Chunks, zoom: int, column: int, row: int) -> np.ndarray:
    content, kind = chunks.encoded(zoom, column, row)
    with Image.open(io.BytesIO(content)) as image:
        assert Image.MIME[image.format or ""] == kind
        return np.asarray(image.convert("RGBA"))


def all_places(chunks: Chunks) -> list[tuple[int, int, int]]:
    found = []
    for zoom in range(chunks.zooms + 1):
        side = CHUNK_PX * 2 ** (chunks.zooms - zoom)
        found += [(zoom, c, r) for c in range(-(-WIDTH // side)) for r in range(-(-HEIGHT // side))]
    return found


def test_each_picture_shows_the_colours_that_lie_there(chunks: Chunks, squares: Squares):
    for zoom, column, row in all_places(chunks):
        shown = decoded(chunks, zoom, column, row)
        down = 2 ** (chunks.zooms - zoom)
        x, y = np.meshgrid(np.arange(4, CHUNK_PX, 7), np.arange(4, CHUNK_PX, 7))
        left, top = (column * CHUNK_PX + x + 0.5) * down, (row * CHUNK_PX + y + 0.5) * down
        inside = (left < WIDTH - down) & (top < HEIGHT - down)
        border = np.minimum(np.minimum(left % squares.side, squares.side - left % squares.side),
                            np.minimum(top % squares.side, squares.side - top % squares.side))  # fmt: skip
        judged = inside & (border > 2.5 * down)
        gaps = np.abs(shown[y, x, None, :3].astype(int) - PALETTE).sum(axis=-1)
        truth = squares.number(np.minimum(left, WIDTH - 1), np.minimum(top, HEIGHT - 1))
        assert judged.any()
        assert (gaps.argmin(axis=-1) == truth)[judged].all(), (zoom, column, row)
        assert (shown[y, x, 3] > 250)[inside].all()
        beyond = (left > WIDTH + 2 * down) | (top > HEIGHT + 2 * down)
        assert (shown[y, x, 3] < 5)[beyond].all(), (zoom, column, row)


@pytest.mark.parametrize("place", [(0, 1, 0), (0, 0, 1), (3, 99, 0), (99, 0, 0), (4, 0, 0)])
def test_where_there_is_no_slide_nothing_is_seen(chunks: Chunks, place: tuple[int, int, int]):
    assert not decoded(chunks, *place).any()
    assert chunks.pixels(*place) is None


def test_a_slide_without_levels_is_shown_at_every_zoom(tmp_path: Path):
    drawn = Squares(4200, 900, 300, seed=2)
    flat = Chunks(open_slide(drawn.write(tmp_path / "flat.tiff", 0.5)))
    shown = flat.pixels(0, 0, 0)
    assert shown is not None
    down = 2**flat.zooms
    for x in range(150, 4200, 300):
        pixel = shown[450 // down, x // down].astype(int)
        assert np.abs(pixel - PALETTE).sum(axis=1).argmin() == drawn.number(np.array(x), np.array(450))


def test_finished_pictures_take_no_more_than_their_room(squares_map: Looked, monkeypatch: pytest.MonkeyPatch):
    slide = open_slide(squares_map.slide)
    small = Chunks(slide, most_bytes=60_000)
    sizes = [len(small.encoded(zoom, column, row)[0]) for zoom, column, row in all_places(small)]
    assert sum(sizes) > 60_000
    assert sum(len(content) for content, _ in small._kept.values()) == small._bytes <= 60_000
    kept = next(reversed(small._kept))
    monkeypatch.setattr(small, "pixels", lambda *_: pytest.fail("it was made before"))
    assert small.encoded(*kept)[0]


def test_a_damaged_place_costs_only_its_own_picture(squares_map: Looked, monkeypatch: pytest.MonkeyPatch):
    slide = open_slide(squares_map.slide)
    read = slide.read

    def damaged(level: int, x: int, y: int, width: int, height: int, smaller: int = 1) -> np.ndarray:
        if level == 0 and x < CHUNK_PX and y < CHUNK_PX:
            raise CannotReadRegion("is damaged there")
        return read(level, x, y, width, height, smaller)

    monkeypatch.setattr(slide, "read", damaged)
    chunks = Chunks(slide)
    first, second = chunks.pixels(chunks.zooms, 0, 0), chunks.pixels(chunks.zooms, 1, 0)
    assert first is not None
    assert second is not None
    assert len(np.unique(first.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(second.reshape(-1, 3), axis=0)) > 1


@pytest.mark.parametrize(("size", "expected"), [((1, 1), 0), ((512, 512), 0), ((513, 2), 1), ((100_000, 9), 8)])
def test_at_the_first_zoom_the_slide_fits_into_one_picture(size: tuple[int, int], expected: int):
    assert zooms(size) == expected
