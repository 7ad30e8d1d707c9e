"""Chunks decoded straight from the file show what OpenSlide shows, and whatever does not is left to it."""

from __future__ import annotations

import struct
from itertools import count
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from chunked import APERIO, jpeg, pieces, rgb_jpeg, segments, shared_tables, tissue, write_chunks
from PIL import Image

from gastropath.data.synthetic.slide import write_slide
from gastropath.errors import CannotReadRegion, CannotReadSlide
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.chunked_level import ChunkedLevel
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.slides.tiles import read_tiles

SIZE = (701, 519)
PLAIN = (1, 5, 8, 32946, 50000)


def openslide_pixels(path: Path, level: int = 0) -> np.ndarray:
    with openslide.OpenSlide(path) as slide:
        image = slide.read_region((0, 0), level, slide.level_dimensions[level])
        page = Image.new("RGB", image.size, "white")
        page.paste(image, mask=image.getchannel("A"))
        return np.asarray(page)


def opened(path: Path) -> Slide:
    return open_slide(path, 0.25, check_brightfield=False)


def is_direct(slide: Slide, level: int = 0) -> bool:
    return len(slide.smaller[level]) > 1


def whole(slide: Slide, level: int = 0) -> np.ndarray:
    down = slide.downsamples[level]
    return slide.read(level, 0, 0, *(round(side / by) for side, by in zip(slide.size_px, down, strict=True)))


def lossless(compression: int, predictor: int):
    def encode(chunk: np.ndarray) -> bytes:
        data = (imagecodecs.delta_encode(chunk, axis=-2) if predictor == 2 else chunk).tobytes()
        encoders: dict[int, Any] = {
            5: imagecodecs.lzw_encode,
            8: imagecodecs.zlib_encode,
            32946: imagecodecs.zlib_encode,
            50000: imagecodecs.zstd_encode,
        }
        return encoders[compression](data) if compression != 1 else data

    return encode


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("chunk", [(256, 256), (240, 240), (64, 176)])
def test_jpeg_has_the_pixels_of_openslide(tmp_path, subsampling, chunk):
    path = write_chunks(tmp_path / "a.tif", tissue(*SIZE), jpeg(subsampling), "jpeg", chunk=chunk, smaller=(2, 4))
    slide = opened(path)
    assert is_direct(slide)
    assert is_direct(slide, 1)
    np.testing.assert_array_equal(whole(slide), openslide_pixels(path))


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}])
def test_so_has_jpeg_of_every_kind(tmp_path, options):
    slide = opened(path := write_chunks(tmp_path / "a.tif", tissue(*SIZE), jpeg(**options), "jpeg"))
    assert is_direct(slide)
    np.testing.assert_array_equal(whole(slide), openslide_pixels(path))


@pytest.mark.parametrize("bigtiff", [False, True])
def test_so_has_jpeg_with_shared_tables(tmp_path, bigtiff):
    tables, _ = shared_tables(jpeg()(tissue(256, 256)))
    path = write_chunks(
        tmp_path / "a.tif",
        tissue(*SIZE),
        lambda chunk: shared_tables(jpeg()(chunk))[1],
        "jpeg",
        jpegtables=tables,
        bigtiff=bigtiff,
    )
    slide = opened(path)
    assert is_direct(slide)
    np.testing.assert_array_equal(whole(slide), openslide_pixels(path))


@pytest.mark.parametrize(
    ("encode", "photometric"),
    [
        (rgb_jpeg(adobe=True), "rgb"),
        (rgb_jpeg(adobe=False), "rgb"),
        (rgb_jpeg(adobe=True), "ycbcr"),
        (jpeg(), "rgb"),
    ],
)
def test_colours_are_those_that_the_tiff_says(tmp_path, encode, photometric):
    path = write_chunks(tmp_path / "a.tif", tissue(*SIZE), encode, "jpeg", photometric=photometric)
    slide = opened(path)
    assert is_direct(slide)
    np.testing.assert_array_equal(whole(slide), openslide_pixels(path))


@pytest.mark.parametrize("compression", PLAIN)
@pytest.mark.parametrize("predictor", [1, 2])
def test_packed_pixels_are_those_of_openslide(tmp_path, compression, predictor):
    if compression == 1 and predictor == 2:
        pytest.skip("pixels that are not packed have no predictor")
    path = write_chunks(
        tmp_path / "a.tif",
        tissue(*SIZE),
        lossless(compression, predictor),
        compression,
        photometric="rgb",
        predictor=predictor if compression != 1 else None,
    )
    slide = opened(path)
    assert is_direct(slide)
    np.testing.assert_array_equal(whole(slide), openslide_pixels(path))
    np.testing.assert_array_equal(whole(slide), tissue(*SIZE))


def jpeg_2000(path: Path, compression: int, *, steps: int = 5, size: tuple[int, int] = SIZE) -> Path:
    def encode(chunk: np.ndarray) -> bytes:
        is_ycbcr = compression == 33003
        pixels = np.asarray(Image.fromarray(chunk).convert("YCbCr")) if is_ycbcr else chunk
        made = imagecodecs.jpeg2k_encode(
            pixels, level=40, codecformat="j2k", reversible=False, mct=not is_ycbcr, resolutions=steps + 1
        )
        return bytes(made)

    said = APERIO.format(w=size[0], h=size[1], c=240, codec="J2K/YUV16 Q=70")
    return write_chunks(path, tissue(*size), encode, compression, photometric="rgb", chunk=(240, 240), description=said)


@pytest.mark.parametrize("compression", [33003, 33005])
def test_jpeg_2000_is_within_one_grey_value_of_openslide(tmp_path, compression):
    slide = opened(path := jpeg_2000(tmp_path / "a.svs", compression))
    assert slide.kind == "aperio"
    assert slide.smaller[0] == (1, 2, 4, 8)
    assert np.abs(whole(slide).astype(int) - openslide_pixels(path)).max() <= 1


def test_jpeg_2000_is_made_no_smaller_than_it_is_stored(tmp_path):
    assert opened(jpeg_2000(tmp_path / "a.svs", 33005, steps=1)).smaller[0] == (1, 2)


WAYS = {
    "jpeg 4:2:0": lambda path, size: write_chunks(path, tissue(*size), jpeg(quality=95), "jpeg"),
    "jpeg 4:4:4": lambda path, size: write_chunks(path, tissue(*size), jpeg("4:4:4", 95), "jpeg", chunk=(240, 240)),
    "deflate": lambda path, size: write_chunks(path, tissue(*size), lossless(8, 2), 8, photometric="rgb", predictor=2),
    "jpeg 2000": lambda path, size: jpeg_2000(path, 33005, size=size),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("smaller", [2, 4, 8])
def test_a_tile_that_is_read_smaller_lies_where_it_lay(tmp_path, way, smaller):
    size = (1403, 1037)
    slide = open_slide(WAYS[way](tmp_path / "a.svs", size), 0.5 / smaller, check_brightfield=False)
    grid = TileGrid.over(slide, 64, 0.5)
    assert (grid.smaller, grid.downsample) == (smaller, (smaller, smaller))
    numbers = np.arange(len(grid))
    found = read_tiles(slide, grid, numbers).pixels.astype(float)
    picture = tissue(*size)
    side = 64 * smaller
    inside = 0
    for tile, (left, top) in zip(found, grid.corners(numbers).astype(int), strict=True):
        full = picture[top : top + side, left : left + side]
        if full.shape[:2] != (side, side):
            continue
        inside += 1
        means = full.reshape(64, smaller, 64, smaller, 3).mean(axis=(1, 3))
        across, down = (np.gradient(means, axis=axis)[4:-4, 4:-4].ravel() for axis in (1, 0))
        gap = (tile - means)[4:-4, 4:-4].ravel()
        shift, *_ = np.linalg.lstsq(np.stack([across, down], axis=1), gap, rcond=None)
        assert np.abs(shift).max() * smaller < 0.25  # pixels of level 0
    assert inside > 3


def test_the_last_tile_shows_nothing_from_beyond_the_slide(tmp_path):
    picture = tissue(*SIZE)

    def encode(chunk: np.ndarray) -> bytes:
        return jpeg("4:4:4", 95)(chunk)

    black = np.pad(picture, ((0, 300), (0, 300), (0, 0)))[:768, :768]
    path = write_chunks(tmp_path / "a.tif", black, encode, "jpeg")
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        places = [page.tags[tag].valueoffset for tag in (256, 257)]
    for place, side in zip(places, SIZE, strict=True):
        data = data[:place] + struct.pack("<H", side) + data[place + 2 :]
    path.write_bytes(data)
    slide = opened(path)
    assert slide.size_px == SIZE
    grid = TileGrid.over(slide, 64, 0.5)
    assert grid.smaller == 2
    last = read_tiles(slide, grid, np.array([len(grid) - 1])).pixels[0]
    left, top = grid.corners(np.array([len(grid) - 1]))[0].astype(int)
    assert np.abs(last.mean() - picture[top:, left:].mean()) < 12  # black would be -100


def test_a_chunk_of_another_coding_is_read_by_openslide(tmp_path):
    number = count()

    def encode(chunk: np.ndarray) -> bytes:
        return jpeg("4:2:0" if next(number) == 4 else "4:4:4")(chunk)

    slide = opened(path := write_chunks(tmp_path / "a.tif", tissue(*SIZE), encode, "jpeg"))
    assert is_direct(slide)
    np.testing.assert_array_equal(whole(slide), openslide_pixels(path))


def test_a_chunk_that_is_not_there_is_what_openslide_makes_of_it(tmp_path):
    path = write_chunks(tmp_path / "a.tif", tissue(*SIZE), jpeg(), "jpeg")
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        tags = [page.tags[tag] for tag in (324, 325)]
    with path.open("r+b") as file:
        for tag in tags:
            size = {3: 2, 4: 4}[int(tag.dtype)]
            file.seek(tag.valueoffset + size * 4)
            file.write(bytes(size))
    slide = opened(path)
    assert is_direct(slide)
    try:
        expected = openslide_pixels(path)
    except openslide.OpenSlideError:
        with pytest.raises(CannotReadRegion):
            whole(slide)
    else:
        np.testing.assert_array_equal(whole(slide), expected)


def test_directories_in_a_circle_are_refused(tmp_path):
    path = write_chunks(tmp_path / "a.tif", tissue(300, 300), jpeg(), "jpeg")
    data = bytearray(path.read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    n = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * n, first)
    path.write_bytes(bytes(data))
    with pytest.raises(CannotReadSlide, match="more than 1,000 pictures"):
        opened(path)


@pytest.mark.parametrize(("encode", "compression", "photometric"), [(jpeg(), "jpeg", "ycbcr"), (None, "zlib", "rgb")])
def test_levels_in_subifds_are_decoded_straight_from_the_file_too(tmp_path, encode, compression, photometric):
    picture = tissue(*SIZE)
    pages: list[Any] = [picture, np.asarray(Image.fromarray(picture).reduce(2))]
    how: Any = {"photometric": photometric, "compression": compression, "metadata": None, "tile": (256, 256)}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tiff:
        for number, page in enumerate(pages):
            data: Any = {"data": page} if encode is None else {
                "data": map(encode, pieces(page, (256, 256))), "shape": page.shape, "dtype": np.uint8}  # fmt: skip
            place: Any = {"subfiletype": 1} if number else {"subifds": 1}
            tiff.write(**data, **how, **place)
    slide = opened(tmp_path / "a.ome.tif")
    direct: Any = slide
    assert (slide.kind, set(direct._direct)) == ("TIFF", {0, 1})
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        first: Any = tiff.pages[0]
        np.testing.assert_array_equal(whole(slide), first.asarray())
        np.testing.assert_array_equal(slide.read(1, 0, 0, 351, 260), first.pages[0].asarray())
    if encode:
        assert slide.smaller == ((1, 2, 4, 8), (1, 2, 4, 8))
        half = slide.read(0, 0, 0, 256, 256, 2).astype(int)
        assert np.abs(half - np.asarray(Image.fromarray(whole(slide)[:512, :512]).reduce(2))).mean() < 6


DAMAGE = {
    "jpeg": (lambda path: write_chunks(path, tissue(*SIZE), jpeg(), "jpeg"), (256, 256)),
    "deflate": (
        lambda path: write_chunks(path, tissue(*SIZE), lossless(8, 1), 8, photometric="rgb"),
        (256, 256),
    ),
    "jpeg 2000": (lambda path: jpeg_2000(path, 33005), (240, 240)),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("how", ["overwritten", "cut off"])
def test_damage_refuses_only_what_it_touches_and_opens_nothing_again(tmp_path, monkeypatch, kind, how):
    write, chunk = DAMAGE[kind]
    path = write(tmp_path / "a.svs")
    expected = openslide_pixels(path)
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        starts, lengths = page.dataoffsets, page.databytecounts
    with path.open("r+b") as file:
        for number in (1, 4):
            file.seek(starts[number] + (0 if how == "overwritten" else lengths[number] // 2))
            file.write(b"\xff" * (lengths[number] if how == "overwritten" else lengths[number] // 2))
    slide = opened(path)
    assert is_direct(slide)
    monkeypatch.setattr(openslide, "OpenSlide", None)
    grid = TileGrid.over(slide, 32, 0.25)
    found = read_tiles(slide, grid, np.arange(len(grid)))
    touched = [
        number
        for number, (x, y, width, height) in enumerate(grid.rectangles(np.arange(len(grid))).tolist())
        if any(
            (x < (of % 3 + 1) * chunk[0] and x + width > of % 3 * chunk[0])
            and (y < (of // 3 + 1) * chunk[1] and y + height > of // 3 * chunk[1])
            for of in (1, 4)
        )
    ]
    assert sorted(found.refused) == touched
    for number, tile in zip(found.numbers, found.pixels, strict=True):
        x, y, width, height = grid.rectangles(np.array([number]))[0]
        gap = np.abs(tile[:height, :width].astype(int) - expected[y : y + height, x : x + width]).max()
        assert gap <= (1 if kind == "jpeg 2000" else 0)


def test_a_header_of_a_jpeg_may_be_anything(rng):
    from gastropath.slides.source.jpeg_header import read_jpeg_header

    good = jpeg()(tissue(64, 64))
    assert read_jpeg_header(good).size == (64, 64)
    start = len(good) - len(segments(good)[-1])
    for _ in range(300):
        bad = bytearray(good)
        for place in rng.integers(0, start + 8, 3):
            bad[place] = rng.integers(256)
        try:
            read_jpeg_header(bytes(bad[: rng.integers(2, len(bad))]))
        except ValueError:
            continue


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    return write_slide(tmp_path_factory.mktemp("drawn") / "drawn", seed=5, size_px=(1840, 1536))


@pytest.mark.parametrize(("most_px", "smaller"), [(900, 2), (400, 4), (230, 8), (150, 8)])
def test_an_overview_decoded_smaller_shows_each_place_where_it_lies_and_in_its_colour(
    drawn, monkeypatch, most_px, smaller
):
    monkeypatch.setattr("gastropath.slides.source.pyramid._OVERVIEW_PX", most_px)
    asked = []
    monkeypatch.setattr(
        "gastropath.slides.source.chunked_level.ChunkedLevel._chunk",
        lambda level, number, times, ask=ChunkedLevel._chunk: asked.append(times) or ask(level, number, times),
    )
    shown = opened(drawn).overview(most_px).pixels.astype(float)
    assert set(asked) == {smaller}
    monkeypatch.setattr("gastropath.slides.source.pyramid._IN_CHUNKS", ())
    expected = opened(drawn).overview(most_px).pixels.astype(float)
    error = np.abs(shown - expected).mean()
    assert error < 5
    assert np.abs((shown - expected).mean(axis=(0, 1))).max() < 1  # no tint
    for shift in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        assert np.abs(np.roll(shown, shift, (0, 1)) - expected).mean() > 1.5 * error
