"""Five visitors who mean harm, for ``visitors.py``: one slow, one flooding, one leaving, one malformed, one huge.

    python benchmarks/hostile_visitors.py URL SECONDS

Each does its worst until the time is over; how often is printed as JSON. They have a process and a Chromium of their
own, so that what they do never holds up the clocks of the others. They share the cores with the server and the other
visitors; how much they take of them is bounded, since what is measured is the server and not who has more browsers.
"""

from __future__ import annotations

import asyncio
import functools
import io
import json
import random
import shutil
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from playwright.async_api import Browser, async_playwright

CHOICE = ".st-key-tiles input[type=file]"
A_SECOND = 5
"""Connections a second of the flooding visitor, and of the slow one, until it has SLOW of them."""

SLOW = 40
PAUSE_S = 2.0


@dataclass
class Deeds:
    """How often each of them did what."""

    done: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Note one more."""
        self.done[what] = self.done.get(what, 0) + 1


async def main() -> None:
    """Be all five, and print what they did."""
    deeds = Deeds()
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path=chromium, args=options)
        await all_of_them(browser, sys.argv[1], float(sys.argv[2]), deeds)
        await browser.close()
    print(json.dumps(deeds.done))


async def all_of_them(browser: Browser, url: str, seconds: float, deeds: Deeds) -> None:
    """Let the five in until the time is over."""
    end = time.monotonic() + seconds
    address = (urlsplit(url).hostname or "localhost", urlsplit(url).port or 80)
    kinds: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: slow(address, end, deeds),
        lambda: flooding(address, end, deeds),
        lambda: leaving(browser, url, end, deeds),
        lambda: uploading(browser, url, end, deeds, "malformed", malformed),
        lambda: uploading(browser, url, end, deeds, "huge", huge),
    )
    await asyncio.gather(*(kind() for kind in kinds))


async def slow(address: tuple[str, int], end: float, deeds: Deeds) -> None:
    """Announce large uploads, send a byte now and then, and never finish one."""

    async def one() -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, out = await asyncio.open_connection(*address)
            out.write(
                f"PUT /_stcore/upload_file/{random.getrandbits(64):x}/1 HTTP/1.1\r\nHost: {address[0]}\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n--x\r\n".encode()
            )
            deeds.count("announced and never sent")
            while time.monotonic() < end:
                out.write(b"x")
                await out.drain()
                await asyncio.sleep(1)
            out.close()

    held = set[asyncio.Task[None]]()
    while time.monotonic() < end:
        held = {task for task in held if not task.done()}
        if len(held) < SLOW:
            held.add(asyncio.create_task(one()))
        await asyncio.sleep(1 / A_SECOND)
    await asyncio.gather(*held)


async def flooding(address: tuple[str, int], end: float, deeds: Deeds) -> None:
    """Begin sessions as fast as is allowed here, and leave each at once."""
    while time.monotonic() < end:
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            into, out = await asyncio.open_connection(*address)
            out.write(
                f"GET /_stcore/stream HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
                f"Origin: http://{address[0]}:{address[1]}\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: streamlit\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            await asyncio.wait_for(into.readline(), 5)
            deeds.count("begun and left at once")
            out.close()
        await asyncio.sleep(1 / A_SECOND)


async def leaving(browser: Browser, url: str, end: float, deeds: Deeds) -> None:
    """Open the page, choose a tile, and close the page before the answer is there."""
    tile = noise(224)
    while time.monotonic() < end:
        context = await browser.new_context()
        page = await context.new_page()
        with suppress(Exception):  # what it sees is not looked at
            await page.goto(url)
            await page.locator(CHOICE).set_input_files(
                [{"name": "gone.png", "mimeType": "image/png", "buffer": tile}], timeout=60_000
            )
            deeds.count("left before the answer")
        await context.close()
        await asyncio.sleep(PAUSE_S)


async def uploading(
    browser: Browser, url: str, end: float, deeds: Deeds, kind: str, picture: Callable[[], tuple[str, bytes]]
) -> None:
    """Upload one file after another that no answer can be given to."""
    context = await browser.new_context()
    page = await context.new_page()
    with suppress(Exception):
        await page.goto(url, timeout=60_000)
        while time.monotonic() < end:
            name, content = picture()
            await page.locator(CHOICE).set_input_files(
                [{"name": name, "mimeType": "image/tiff", "buffer": content}], timeout=60_000
            )
            deeds.count(f"{kind} files")
            await asyncio.sleep(PAUSE_S)
    await context.close()


def malformed() -> tuple[str, bytes]:
    """Return a TIFF whose one directory has random entries, which no parser finds a picture in."""
    entries = b"".join(
        struct.pack("<HHII", tag, random.choice((1, 3, 4)), random.randrange(1, 9), random.randrange(2**16))
        for tag in (256, 257, 258, 259, 262, 273, 277, 278, 279)
    )
    directory = struct.pack("<H", 9) + entries + struct.pack("<I", 0)
    return f"{random.getrandbits(32):x}.tif", b"II*\x00" + struct.pack("<I", 8) + directory


def huge() -> tuple[str, bytes]:
    """Return a picture of forty megabytes, more than is taken."""
    return f"{random.getrandbits(32):x}.tif", noise(3650)


@functools.cache
def noise(side: int) -> bytes:
    """Return a picture that cannot be compressed."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "TIFF" if side > 1000 else "PNG")
    return file.getvalue()


if __name__ == "__main__":
    asyncio.run(main())
