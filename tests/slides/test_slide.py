"""What is a slide, what is not, and what is wrong with it, each in its own words."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawing import CHUNK, Squares
from PIL import Image

from gastropath.errors import CannotReadRegion, CannotReadSlide, CannotReadSpacing
from gastropath.slides.grid import TileGrid
from gastropath.slides.mapping import map_slide
from gastropath.slides.source.slide import open_slide
from gastropath.slides.task import SlideSettings

EVERYTHING = SlideSettings(mask=False)


@pytest.fixture
def squares() -> Squares:
    return Squares(1000, 700, 110)


def test_four_wrong_files_give_four_messages(squares, tmp_path: Path, rng):
    text = tmp_path / "notes.svs"
    text.write_text("no slide")
    corrupt = squares.write(tmp_path / "corrupt.tiff", 0.5)
    corrupt.write_bytes(corrupt.read_bytes()[:300])
    channels = tmp_path / "channels.tif"
    tifffile.imwrite(channels, rng.integers(0, 4000, (3, 300, 300), dtype=np.uint16), metadata={"axes": "CYX"})
    spaceless = squares.write(tmp_path / "spaceless.tiff", None)
    messages = []
    for path, kind in (
        (text, CannotReadSlide), (corrupt, CannotReadSlide), (channels, CannotReadSlide), (spaceless, CannotReadSpacing)
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            open_slide(path)
        assert str(error.value).startswith(f"{path}: ")
        messages.append(str(error.value).removeprefix(f"{path}: "))
    assert len(set(messages)) == 4
    assert "not an image" in messages[0]
    assert "fluorescence" in messages[2]
    assert "give mpp, e.g. mpp 0.5" in messages[3]


def test_a_picture_with_a_dark_background_is_taken_for_fluorescence(tmp_path: Path, rng):
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[100:140, 100:140] = (20, 200, 40)
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    with pytest.raises(CannotReadSlide, match="dark background"):
        open_slide(tmp_path / "dark.png", 0.5)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(CannotReadSlide, match="no such file"):
        open_slide(tmp_path / "none.svs")


@pytest.mark.parametrize("dpi", [72, 96, 300])
def test_the_resolution_of_an_editor_is_not_believed(squares, tmp_path: Path, dpi):
    Image.fromarray(squares.render(0, 0, 400, 300)).save(tmp_path / "a.png", dpi=(dpi, dpi))
    with pytest.raises(CannotReadSpacing):
        open_slide(tmp_path / "a.png")
    slide = open_slide(tmp_path / "a.png", 0.4)
    assert (slide.spacing.x, slide.spacing.source) == (0.4, "given")


def test_a_credible_resolution_of_a_plain_image_is_taken(squares, tmp_path: Path):
    Image.fromarray(squares.render(0, 0, 400, 300)).save(tmp_path / "a.png", dpi=(50_800, 50_800))
    spacing = open_slide(tmp_path / "a.png").spacing
    assert spacing.x == pytest.approx(0.5, rel=1e-3)
    assert spacing.source == "resolution tag"


@pytest.mark.parametrize("kind", ["pyramid", "plain"])
def test_pixels_are_those_that_were_drawn_and_white_outside(squares, tmp_path: Path, kind):
    path = tmp_path / ("a.tiff" if kind == "pyramid" else "a.png")
    if kind == "pyramid":
        squares.write(path, 0.5)
    else:
        Image.fromarray(squares.render(0, 0, 1000, 700)).save(path)
    slide = open_slide(path, 0.5)
    assert slide.size_px == (1000, 700)
    np.testing.assert_array_equal(np.asarray(slide.read(0, 130, 90, 300, 200)), squares.render(130, 90, 300, 200))
    beyond = np.asarray(slide.read(0, 900, -50, 200, 100))
    assert (beyond[:50] == 255).all()
    assert (beyond[:, 100:] == 255).all()
    np.testing.assert_array_equal(beyond[50:, :100], squares.render(900, 0, 100, 50))


def damaged(squares: Squares, path: Path, chunk: int) -> Path:
    squares.write(path, 0.5)
    with tifffile.TiffFile(path) as tiff:
        start, length = tiff.pages[0].dataoffsets[chunk], tiff.pages[0].databytecounts[chunk]
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * length)
    return path


@pytest.mark.parametrize("whole", [True, False])
def test_an_overview_is_the_same_from_one_thread_and_from_several(tmp_path: Path, monkeypatch, whole):
    squares = Squares(1500, 2300, 110)
    path = squares.write(tmp_path / "a.tiff", 0.5) if whole else damaged(squares, tmp_path / "a.tiff", 20)
    monkeypatch.setattr("gastropath.slides.source.overview._PART_PX", 256)
    pictures = []
    for cores in (1, 8, 8):
        monkeypatch.setattr("gastropath.slides.source.overview.cores", lambda cores=cores: cores)
        pictures.append(open_slide(path).overview(700).pixels)
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[2])
    white = (pictures[0] == 255).all(axis=2)
    assert white.any() is np.bool_(not whole)
    assert white.mean() < 0.02


def test_a_finished_slide_is_not_opened_again(squares, by_colour, tmp_path: Path, monkeypatch):
    path = squares.write(tmp_path / "a.tiff", 0.5)
    first = map_slide(path, tmp_path / "out", by_colour, EVERYTHING)
    monkeypatch.setattr("gastropath.slides.task.open_slide", None)
    assert map_slide(path, tmp_path / "out", by_colour, EVERYTHING) == first


def test_a_slide_that_cannot_be_read_leaves_nothing_behind(squares, by_colour, tmp_path: Path):
    path = squares.write(tmp_path / "a.tiff", None)
    with pytest.raises(CannotReadSpacing):
        map_slide(path, tmp_path / "maps" / "a", by_colour)
    assert not (tmp_path / "maps").exists()


def test_damage_costs_only_the_tiles_it_touches(squares, by_colour, tmp_path: Path):
    path = damaged(squares, tmp_path / "damaged.tiff", 1)  # the second chunk: x 256-511, y 0-255
    slide = open_slide(path)
    with pytest.raises(CannotReadRegion):
        slide.read(0, 300, 10, 50, 50)
    np.testing.assert_array_equal(np.asarray(slide.read(0, 600, 300, 50, 50)), squares.render(600, 300, 50, 50))
    found = map_slide(path, tmp_path / "out", by_colour, EVERYTHING)
    with (found.folder / "tiles.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found.summary.tiles.in_grid
    for row in rows:
        x, y, width = (int(row[f"{name}_px"]) for name in ("x", "y", "width"))
        margin = 8  # what the filter looks at beside the tile
        touches = x + width + margin > CHUNK and x - margin < 2 * CHUNK and y - margin < CHUNK
        inside = x + width > CHUNK and x < 2 * CHUNK and y < CHUNK
        if inside:
            assert (row["decision"], row["predicted_label"]) == ("refused", "")
            assert row["reason"] == "damaged"
            assert row["detail"].startswith("cannot be read: ")
        elif not touches:
            assert row["decision"] == "accepted" or row["confidence"] < "0.6"
    refused = sum(row["decision"] == "refused" for row in rows)
    assert found.summary.tiles.refused == {"damaged": refused}
    assert found.summary.reasons == {"damaged": "the slide cannot be read there"}
    assert 0 < refused < len(rows) / 3


def test_damage_that_the_overview_meets_is_refused_too_and_not_called_glass(by_colour, tmp_path: Path):
    squares = Squares(3000, 2600, 110)
    path = damaged(squares, tmp_path / "damaged.tiff", 5 * 12 + 4)  # x 1024-1279, y 1280-1535; no smaller level
    overview = open_slide(path).overview(1500)
    assert overview.lost[641:767, 513:639].all()
    assert overview.lost.mean() == pytest.approx(256 * 256 / (3000 * 2600), rel=0.05)
    assert (overview.pixels[overview.lost] == 255).all()
    found = map_slide(path, tmp_path / "out", by_colour)
    tiles = found.summary.tiles
    assert not tiles.left_out
    with (found.folder / "tiles.csv").open() as file:
        refused = [row for row in csv.DictReader(file) if row["decision"] == "refused"]
    assert tiles.n_refused == len(refused)
    assert tiles.classified == tiles.in_grid - len(refused)
    for row in refused:
        assert 1024 - 8 - 64 < int(row["x_px"]) < 1280 + 8  # the filter looks 8 px beside the tile
        assert 1280 - 8 - 64 < int(row["y_px"]) < 1536 + 8  # the filter looks 8 px beside the tile
    assert len(refused) >= 16
    shown = np.asarray(Image.open(found.folder / "tissue.png"))
    assert (shown == (204, 121, 167)).all(axis=2).any()


@pytest.mark.real
def test_a_scanner_s_slide_is_read(real_slide):
    slide = open_slide(real_slide)
    assert slide.size_px == (2220, 2967)
    assert slide.spacing.x == pytest.approx(0.499)
    assert slide.spacing.source == "slide header"
    assert len(TileGrid.over(slide, 224, 0.5)) == 10 * 14


@pytest.mark.slow
def test_a_picture_of_200_megapixels_is_read_and_a_larger_one_refused_before_it_is_decoded(tmp_path, monkeypatch):
    for name, height in (("large.png", 14_100), ("larger.png", 14_200)):
        Image.new("RGB", (14_100, height), (230, 180, 210)).save(tmp_path / name, compress_level=1)
    slide = open_slide(tmp_path / "large.png", 0.5)
    assert slide.size_px == (14_100, 14_100)
    assert (np.asarray(slide.read(0, 14_000, 14_000, 200, 200))[:100, :100] == (230, 180, 210)).all()
    assert slide.overview(100).pixels.shape == (100, 100, 3)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    with pytest.raises(CannotReadSlide, match=r"14,100 x 14,200 pixels, more than the 200,000,000 allowed"):
        open_slide(tmp_path / "larger.png", 0.5)
