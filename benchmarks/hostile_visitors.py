"""Five visitors who mean harm, for ``visitors.py``: one slow, one flooding, one leaving, one malformed, one huge.

    python benchmarks/hostile_visitors.py URL SECONDS [--light] [--only KIND ...]

Each does its worst until the time is over; how often is printed as JSON. They have a process and a Chromium of their
own (with ``--light`` none: they speak the page's protocol), so that what they do never holds up the clocks of the
others. They share the cores with the server and the other visitors; how much they take of them is bounded, since what
is measured is the server and not who has more browsers.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import io
import json
import random
import shutil
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
from light_visitors import Session
from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, async_playwright

CHOICE = ".st-key-tiles input[type=file]"
KINDS = ("slow", "flooding", "leaving", "malformed", "huge")
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--light", action="store_true", help="without browsers")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="of the five")
    arguments = parser.parse_args()
    url, deeds = arguments.url, Deeds()
    if arguments.light:
        await all_of_them(lambda: Plain(url), arguments, deeds)
    else:
        async with async_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = await playwright.chromium.launch(executable_path=chromium, args=options)
            await all_of_them(lambda: Browsing(browser, url), arguments, deeds)
            await browser.close()
    print(json.dumps(deeds.done))


class Plain:
    """A page that is open without a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Session | None = None

    async def choose(self, name: str, kind: str, content: bytes) -> None:
        """Choose a file; the page is opened at the first."""
        if self._session is None:
            self._session = await Session.open(self._url)
        await self._session.choose(name, content, kind)

    async def leave(self) -> None:
        """Close the page."""
        if self._session:
            await self._session.close()
        self._session = None


class Browsing:
    """A page that is open in Chromium."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self._page: Page | None = None

    async def choose(self, name: str, kind: str, content: bytes) -> None:
        """Choose a file; the page is opened at the first."""
        if self._page is None:
            self._page = await (await self._browser.new_context()).new_page()
            await self._page.goto(self._url, timeout=60_000)
        files = [FilePayload(name=name, mimeType=kind, buffer=content)]
        await self._page.locator(CHOICE).set_input_files(files, timeout=60_000)

    async def leave(self) -> None:
        """Close the page."""
        if self._page:
            await self._page.context.close()
        self._page = None


Open = Callable[[], Plain | Browsing]


async def all_of_them(opened: Open, arguments: argparse.Namespace, deeds: Deeds) -> None:
    """Let the five in, or those that were named, until the time is over."""
    end = time.monotonic() + arguments.seconds
    parts = urlsplit(arguments.url)
    address = (parts.hostname or "localhost", parts.port or 80)
    kinds: dict[str, Callable[[], Awaitable[None]]] = {
        "slow": lambda: slow(arguments.url, address, end, deeds),
        "flooding": lambda: flooding(address, end, deeds),
        "leaving": lambda: leaving(opened(), end, deeds),
        "malformed": lambda: uploading(opened(), end, deeds, "malformed", malformed),
        "huge": lambda: uploading(opened(), end, deeds, "huge", huge),
    }
    await asyncio.gather(*(kinds[kind]() for kind in arguments.only))


async def slow(url: str, address: tuple[str, int], end: float, deeds: Deeds) -> None:
    """Open the page, announce large uploads, send a byte now and then, and never finish one."""
    page = await Session.open(url)  # whoever has none is turned away

    async def one() -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, out = await asyncio.open_connection(*address)
            out.write(
                f"PUT /_stcore/upload_file/{page.id}/{random.getrandbits(64):x} HTTP/1.1\r\nHost: {address[0]}\r\n"
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
    await page.close()


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


async def leaving(page: Plain | Browsing, end: float, deeds: Deeds) -> None:
    """Open the page, choose a tile, and close the page before the answer is there."""
    tile = noise(224)
    while time.monotonic() < end:
        with suppress(Exception):  # what it sees is not looked at
            await page.choose("gone.png", "image/png", tile)
            deeds.count("left before the answer")
        await page.leave()
        await asyncio.sleep(PAUSE_S)


async def uploading(
    page: Plain | Browsing, end: float, deeds: Deeds, kind: str, picture: Callable[[], tuple[str, bytes]]
) -> None:
    """Upload one file after another that no answer can be given to."""
    while time.monotonic() < end:
        name, content = picture()
        deeds.count(f"{kind} files")
        try:
            await page.choose(name, "image/tiff", content)
        except Exception:  # refused or thrown out: it comes back
            deeds.count(f"{kind} files refused at the door")
            await page.leave()
        await asyncio.sleep(PAUSE_S)
    await page.leave()


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
