"""Thirty visitors at a time, for a minute, each with a page of its own in Chromium: are they all answered rightly?

    python benchmarks/visitors.py [--model RUN] [--visitors 30] [--seconds 60] [--pause 3]
        [--together] [--light] [--hostile [KIND ...]] [--json FILE]

Needs Linux, Chromium and Playwright (the ``dev`` extra). Visitors open the page, a few at a time; the time starts when
all see it. Each uploads a tile under a name that nobody else uses, waits for the answer beside that name, compares
class and confidence with what the classifier said of that tile beforehand, pauses, and goes on; after ten tiles it
opens the page anew. The first tiles are chosen within one pause; with ``--together`` in one moment, where thirty wait
for each other, and that queue is the 95 %. Without ``--model``, a model is trained on synthetic tiles first. The
visitors' browsers share the cores with the server, so the times are longer than visitors from elsewhere would see; with
``--light`` nobody has a browser, all speak the page's protocol instead, and the times are the server's. With
``--hostile`` all is done twice, on servers of their own, the second time with five visitors among them who mean harm
(or those of them that are named: slow, flooding, leaving, malformed, huge), and the ratios are given.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hostile_visitors import KINDS
from light_visitors import Session
from playwright.async_api import Browser, BrowserContext, async_playwright

ANSWER, NAME, CHOICE = ".gp-answer", ".gp-name", ".st-key-tiles input[type=file]"
UPLOADS_A_PAGE = 10
LOADING = 4  # pages at a time: thirty browsers that start at once are the work of this machine, not of the server
PATIENCE_MS = 120_000


@dataclass(frozen=True)
class Tile:
    """A picture, and what the page must say about it."""

    content: bytes
    label: str
    confidence: str


@dataclass
class Diary:
    """What all visitors met with."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def main() -> None:
    """Serve the page to many visitors, and print what they met with."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="run folder; by default a model of synthetic tiles")
    parser.add_argument("--tiles", type=Path, help="folder of tiles that the model may see; by default synthetic ones")
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=3, help="mean seconds between an answer and the next upload")
    parser.add_argument("--together", action="store_true", help="all choose their first tile in one moment")
    parser.add_argument("--light", action="store_true", help="visitors without browsers, who take no cores")
    parser.add_argument(
        "--hostile",
        nargs="*",
        choices=KINDS,
        metavar="KIND",
        help="once more with five hostile visitors, and the ratio",
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = arguments.tiles or synthetic_tiles(folder / "tiles")
        model = arguments.model or trained(files, folder / "run")
        tiles = known(model, files)
        print(f"{len(tiles)} tiles of {len({tile.label for tile in tiles})} classes", flush=True)
        found = [day(model, tiles, arguments, folder, hostile=False)]
        if arguments.hostile is not None:
            found.append(day(model, tiles, arguments, folder, hostile=True))
    if arguments.json:
        arguments.json.write_text(json.dumps({**found[0], **({"with hostile": found[1]} if found[1:] else {})}))
    if arguments.hostile is not None:
        ratios = {what: found[1]["seconds"][what] / found[0]["seconds"][what] for what in ("median", "95 %")}
        print(f"with hostile ones among them: {ratios['median']:.2f} times the median, {ratios['95 %']:.2f} of 95 %")


def day(model: Path, tiles: list[Tile], arguments: argparse.Namespace, folder: Path, *, hostile: bool) -> dict:
    """Serve the page to many visitors, with or without hostile ones among them; returns what they met with."""
    command = [sys.executable, "-m", "gastropath", "app", "--model", str(model), "--port", "PORT"]
    deeds: dict[str, int] = {}
    with serving(command, folder / "log") as (url, server):
        diary = Diary()
        memory = asyncio.run(watched(url, server, tiles, arguments, diary, deeds if hostile else None))
        busy_s = cpu_s(server.pid)
        said = (folder / "log").read_text(errors="replace")
    if not diary.seconds:
        sys.exit("nobody was answered:\n" + "\n".join([*diary.errors[:5], said[-2000:]]))
    times = sorted(diary.seconds)
    median, late = statistics.median(times), times[int(0.95 * (len(times) - 1))]
    for problem in (diary.wrong + diary.errors)[:10]:
        print(problem)
    megabytes = ", ".join(f"{when} {taken:.0f}" for when, taken in memory.items())
    print(
        f"{arguments.visitors} visitors for {arguments.seconds:.0f} s: {len(times)} answers, {len(diary.wrong)} wrong, "
        f"{len(diary.errors)} errors; from the choice of a tile to its answer {median:.2f} s (median), {late:.2f} s "
        f"(95 %), {times[-1]:.2f} s (slowest); the server worked {1000 * busy_s / len(times):.0f} ms an answer; "
        f"its memory {megabytes} MB"
    )
    if hostile:
        print("among them: " + ", ".join(f"{n} {what}" for what, n in deeds.items()), flush=True)
    return {
        "answers": len(times),
        "wrong": diary.wrong,
        "errors": diary.errors,
        "tracebacks": said.count("Traceback"),
        "seconds": {"median": median, "95 %": late, "slowest": times[-1]},
        "memory_mb": memory,
        "hostile": deeds,
    }


def synthetic_tiles(folder: Path) -> Path:
    """Draw tiles of eight kinds."""
    from gastropath.data.synthetic.tiles import write_tiles

    return write_tiles(folder, tiles_per_class=24, seed=0)


def trained(tiles: Path, run: Path) -> Path:
    """Train a model by the default recipe."""
    print("training a model", flush=True)
    command = [sys.executable, "-m", "gastropath", "train", str(tiles), "--out", str(run)]
    subprocess.run(command, check=True, capture_output=True)
    return run


def known(model: Path, folder: Path) -> list[Tile]:
    """Ask the classifier beforehand; tiles about which it is not sure are left out."""
    from gastropath.app.answer import percent, title
    from gastropath.inference.classifier import Classifier

    classifier = Classifier.load(model)
    files = sorted(folder.glob("*/*.png"))
    answers = classifier.predict(files)
    titles = {entry.code: title(entry) for entry in classifier.card.classes}
    return [
        Tile(file.read_bytes(), titles[label], percent(confidence))
        for file, label, confidence, accepted in zip(
            files, answers.labels, answers.confidence.tolist(), answers.is_accepted, strict=True
        )
        if accepted
    ]


@contextmanager
def serving(command: list[str], log: Path, **options) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run a server on a free port, put for PORT in its command; gives its URL and process once it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        command = [word.replace("PORT", str(port)) for word in command]
        server = subprocess.Popen(command, stdout=output, stderr=output, **options)
    try:
        while not listens(port):
            assert server.poll() is None, log.read_text(errors="replace")
            time.sleep(0.01)
        yield f"http://localhost:{port}/", server
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    """Tell whether anybody listens on a port of this computer."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def watched(
    url: str,
    server: subprocess.Popen,
    tiles: list[Tile],
    arguments: argparse.Namespace,
    diary: Diary,
    hostile: dict[str, int] | None,
) -> dict[str, float]:
    """Let the visitors in, and return the server's memory at the start, at the end and at most."""
    memory = {"at first": memory_mb(server.pid, "VmRSS")}
    async with doors(url, light=arguments.light) as visitors:
        door, all_there = asyncio.Semaphore(LOADING), asyncio.Barrier(arguments.visitors + (hostile is not None))
        async with asyncio.TaskGroup() as going_on:
            for number in range(arguments.visitors):
                going_on.create_task(visit(visitors(), tiles, number, door, all_there, arguments, diary))
            if hostile is not None:
                with suppress(asyncio.BrokenBarrierError):
                    await all_there.wait()  # the time starts for them too
                going_on.create_task(harm(url, arguments, hostile))
        memory["at the end"] = memory_mb(server.pid, "VmRSS")
    return {**memory, "at most": memory_mb(server.pid, "VmHWM")}


class Visitor(Protocol):
    """Somebody who looks at the page."""

    problems: list[str]

    async def enter(self) -> None:
        """Open the page anew, and wait until a file can be chosen."""

    async def ask(self, name: str, content: bytes) -> str:
        """Upload a tile, and return what the answer beside its name says."""
        ...

    async def leave(self) -> None:
        """Close the page."""


class WithBrowser:
    """A visitor with a page in Chromium."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self._context: BrowserContext | None = None
        self.problems: list[str] = []

    async def enter(self) -> None:
        if self._context is None:
            self._context = await self._browser.new_context()
            self._context.set_default_timeout(PATIENCE_MS)
            self._page = await self._context.new_page()
            self._page.on("pageerror", lambda error: self.problems.append(str(error)))
        await self._page.goto(self._url)
        await self._page.locator(CHOICE).wait_for(state="attached")

    async def ask(self, name: str, content: bytes) -> str:
        page = self._page
        await page.locator(CHOICE).set_input_files([{"name": name, "mimeType": "image/png", "buffer": content}])
        return await page.locator(ANSWER).filter(has=page.locator(NAME).get_by_text(name, exact=True)).inner_text()

    async def leave(self) -> None:
        if self._context:
            await self._context.close()


class WithoutBrowser:
    """A visitor who speaks the page's protocol."""

    def __init__(self, url: str) -> None:
        self._url, self._session = url, None
        self.problems: list[str] = []

    async def enter(self) -> None:
        await self.leave()
        self._session = await Session.open(self._url)

    async def ask(self, name: str, content: bytes) -> str:
        assert self._session
        await self._session.choose(name, content)
        return html.unescape(re.sub(r"<[^>]*>", " ", await self._session.answer(name)))

    async def leave(self) -> None:
        if self._session:
            await self._session.close()


@asynccontextmanager
async def doors(url: str, *, light: bool) -> AsyncIterator[Callable[[], Visitor]]:
    """Give what makes visitors."""
    if light:
        yield lambda: WithoutBrowser(url)
        return
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path=chromium, args=options)
        yield lambda: WithBrowser(browser, url)
        await browser.close()


async def harm(url: str, arguments: argparse.Namespace, deeds: dict[str, int]) -> None:
    """Let five hostile visitors in, and note what they did."""
    command = [sys.executable, str(Path(__file__).with_name("hostile_visitors.py")), url, str(arguments.seconds)]
    command += ["--light"] if arguments.light else []
    command += ["--only", *arguments.hostile] if arguments.hostile else []
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    deeds |= json.loads(said)


async def visit(
    visitor: Visitor,
    tiles: list[Tile],
    number: int,
    door: asyncio.Semaphore,
    all_there: asyncio.Barrier,
    arguments: argparse.Namespace,
    diary: Diary,
) -> None:
    """Be one visitor until the time is over."""
    dice = random.Random(number)
    try:
        async with door:
            await visitor.enter()
        await all_there.wait()
        end = time.monotonic() + arguments.seconds
        uploads = 0
        if not arguments.together:
            await asyncio.sleep(dice.uniform(0, arguments.pause))
        while time.monotonic() < end:
            if uploads and uploads % UPLOADS_A_PAGE == 0:
                await visitor.enter()
            uploads += 1
            await ask(visitor, f"visitor-{number}-{uploads}.png", dice.choice(tiles), diary)
            await asyncio.sleep(dice.expovariate(1 / arguments.pause) if arguments.pause else 0)
    except Exception as error:  # counted, and the others go on
        visitor.problems.append(" ".join(f"{type(error).__name__} {error}".split())[:300])
        await all_there.abort()
    diary.errors += [f"visitor {number}: {problem}" for problem in visitor.problems]
    await visitor.leave()


async def ask(visitor: Visitor, name: str, tile: Tile, diary: Diary) -> None:
    """Upload a tile, and compare the answer beside its name with what is known of it."""
    began = time.monotonic()
    text = await visitor.ask(name, tile.content)
    diary.seconds.append(time.monotonic() - began)
    if tile.label not in text or tile.confidence not in text or text.index(tile.label) > text.index(name):
        diary.wrong.append(f"{name}: expected {tile.label} at {tile.confidence}, read {' '.join(text.split())[:200]}")


def memory_mb(process: int, kind: str) -> float:
    """Return the memory of a process (Linux only): ``VmRSS`` now, ``VmHWM`` at most, ``Pss`` its share of it."""
    file = Path(f"/proc/{process}/{'smaps_rollup' if kind == 'Pss' else 'status'}")
    (line,) = (line for line in file.read_text().splitlines() if line.startswith(f"{kind}:"))
    return int(line.split()[1]) / 1024


def cpu_s(process: int) -> float:
    """Return the processor time that a process has used (Linux only)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
