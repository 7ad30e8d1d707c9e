"""Every picture that is decoded shows what its source shows, whatever its format, depth, planes, order and alpha."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from gastropath.decoding import decode
from gastropath.errors import CannotReadImage

HEIGHT, WIDTH = 40, 48
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
SOURCE = np.stack([X * 5 % 256, Y * 6 % 256, (X + Y) * 3 % 256], axis=-1).astype(np.uint8)
GREY = SOURCE[..., :1].repeat(3, axis=-1)
HALF = 128


def deep(pixels: np.ndarray, bits: int) -> np.ndarray:
    return pixels if bits == 8 else pixels.astype(np.uint16) * 257


def tiff(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def on_white(pixels: np.ndarray, alpha: int) -> np.ndarray:
    return np.rint(pixels * (alpha / 255) + 255 * (1 - alpha / 255))


COMPRESSIONS = (None, "lzw", "deflate", "packbits", "zstd")
TIFFS = list(itertools.product("<>", (8, 16), ("contig", "separate"), COMPRESSIONS, (None, (16, 16))))


@pytest.mark.parametrize(("order", "bits", "planes", "compression", "tile"), TIFFS)
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_a_tiff_is_decoded_as_its_source_and_as_a_second_reader_does(order, bits, planes, compression, tile):
    pixels = deep(SOURCE, bits)
    stored = np.moveaxis(pixels, -1, 0) if planes == "separate" else pixels
    data = tiff(
        stored, photometric="rgb", planarconfig=planes, compression=compression, byteorder=order, tile=tile,
        predictor=compression in {"lzw", "deflate"},
    )  # fmt: skip
    if bits == 16 and planes == "separate" and compression is None:
        with pytest.raises(CannotReadImage, match=r"3 channels of 16 bits in separate planes.*save it as 8-bit RGB"):
            decode(data)
        return
    np.testing.assert_array_equal(decode(data), SOURCE)
    second = tifffile.imread(io.BytesIO(data))
    second = np.moveaxis(second, 0, -1) if planes == "separate" else second
    np.testing.assert_array_equal(decode(data), (second >> (bits - 8)).astype(np.uint8))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("alpha", [0, HALF, 255])
def test_what_is_transparent_in_a_tiff_lies_on_white(bits: int, kind: str, alpha: int):
    colours = np.rint(SOURCE * (alpha / 255)).astype(np.uint8) if kind == "assocalpha" else SOURCE
    pixels = np.dstack([colours, np.full((HEIGHT, WIDTH), alpha, np.uint8)])
    data = tiff(deep(pixels, bits), photometric="rgb", extrasamples=[kind], planarconfig="contig")
    np.testing.assert_allclose(decode(data), on_white(SOURCE, alpha), atol=2)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", "<>")
def test_grey_tiffs_are_decoded_whatever_zero_means(photometric: str, bits: int, order: str):
    data = tiff(deep(SOURCE[..., 0], bits), photometric=photometric, byteorder=order)
    if (photometric, bits, order) == ("miniswhite", 16, ">"):
        with pytest.raises(CannotReadImage, match=r"has 1 channel of 16 bits, in a form of TIFF that is not read"):
            decode(data)
        return
    np.testing.assert_array_equal(decode(data), GREY if photometric == "minisblack" else 255 - GREY)


LOSSLESS = {
    "PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG2000": {},
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1"])
def test_every_format_gives_its_source_in_every_mode_it_has(name: str, mode: str):
    grey = mode in {"L", "LA"}
    image = Image.fromarray(SOURCE[..., 0] if grey else SOURCE)
    expected = GREY if grey else SOURCE
    if mode in {"RGBA", "LA"}:
        image.putalpha(HALF)
        expected = on_white(expected, HALF)
    elif mode in {"P", "1"}:
        image = image.convert(mode)
        expected = np.asarray(image.convert("RGB"))
    file = io.BytesIO()
    try:
        image.save(file, name, **LOSSLESS[name])
    except (OSError, ValueError, KeyError):
        pytest.skip(f"{name} has no mode {mode}")
    if name == "BMP" and mode == "RGBA":  # a bitmap of 32 bits: its fourth byte means nothing
        expected = SOURCE
    np.testing.assert_allclose(decode(file.getvalue()), expected, atol=1)


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "JPEG2000"])
def test_a_lossy_picture_is_near_its_source(name: str):
    smooth = np.asarray(Image.fromarray(SOURCE).resize((8, 8)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    options = {"quality_mode": "rates", "quality_layers": [5]} if name == "JPEG2000" else {"quality": 95}
    file = io.BytesIO()
    Image.fromarray(smooth).save(file, name, **options)
    assert np.abs(decode(file.getvalue()).astype(int) - smooth).mean() < 4


def raw(mode: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(SOURCE[..., 0].astype(np.uint16) * 257).save(file, mode, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", ["PNG", "TIFF", "JPEG2000"])
def test_grey_of_sixteen_bits_is_scaled(name: str):
    np.testing.assert_allclose(decode(raw(name)), GREY, atol=1)


def channels(n: int, dtype: type, planes: str = "contig") -> bytes:
    pixels = np.dstack([SOURCE, SOURCE])[..., :n].astype(dtype)
    stored = np.moveaxis(pixels, -1, 0) if planes == "separate" else pixels
    options = {"extrasamples": ["unspecified"] * (n - 3)} if n > 3 else {}
    return tiff(stored, photometric="rgb" if n >= 3 else "minisblack", planarconfig=planes, **options)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (channels(3, np.float32), "holds floating-point numbers of 32 bits (3 channels)"),
        (channels(3, np.float64, "separate"), "holds floating-point numbers of 64 bits (3 channels)"),
        (tiff(SOURCE[..., 0].astype(np.float16)), "holds floating-point numbers of 16 bits (1 channel)"),
        (tiff(SOURCE[..., 0].astype(np.int8)), "holds signed numbers of 8 bits (1 channel)"),
        (tiff(SOURCE[..., 0].astype(np.int16), photometric="miniswhite"), "holds signed numbers of 16 bits"),
        (tiff(SOURCE[..., 0].astype(np.uint32), photometric="miniswhite"), "has 32 bits a channel (1 channel)"),
        (channels(5, np.uint8), "has 5 channels of 8 bits"),
        (channels(5, np.uint16), "has 5 channels of 16 bits"),
        (channels(5, np.uint8, "separate"), "has 5 channels of 8 bits"),
        (
            channels(4, np.uint8, "separate"),
            "has 4 channels of 8 bits in separate planes, in a form of TIFF",
        ),
        (tiff(SOURCE, photometric="rgb", compression="jpeg2000"), "is compressed as JPEG 2000 within TIFF"),
    ],
    ids=[
        *("float", "double", "half", "int8", "int16", "uint32", "five channels", "five of 16 bits", "five planes"),
        *("four planes of unknown kind", "JPEG 2000 within"),
    ],
)
def test_a_tiff_that_is_no_picture_is_named_as_what_it_is(data: bytes, named: str):
    with pytest.raises(CannotReadImage) as refused:
        decode(data)
    assert named in str(refused.value)
    assert "save it as 8-bit RGB" in str(refused.value)
    assert refused.value.code == "colour_mode"


def test_a_heic_picture_says_what_to_do():
    with pytest.raises(CannotReadImage, match=r"is a HEIC picture; expected PNG, .*; convert it to PNG or JPEG"):
        decode(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
