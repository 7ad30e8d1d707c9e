"""Visitors who mean harm, through the page in a real browser: it stays up, says what was wrong, and goes on."""

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from page_driver import Server, app_command, free_port, read, served, upload
from PIL import Image
from playwright.sync_api import expect

from gastropath.app import limits

pytestmark = pytest.mark.browser

MEMORY_MB = 450  # a process that serves, a visitor's share of uploads, and one large picture being decoded


@pytest.fixture(scope="module")
def server(coloured_run, tmp_path_factory):
    port = free_port()
    with served(app_command(coloured_run, port), port, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture
def next_visitor(server: Server, visit, uploads):
    """After each of these tests another visitor is answered as if nothing had happened."""
    yield
    page = visit(server.url)
    upload(page, uploads["TUM"])
    assert read(page, uploads["TUM"].name)[0] == "tumour epithelium (TUM)"
    assert "Traceback" not in server.said()
    if sys.platform == "linux":
        peak = server.peak_mb()
        assert peak < MEMORY_MB


def png(width: int, height: int, data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Write a grey PNG with any content, and with more chunks before it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), *more, (b"IDAT", data), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return content


def zeros(n: int) -> bytes:
    """Compress any number of zeros, which takes a thousandth of them."""
    packer = zlib.compressobj()
    return b"".join([*(packer.compress(bytes(10**6)) for _ in range(n // 10**6)), packer.flush()])


def noise(side: int, file: Path) -> Path:
    """Write a picture that cannot be compressed: three bytes a pixel."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, compress_level=0)
    return file


def copies(file: Path, n: int) -> list[Path]:
    """Give a file many names."""
    paths = [file.with_name(f"{i:03}.png") for i in range(n)]
    for path in paths:
        os.link(file, path)
    return paths


def hostile_files(tile: bytes, jpeg: bytes) -> dict[str, tuple[bytes, str]]:
    """Return files by name, each with a part of what the page should say about it."""
    return {
        "bomb.png": (png(30_000, 30_000, zeros(900_000_000)), "more pixels than the"),
        "text-bomb.png": (png(48, 48, zeros(48 * 49), (b"zTXt", b"Comment\0\0" + zeros(200_000_000))), "is damaged"),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG"),
        "script.tif": (b"GIF89a/*\x00\x01*/=1;alert(1)//", "GIF"),
        "document.jpg": (b"%PDF-1.7\n<script>alert(1)</script>", "PDF"),
        "archive.png": (b"PK\x03\x04" + tile, "ZIP"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "page.jpg": (b"<!doctype html><script>alert(1)</script>", "HTML"),
        "nothing.png": (b"", "is empty"),
        "zeros.tif": (bytes(10_000), "is not an image"),
        "note.png": (b"\0gastropath: not taken\0<script>alert(1)</script>", "<script>alert(1)</script>"),
    }


def test_each_hostile_file_gets_its_reason_beside_good_answers(server, next_visitor, visit, uploads, tmp_path):
    tile, jpeg = uploads["LYM"].read_bytes(), uploads["TUM"].read_bytes()
    files = hostile_files(tile, jpeg)
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    renamed, polyglot = tmp_path / "jpeg-called.png", tmp_path / "polyglot.png"
    renamed.write_bytes(jpeg)
    polyglot.write_bytes(tile + b"<script>alert(1)</script>PK\x05\x06" + bytes(18))
    page = visit(server.url)
    upload(page, *(tmp_path / name for name in files), renamed, polyglot)
    for name, (_, reason) in files.items():
        lines = read(page, name)
        assert lines[0] == "⚠ Not classified"
        assert reason in lines[2]
    assert read(page, renamed.name)[0] == "tumour epithelium (TUM)"
    assert read(page, polyglot.name)[0] == "lymphocytes (LYM)"
    assert page.locator("[data-testid=stMain] script").count() == 0
    assert page.title() == "GastroPath"


def test_a_drawing_is_not_even_taken(server, next_visitor, visit, tmp_path):
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    page = visit(server.url)
    upload(page, tmp_path / "drawing.svg")
    expect(page.get_by_text("files are not allowed")).to_be_visible()


def test_a_file_ten_times_over_the_limit_is_refused_with_the_limit(server, next_visitor, visit, uploads, tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(10 * limits.MAX_FILE_MB * 2**20)
    page = visit(server.url)
    upload(page, tmp_path / "huge.png", uploads["NOR"])
    expect(page.get_by_text("File must be 25.0MB or smaller.")).to_be_visible()
    read(page, uploads["NOR"].name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
def test_names_that_are_scripts_or_paths_are_only_names(server, next_visitor, visit, uploads, tmp_path):
    names = ["<script>alert(1)<∕script>.png", "..∕..∕etc∕passwd.png", "..\\..\\etc\\passwd.png", "%2e%2e%2fetc.png"]
    for name in names:
        (tmp_path / name).write_bytes(uploads["LYM"].read_bytes())
    page = visit(server.url)
    payload = {"mimeType": "image/png", "buffer": uploads["LYM"].read_bytes()}
    page.locator(".st-key-tiles input[type=file]").set_input_files(
        [
            {"name": name, **payload}
            for name in (*names, "../../etc/passwd.png", "/etc/passwd.png", "a\r\nSet-Cookie: b.png")
        ]
    )
    for name in names:
        assert read(page, name)[0] == "lymphocytes (LYM)"
    expect(page.locator(".gp-answer")).to_have_count(len(names) + 3)
    assert page.locator("[data-testid=stMain] script").count() == 0


@pytest.mark.slow
def test_500_files_at_once(server, next_visitor, visit, tmp_path):
    """Half a gigabyte: what a visitor may have held is answered, and the page says that there were more."""
    files = copies(noise(580, tmp_path / "tile.png"), 500)
    assert sum(file.stat().st_size for file in files) > 500_000_000
    page = visit(server.url)
    upload(page, *files)
    expect(page.get_by_text("500 files were uploaded")).to_be_visible()
    read(page, files[0].name)
    assert server.held_bytes() < limits.MAX_ALL_BYTES


def test_files_that_were_too_much_to_hold_are_named_with_the_reason(server, next_visitor, visit, uploads, tmp_path):
    files = copies(noise(1000, tmp_path / "tile.png"), 30)
    page = visit(server.url)
    upload(page, *files)
    answers = [read(page, file.name) for file in files]
    refused = [lines for lines in answers if lines[0] == "⚠ Not classified"]
    assert 0 < len(files) - len(refused) <= limits.MAX_VISITOR_BYTES // 3_000_000
    assert all("are held already" in lines[2] for lines in refused)
    assert len(refused) >= len(files) - limits.MAX_VISITOR_BYTES // 3_000_000
