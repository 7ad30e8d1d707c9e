"""Every file ends in the right pixels or in a refusal that says why."""

from __future__ import annotations

import io
import os
import random
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath import decoding
from gastropath.debris import is_debris
from gastropath.decoding import decode, inspect
from gastropath.errors import CannotReadImage
from gastropath.formats import FORMATS
from gastropath.images import encode_jpeg, encode_png, load_tile, resize

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")


RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, fmt: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixel: bytes, depth: int, colour: int, *, extra: bytes = b"", side: int = 20) -> bytes:
    """A PNG of one repeated pixel, byte by byte, so that no encoder can hide what the file holds."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    rows = b"".join(b"\0" + pixel * side for _ in range(side))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(pixel: bytes, bits: int, photometric: int, *, samples: int = 1, sample_format: int = 1) -> bytes:
    """An uncompressed little-endian TIFF of one repeated pixel."""
    side = 20
    data = pixel * side * side
    depths = struct.pack(f"<{samples}H", *[bits] * samples)
    tags = 10
    after = 8 + 2 + 12 * tags + 4
    deep = struct.pack("<HHII", 258, 3, samples, after) if samples > 2 else struct.pack("<HHIHH", 258, 3, 1, bits, 0)
    start = after + (len(depths) if samples > 2 else 0)

    def short(tag: int, value: int) -> bytes:
        return struct.pack("<HHIHH", tag, 3, 1, value, 0)

    def long(tag: int, value: int) -> bytes:
        return struct.pack("<HHII", tag, 4, 1, value)

    entries = short(256, side) + short(257, side) + deep + short(259, 1) + short(262, photometric) + long(273, start)
    entries += short(277, samples) + short(278, side) + long(279, len(data)) + short(339, sample_format)
    return b"II*\0" + struct.pack("<IH", 8, tags) + entries + b"\0" * 4 + (depths if samples > 2 else b"") + data


def plain(colour, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (20, 20), colour)


def palette(**info) -> Image.Image:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([*RED, *BLUE])
    image.putpixel((19, 19), 1)
    image.info.update(info)
    return image


def only_colour(data: bytes) -> list[int]:
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (20, 20, 3)
    assert (pixels == pixels[0, 0]).all()
    return pixels[0, 0].tolist()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(bytes([200, 100, 50]), 8, 2), [200, 100, 50]),
        (png(bytes([90]), 8, 0), [90, 90, 90]),
        (png(bytes([90, 255]), 8, 4), [90, 90, 90]),
        (png(bytes([90, 0]), 8, 4), [255, 255, 255]),
        (png(bytes([200, 100, 50, 255]), 8, 6), [200, 100, 50]),
        (png(bytes([0, 0, 0, 128]), 8, 6), [127, 127, 127]),
        (png(bytes([0, 0, 0, 0]), 8, 6), [255, 255, 255]),
        (png(struct.pack(">H", 0x80FF), 16, 0), [128, 128, 128]),
        (png(struct.pack(">HHH", 0x1234, 0x80FF, 0xFFFF), 16, 2), [0x12, 0x80, 0xFF]),
        (png(struct.pack(">HHHH", 0x1234, 0x80FF, 0xFFFF, 0xFFFF), 16, 6), [0x12, 0x80, 0xFF]),
        (png(bytes([90]), 8, 0, extra=chunk(b"tRNS", struct.pack(">H", 90))), [255, 255, 255]),
        (png(bytes([9, 8, 7]), 8, 2, extra=chunk(b"tRNS", struct.pack(">HHH", 9, 8, 7))), [255, 255, 255]),
        (png(bytes([9, 8, 7]), 8, 2, extra=chunk(b"tRNS", struct.pack(">HHH", 9, 8, 6))), [9, 8, 7]),
        (tiff(bytes([90]), 8, 1), [90, 90, 90]),
        (tiff(bytes([90]), 8, 0), [165, 165, 165]),
        (tiff(struct.pack("<H", 0x80FF), 16, 1), [128, 128, 128]),
        (tiff(struct.pack("<H", 0x80FF), 16, 0), [127, 127, 127]),
        (tiff(struct.pack("<HHH", 0x1234, 0x80FF, 0xFFFF), 16, 2, samples=3), [0x12, 0x80, 0xFF]),
        (encoded(plain((200, 100, 50)), "BMP"), [200, 100, 50]),
        (encoded(plain((200, 100, 50)), "TIFF", compression="tiff_lzw"), [200, 100, 50]),
        (encoded(plain((200, 100, 50)), "WEBP", lossless=True), [200, 100, 50]),
        (encoded(plain((0, 0, 0, 0), "RGBA"), "WEBP", lossless=True), [255, 255, 255]),
        (encoded(plain((55, 155, 205, 0), "CMYK"), "TIFF"), [200, 100, 50]),
        (encoded(plain(1, "1"), "PNG"), [255, 255, 255]),
    ],
    ids=[
        *("png-rgb", "png-grey", "png-grey-alpha", "png-grey-transparent", "png-rgba", "png-half-transparent"),
        *("png-transparent", "png-16-bit-grey", "png-16-bit-rgb", "png-16-bit-rgba", "png-grey-key", "png-rgb-key"),
        *("png-rgb-other-key", "tiff-grey", "tiff-white-is-zero", "tiff-16-bit", "tiff-16-bit-white-is-zero"),
        *("tiff-16-bit-rgb", "bmp", "tiff-lzw", "webp", "webp-transparent", "cmyk", "1-bit"),
    ],
)
def test_every_colour_mode_gives_the_known_pixels(data: bytes, expected: list[int]):
    assert only_colour(data) == expected


def test_cmyk_jpeg_gives_the_known_colour():
    colour = only_colour(encoded(plain((55, 155, 205, 0), "CMYK"), "JPEG", quality=100))
    np.testing.assert_allclose(colour, [200, 100, 50], atol=3)


def test_a_palette_gives_its_colours_and_its_transparent_entry_becomes_white():
    opaque, clear = decode(encoded(palette(), "PNG")), decode(encoded(palette(), "PNG", transparency=0))
    assert tuple(opaque[0, 0]) == RED
    assert tuple(opaque[19, 19]) == tuple(clear[19, 19]) == BLUE
    assert tuple(clear[0, 0]) == WHITE
    several = decode(encoded(palette(), "PNG", transparency=b"\xff\x00"))
    assert tuple(several[0, 0]) == RED
    assert tuple(several[19, 19]) == WHITE


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corner", "shape"),
    [
        (1, (0, 0), (20, 40)),
        (2, (0, -1), (20, 40)),
        (3, (-1, -1), (20, 40)),
        (4, (-1, 0), (20, 40)),
        (5, (0, 0), (40, 20)),
        (6, (0, -1), (40, 20)),
        (7, (-1, -1), (40, 20)),
        (8, (-1, 0), (40, 20)),
    ],
)
def test_the_orientation_in_the_exif_header_is_applied_once(fmt: str, orientation: int, corner, shape):
    image = Image.new("RGB", (40, 20))
    image.paste(RED, (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(image, fmt, exif=exif, **({"lossless": True} if fmt == "WEBP" else {})))
    assert pixels.shape == (*shape, 3)
    red = [c for c in [(0, 0), (0, -1), (-1, 0), (-1, -1)] if pixels[c][0] > 200]
    assert red == [corner]


def frames(fmt: str) -> bytes:
    return encoded(plain(RED), fmt, save_all=True, append_images=[plain(BLUE)])


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "TIFF"])
def test_animations_and_pages_are_refused_because_which_is_meant_is_unknown(fmt: str):
    with pytest.raises(CannotReadImage, match="holds 2 pictures"):
        decode(frames(fmt))


def test_the_first_view_of_a_phones_jpeg_with_two_is_taken():
    np.testing.assert_allclose(only_colour(frames("MPO")), RED, atol=3)


def test_a_tiff_whose_pages_form_a_circle_ends():
    data = bytearray(tiff(bytes([90]), 8, 1))
    data[8 + 2 + 120 : 8 + 2 + 124] = struct.pack("<I", 8)
    assert only_colour(bytes(data)) == [90, 90, 90]


GOOD_PNG = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 24, 3), dtype=np.uint8)), "PNG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"some text", "is not an image"),
        (b"path,label\na.png,TUM\n", "is not an image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'\xef\xbb\xbf\n <?xml version="1.0"?>', "SVG"),
        (b"PK\x03\x04 and so on", "ZIP"),
        (b"%PDF-1.7\n%", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"),
        (encoded(plain(RED), "GIF"), "GIF"),
        (frames("GIF"), "GIF"),
        (encoded(plain(RED), "PPM"), "is not an image"),
        (GOOD_PNG[: len(GOOD_PNG) // 2], "truncated"),
        (GOOD_PNG[:8], "is not an image|truncated|damaged"),
        (encoded(Image.fromarray(np.eye(64, dtype=np.uint8) * 255), "JPEG")[:400], "truncated"),
        (encoded(plain(RED).resize((15, 40)), "PNG"), "15 x 40 pixels; at least 16 x 16"),
        (encoded(plain(RED).resize((1, 1)), "PNG"), "1 x 1"),
        (tiff(struct.pack("<f", 1.0), 32, 1, sample_format=3), "floating-point numbers of 32 bits"),
        (tiff(struct.pack("<I", 200), 32, 1), "32 bits a channel"),
        (tiff(struct.pack("<h", -5), 16, 1, sample_format=2), "signed numbers of 16 bits"),
        (encoded(plain(0, "LAB"), "TIFF"), "colour mode LAB"),
        (png(struct.pack(">H", 7), 16, 0, extra=chunk(b"tRNS", struct.pack(">H", 7))), "16 bits and a transparent"),
        (
            png(struct.pack(">3H", 7, 7, 7), 16, 2, extra=chunk(b"tRNS", struct.pack(">3H", 7, 7, 7))),
            "16 bits and a transparent",
        ),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value.replace(" ", "-")[:20],
)
def test_what_cannot_be_judged_is_refused_by_name(data: bytes, reason: str):
    with pytest.raises(CannotReadImage, match=reason):
        load_tile(data, 64)


def test_a_small_file_that_declares_a_huge_picture_is_refused_before_it_is_decoded(monkeypatch):
    def explode(*_):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", explode)
    for side in (60_000, 9_000):
        data = png(b"\0\0\0", 8, 2).replace(struct.pack(">II", 20, 20), struct.pack(">II", side, side))
        fixed = data[:12] + data[12:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:]
        assert len(fixed) < 1_000
        with pytest.raises(CannotReadImage, match=r"more than the 50,000,000 allowed|more pixels than the 50,000,000"):
            decode(fixed)


def test_the_limit_of_pixels_is_the_callers():
    data = encoded(plain(RED), "PNG")
    assert decode(data, max_pixels=400).shape == (20, 20, 3)
    with pytest.raises(CannotReadImage, match=r"20 x 20 pixels, more than the 399 allowed"):
        decode(data, max_pixels=399)


def test_too_large_a_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch):
    file = tmp_path / "large.png"
    with file.open("wb") as opened:
        opened.truncate(decoding.MAX_BYTES + 1)  # a sparse file: no disk is used
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
    with pytest.raises(CannotReadImage, match="200,000,001 bytes"):
        decode(file)


def test_what_is_no_ordinary_file_is_refused_without_waiting_for_it(tmp_path: Path):
    with pytest.raises(CannotReadImage, match="No such file"):
        decode(tmp_path / "absent.png")
    with pytest.raises(CannotReadImage, match="not an ordinary file"):
        decode(tmp_path)
    with pytest.raises(CannotReadImage, match="cannot be read"):
        decode(Path("a\0b.png"))
    with pytest.raises(CannotReadImage, match="cannot be read"):
        decode(tmp_path / ("x" * 300))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(CannotReadImage, match="not an ordinary file"):
            decode(tmp_path / "pipe.png")


def test_the_content_decides_and_not_the_suffix(tmp_path: Path):
    file = tmp_path / "really a png.jpg"
    file.write_bytes(encoded(plain((1, 2, 3)), "PNG"))
    assert tuple(decode(file)[0, 0]) == (1, 2, 3)


def test_only_the_named_formats_are_decoded():
    assert set(FORMATS) == {"PNG", "JPEG", "TIFF", "WEBP", "BMP", "JPEG2000"}
    for fmt in ("ICO", "TGA", "PCX", "SGI"):
        with pytest.raises(CannotReadImage):
            decode(encoded(plain(RED), fmt))


def sources() -> dict[str, bytes]:
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "scanner"
    return {
        "png": encoded(noise, "PNG"),
        "png-palette": encoded(noise.quantize(16), "PNG", transparency=3),
        "png-exif": encoded(noise, "PNG", exif=exif),
        "jpeg": encoded(noise, "JPEG"),
        "jpeg-progressive-exif": encoded(noise, "JPEG", progressive=True, exif=exif),
        "tiff": encoded(noise, "TIFF"),
        "tiff-lzw": encoded(noise, "TIFF", compression="tiff_lzw"),
        "tiff-exif": encoded(noise, "TIFF", exif=exif),
        "webp": encoded(noise, "WEBP"),
        "webp-lossless-exif": encoded(noise, "WEBP", lossless=True, exif=exif),
        "bmp": encoded(noise, "BMP"),
        "jpeg-2000": encoded(noise, "JPEG2000"),
        "jpeg-2000-codestream": encoded(noise, "JPEG2000", no_jp2=True, irreversible=True),
    }


@pytest.mark.parametrize("name", sources())
def test_no_damage_ends_in_anything_but_pixels_or_a_refusal(name: str):
    good = sources()[name]
    draw = random.Random(name)
    reasons: set[str] = set()
    for number in range(600):
        damaged = bytearray(good)
        if number % 3 == 0:
            damaged = damaged[: draw.randrange(len(damaged))]
        else:
            reach = 300 if number % 3 == 1 else len(damaged)  # headers deserve more than their share
            for _ in range(draw.choice([1, 1, 3, 10])):
                damaged[draw.randrange(min(reach, len(damaged)))] = draw.randrange(256)
        try:
            pixels = decode(bytes(damaged))
        except CannotReadImage as refusal:
            reasons.add(str(refusal))
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3
    assert reasons
    assert all(reason.strip() and "\n" not in reason for reason in reasons)


def test_a_png_with_any_one_byte_changed_is_refused_or_still_right():
    good = decode(GOOD_PNG)
    draw = random.Random(0)
    refused = 0
    for position in range(len(GOOD_PNG)):
        damaged = bytearray(GOOD_PNG)
        damaged[position] ^= draw.randrange(1, 256)
        try:
            np.testing.assert_array_equal(decode(bytes(damaged)), good, f"byte {position}")
        except CannotReadImage:
            refused += 1
    assert refused > len(GOOD_PNG) * 0.9


def test_training_and_inference_get_the_same_pixels_whatever_the_source(tmp_path: Path, rng: np.random.Generator):
    pixels = rng.integers(0, 256, (50, 30, 3), dtype=np.uint8)
    file = tmp_path / "tile.png"
    file.write_bytes(encode_png(pixels))
    tile = load_tile(file, 64)
    assert tile.shape == (64, 64, 3)
    np.testing.assert_array_equal(tile, load_tile(file.read_bytes(), 64))
    np.testing.assert_array_equal(tile, resize(pixels, 64))


def test_a_tile_that_has_its_size_is_left_as_it_is(rng: np.random.Generator):
    pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(load_tile(encode_png(pixels), 64), pixels)


def test_shrinking_averages_instead_of_skipping():
    checks = np.zeros((256, 256, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    small = resize(checks, 32)
    assert abs(small.mean() - 127.5) < 2
    assert small.std() < 8


def test_the_mode_in_the_file_is_told():
    assert inspect(png(bytes([1, 2, 3, 255]), 8, 6))[1] == "RGBA"
    assert inspect(encoded(plain(3, "L"), "PNG"))[1] == "L"
    assert inspect(encoded(palette(), "PNG"))[1] == "P"


def test_what_is_encoded_is_decoded(rng: np.random.Generator):
    pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode(encode_png(pixels)), pixels)
    flat = np.full((20, 30, 3), 120, np.uint8)
    np.testing.assert_allclose(decode(encode_jpeg(flat)), flat, atol=2)


def test_decoding_in_threads_leaves_the_warning_filters_of_the_process_alone():
    before = list(warnings.filters)
    data = encoded(palette(), "PNG", transparency=b"\xff\x00")
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(200):
            decode(data)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


@pytest.mark.real
def test_every_real_tile_is_decoded(real_tiles: Path):
    from gastropath.data.index import find_tiles

    assert {load_tile(file, 224).shape for file in find_tiles([real_tiles]).files()} == {(224, 224, 3)}


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._TUM_1.png", "__MACOSX", "Icon\r"),
        *("Thumbs.db", "ehthumbs.db", "Desktop.ini", "$RECYCLE.BIN", "System Volume Information"),
        *("@eaDir", "#recycle", ".git"),
    ],
)
def test_what_systems_leave_in_folders_is_debris(name: str):
    assert is_debris(name)


@pytest.mark.parametrize("name", ["TUM_1.png", "TUM", "icon.png", "desktop", "eaDir", "SYNTHETIC.json"])
def test_what_a_person_named_is_not_debris(name: str):
    assert not is_debris(name)
