"""What is wrong with a tile is named, and what is measured of it is what a ruler would say."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gastropath.data.audit.audit import Audit, audit_tiles
from gastropath.data.audit.record import BLANK, BLURRED, FLAGS, GLASS, GREY, TileRecord, read_tile, read_tile_record
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.results.prediction import Refusal
from gastropath.tables import read_table

PINK, VIOLET, WHITE = (230, 160, 190), (110, 60, 140), (245, 244, 246)


def drawn(code: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False))


def of(pixels: np.ndarray, folder: Path) -> TileRecord:
    Image.fromarray(pixels).save(folder / "tile.png")
    return read_tile_record(folder / "tile.png")


def even(colour: tuple[int, int, int], side_px: int = 224) -> np.ndarray:
    return np.full((side_px, side_px, 3), colour, np.uint8)


def half_and_half(left: tuple[int, int, int], right: tuple[int, int, int], share: float = 0.5) -> np.ndarray:
    pixels = even(right)
    pixels[:, : round(224 * share)] = left
    return pixels


def noisy(pixels: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("code", DRAWINGS)
def test_sharp_tissue_has_no_problem(code: str, tmp_path: Path):
    record = of(drawn(code), tmp_path)
    assert record.flags == ()
    assert record.sharpness > 0.4


@pytest.mark.parametrize("code", ["LYM", "MUS", "NOR", "STR", "TUM"])
def test_a_tile_out_of_focus_is_blurred(code: str, tmp_path: Path):
    sharp = drawn(code)
    soft = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(5)))
    record = of(soft, tmp_path)
    assert record.flags == (BLURRED,)
    assert record.sharpness < of(sharp, tmp_path).sharpness / 2


@pytest.mark.parametrize("brightness", [0.7, 1.1])
def test_sharpness_does_not_hang_on_brightness(brightness: float, tmp_path: Path):
    tile = drawn("MUS")
    other = np.clip(tile * brightness, 0, 255).astype(np.uint8)
    assert of(other, tmp_path).sharpness == pytest.approx(of(tile, tmp_path).sharpness, rel=0.15)


@pytest.mark.parametrize(
    "pixels",
    [
        even((255, 255, 255)),
        even((0, 0, 0)),
        even(PINK),
        noisy(even(WHITE)),
        noisy(even((3, 3, 3))),
        even((255, 255, 255), side_px=16),
    ],
    ids=["white", "black", "pink", "noisy glass", "noisy black", "small"],
)
def test_a_tile_with_nothing_to_see_is_blank_and_nothing_else(pixels: np.ndarray, tmp_path: Path):
    assert of(pixels, tmp_path).flags == (BLANK,)


def test_a_blank_tile_and_a_refused_one_have_no_points(tmp_path: Path):
    Image.fromarray(noisy(even(WHITE))).save(tmp_path / "blank.png")
    Image.fromarray(drawn("TUM")).save(tmp_path / "tissue.png")
    (tmp_path / "none.png").write_text("none")
    assert read_tile(tmp_path / "blank.png").points is None
    assert read_tile(tmp_path / "none.png").points is None
    points = read_tile(tmp_path / "tissue.png").points
    assert points is not None
    assert len(points) > 0
    without = read_tile(tmp_path / "tissue.png", with_points=False)
    assert (without.record, without.points) == (read_tile(tmp_path / "tissue.png").record, None)


def test_a_tile_with_a_bit_of_tissue_is_mostly_glass_and_not_blank(tmp_path: Path):
    pixels = noisy(even(WHITE))
    pixels[100:150, 100:150] = drawn("TUM")[:50, :50]
    record = of(pixels, tmp_path)
    assert record.flags == (GLASS,)
    assert record.white_share == pytest.approx(1 - 50**2 / 224**2, abs=0.01)


def test_glass_is_named_from_nine_tenths_of_the_tile_on(tmp_path: Path):
    assert GLASS in of(half_and_half(VIOLET, WHITE, share=0.09), tmp_path).flags
    assert GLASS not in of(half_and_half(VIOLET, WHITE, share=0.11), tmp_path).flags


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_white_share_is_the_share_that_is_white(share: float, tmp_path: Path):
    assert of(half_and_half(WHITE, PINK, share), tmp_path).white_share == share


@pytest.mark.parametrize(
    ("colour", "white"),
    [
        ((210, 212, 211), 1),
        ((205, 255, 255), 0),
        ((255, 225, 240), 1),
        ((255, 220, 240), 0),
        (PINK, 0),
        ((128, 128, 128), 0),
    ],
)
def test_white_is_bright_and_without_colour(colour: tuple[int, int, int], white: int, tmp_path: Path):
    assert of(even(colour), tmp_path).white_share == white


def test_a_tile_without_colour_is_grey(tmp_path: Path):
    tile = drawn("TUM")
    grey = np.asarray(Image.fromarray(tile).convert("L").convert("RGB"))
    assert GREY in of(grey, tmp_path).flags
    assert GREY not in of(tile, tmp_path).flags
    Image.fromarray(tile).convert("L").save(tmp_path / "grey.png")
    record = read_tile_record(tmp_path / "grey.png")
    assert (record.mode, record.flags, record.saturation) == ("L", (GREY,), 0)


def test_glass_beside_stained_tissue_does_not_make_it_grey(tmp_path: Path):
    pixels = noisy(even(WHITE))
    pixels[:, :40] = drawn("TUM")[:, :40]
    assert GREY not in of(pixels, tmp_path).flags


def test_mean_colour_and_saturation_are_those_of_the_pixels(tmp_path: Path):
    record = of(half_and_half(PINK, VIOLET), tmp_path)
    assert (record.mean_red, record.mean_green, record.mean_blue) == (170, 110, 165)
    assert record.saturation == ((230 - 160) + (140 - 60)) / 2
    tile = drawn("NOR")
    record = of(tile, tmp_path)
    means = record.mean_red, record.mean_green, record.mean_blue
    np.testing.assert_allclose(means, tile.mean(axis=(0, 1)), atol=1)


def test_size_and_mode_are_those_of_the_file(tmp_path: Path):
    Image.fromarray(drawn("TUM")[:200, :150]).convert("RGBA").save(tmp_path / "tile.png")
    record = read_tile_record(tmp_path / "tile.png")
    assert (record.width, record.height, record.mode) == (150, 200, "RGBA")
    assert record.bytes == (tmp_path / "tile.png").stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "code", "sentence"),
    [
        (
            "text.png",
            b"no picture",
            "not_an_image",
            "is not an image; expected PNG, JPEG, TIFF, WebP, BMP or JPEG 2000",
        ),
        ("empty.png", b"", "empty", "is empty (0 bytes)"),
        (
            "gif.png",
            b"GIF89a",
            "not_an_image",
            "is a GIF picture; expected PNG, JPEG, TIFF, WebP, BMP or JPEG 2000; save it as PNG or TIFF in the program "
            "that made it",
        ),
    ],
)
def test_a_file_that_is_not_a_picture_is_refused(name: str, content: bytes, code: str, sentence: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    record = read_tile_record(tmp_path / name)
    assert record.refusal == Refusal(code, sentence)
    assert (record.width, record.height, record.pixel_sha256, record.flags) == (0, 0, "", ())
    assert record.bytes == len(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_a_file_that_ends_too_early_is_truncated(kind: str, tmp_path: Path):
    whole = io.BytesIO()
    Image.fromarray(drawn("TUM")).save(whole, kind)
    file = tmp_path / "cut.png"
    file.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    assert read_tile_record(file).refusal == Refusal("truncated", "is truncated: the file ends before the picture does")


def test_several_problems_are_all_named(tmp_path: Path):
    pixels = even(WHITE)
    pixels[90:120, 90:120] = 100
    soft = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(9)))
    record = of(soft, tmp_path)
    assert record.flags == (GLASS, BLURRED, GREY)
    assert set(record.flags) <= set(FLAGS)


def audit_of_sizes(sizes: list[tuple[int, int]]) -> Audit:
    n = len(sizes)
    index = TileIndex(Path("/t"), tuple(f"{i}.png" for i in range(n)), ("T",) * n, ("",) * n)
    return Audit(index, tuple(TileRecord(*size, "RGB", 9, str(i)) for i, size in enumerate(sizes)))


def test_a_size_that_nine_tenths_have_makes_another_odd():
    audit = audit_of_sizes([(224, 224)] * 9 + [(224, 223)])
    assert audit.problems == ((),) * 9 + (("odd_size",),)
    assert audit.flagged("odd_size") == [9]
    assert audit.summary_of_problems() == {"odd_size": 1}


def test_where_no_size_is_usual_none_is_odd():
    assert audit_of_sizes([(224, 224)] * 8 + [(200, 200)] * 2).usual_size is None
    assert audit_of_sizes([(224, 224)] * 8 + [(200, 200)] * 2).summary_of_problems() == {}
    assert audit_of_sizes([]).usual_size is None


def test_an_odd_size_stands_beside_other_problems(tmp_path: Path):
    rng = np.random.default_rng(0)
    for i in range(9):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    Image.fromarray(even(WHITE, 40)).save(tmp_path / "9.png")
    (tmp_path / "10.png").write_bytes(b"")
    names = tuple(f"{i}.png" for i in range(11))
    audit = audit_tiles(TileIndex(tmp_path, names, ("T",) * 11, ("",) * 11))
    assert audit.problems == ((),) * 9 + (("blank", "odd_size"), ("empty",))
    assert audit.summary_of_problems() == {"blank": 1, "odd_size": 1}
    assert audit.flagged("odd_size") == audit.flagged("blank") == [9]
    audit.write(tmp_path / "out")
    _, rows = read_table(tmp_path / "out" / "index.csv", ("problem", "problem_detail"))
    assert [row["problem"] for row in rows[-2:]] == ["blank;odd_size", "empty"]
    assert rows[-2]["problem_detail"] == f"{FLAGS[BLANK]}; {FLAGS['odd_size']}"
    assert rows[-1]["problem_detail"] == "is empty (0 bytes)"


@pytest.mark.real
def test_few_of_the_real_tiles_are_flagged_and_none_is_refused(real_tiles: Path):
    audit = audit_tiles(find_tiles([real_tiles]), near=False)
    problems = audit.summary_of_problems()
    assert audit.refused() == {}
    assert problems.get(BLANK) == 1
    assert problems.get(BLURRED, 0) < 0.1 * 252
    assert problems.get(GREY, 0) < 0.02 * 252
    (blank,) = audit.flagged(BLANK)
    assert audit.index.labels[blank] in ("BACK", "OTHER")
