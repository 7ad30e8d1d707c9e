"""A server and a visitor's browser, for the tests that look at the page here and in ``tests/space``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Frame, Page, Request, expect, sync_playwright

from gastropath.data.marker import MARKER
from gastropath.tissue_classes import TISSUE_CLASSES

_PATIENCE_S = 120  # until a test is given up; nothing is measured


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def app_command(model: Path, port: int) -> list[str]:
    """Return the command that serves the page."""
    return [sys.executable, "-m", "gastropath", "app", "--model", str(model), "--port", str(port)]


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    url: str
    process: subprocess.Popen
    log: Path

    def said(self) -> str:
        """Return its output so far."""
        return self.log.read_text(errors="replace")

    def held_bytes(self) -> int:
        """Return the bytes of uploads that Streamlit says it holds."""
        with urllib.request.urlopen(f"{self.url}_stcore/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(int(line.split()[-1]) for line in lines if "UploadedFileManager" in line)

    def wait_until_nothing_is_held(self) -> None:
        """Wait until all uploads are forgotten; the figure itself may be five seconds old."""
        deadline = time.monotonic() + _PATIENCE_S
        while held := self.held_bytes():
            assert time.monotonic() < deadline, f"{held:,} bytes are still held"
            time.sleep(0.2)

    def peak_mb(self) -> float:
        """Return the most memory the process ever took (Linux only)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


@contextmanager
def served(
    arguments: Sequence[str], port: int, log: Path, *, health: str = "_stcore/health", **options
) -> Iterator[Server]:
    """Run a server while the block lasts; what it said is added to the error if the block fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        server = Server(f"http://localhost:{port}/", process, log)
        try:
            _wait_until_healthy(server, health)
            yield server
        except BaseException as error:
            error.add_note(f"the server said:\n{server.said()}")
            raise
        finally:
            _stop(process)


def _wait_until_healthy(server: Server, path: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{server.url}{path}", timeout=5):
                return
        except OSError:
            if server.process.poll() is not None:
                raise AssertionError(f"the server ended with status {server.process.returncode}") from None
            if time.monotonic() > deadline:
                raise AssertionError("the server did not become healthy") from None
            time.sleep(0.1)


def _stop(process: subprocess.Popen) -> None:
    """End the server and whatever it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


@pytest.fixture(scope="session")
def coloured_tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles in the colour of their class, which the smallest network learns without a mistake in seconds.

    So "the right label" is another one for every class, and never the favourite of a model that learned nothing.
    """
    root = tmp_path_factory.mktemp("coloured") / "tiles"
    rng = np.random.default_rng(0)
    for tissue in TISSUE_CLASSES:
        (root / tissue.code).mkdir(parents=True)
        color = [int(tissue.color[i : i + 2], 16) for i in (1, 3, 5)]
        for i in range(1, 31):
            pixels = np.clip(color + rng.normal(0, 12, (48, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / tissue.code / f"{tissue.code}_{i}.png")
    (root / MARKER).write_text(json.dumps({"synthetic": True}))
    return root


@pytest.fixture(scope="session")
def coloured_run(coloured_tiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the specified network, made smaller, that has learned the coloured tiles."""
    run = tmp_path_factory.mktemp("runs") / "coloured"
    settings = [
        "--set",
        "abstain_by=none",
        "--set",
        "in_domain=1",
        "--set",
        "epochs=7",
        "--set",
        "tile_px=32",
        "--set",
        "batch_size=16",
    ]
    arguments = [
        sys.executable,
        "-m",
        "gastropath",
        "train",
        str(coloured_tiles),
        "--recipe",
        "baseline",
        "--out",
        str(run),
        *settings,
    ]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="session")
def uploads(coloured_tiles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A PNG, a JPEG and a TIFF of three classes; the key is the true one."""
    folder = tmp_path_factory.mktemp("uploads")
    files = {"LYM": folder / "first.png", "TUM": folder / "second.jpg", "NOR": folder / "third.tif"}
    for code, file in files.items():
        with Image.open(coloured_tiles / code / f"{code}_3.png") as tile:
            tile.save(file)
    return files


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        opened = playwright.chromium.launch(executable_path=chromium, args=options)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page as a new visitor. No request may go anywhere but there (and to ``also``); no dialog may open."""
    contexts = []
    elsewhere: list[str] = []
    dialogs: list[str] = []

    def open_page(url: str, *, also: Sequence[str] = (), width: int = 1280, height: int = 900) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        context.set_default_timeout(_PATIENCE_S * 1000)
        local = (url, *also, "data:", "blob:")

        def note(request: Request) -> None:
            if not request.url.startswith(local):
                elsewhere.append(request.url)

        def close(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        context.on("request", note)
        page = context.new_page()
        page.on("dialog", close)
        page.goto(url)
        return page

    expect.set_options(timeout=_PATIENCE_S * 1000)
    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert dialogs == []


def upload(page: Page | Frame, *files: Path) -> None:
    """Choose files in the uploader of tiles."""
    page.locator(".st-key-tiles input[type=file]").set_input_files([str(file) for file in files])


def read(page: Page | Frame, name: str) -> list[str]:
    """Wait for the answer about a file and return its lines of text."""
    card = page.locator(".gp-answer").filter(has=page.locator(".gp-name").get_by_text(name, exact=True))
    expect(card).to_have_count(1)
    return [line.strip() for line in card.inner_text().replace("\t", "\n").splitlines() if line.strip()]
