"""The web app beside the usual way, Streamlit with ``keras.models.load_model``: first answer, memory, installed size.

    python benchmarks/app.py [--model RUN] [--starts 5] [--answers 20]

Needs Linux, Chromium, Playwright (the ``dev`` extra) and a package index. Each way gets an environment of its own: the
app that of a Space, from the locked requirements and the wheel; the usual way ``streamlit``, ``tensorflow-cpu``,
``keras`` and ``pillow`` in the versions installed here. Both serve the same model (without ``--model``, one of the
default recipe on synthetic tiles), and start in turn. A browser that is already running opens the page as soon as the
server listens, and chooses a tile as soon as the page takes one; then other visitors come one after another. The usual
way draws no chart, to its advantage.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from visitors import cpu_s, memory_mb, serving, synthetic_tiles, trained

USUAL = """
import keras
import numpy as np
import streamlit as st
from PIL import Image


@st.cache_resource
def load():
    return keras.models.load_model("bestmodel.keras")


st.title("Tissue classifier")
upload = st.file_uploader("Tile", type=["png", "jpg", "tif"], key="tiles")
if upload:
    tile = Image.open(upload).convert("RGB").resize((224, 224))
    probabilities = load().predict(np.asarray(tile)[None], verbose=0)[0]
    st.image(tile)
    st.html(f"<p class='gp-answer'>Class {probabilities.argmax()}, {probabilities.max():.1%}</p>")
"""

WAIT_FOR_ANSWER = """() => new Promise((resolve) => {
    const look = () => {
        if (!document.querySelector(".gp-answer")) return requestAnimationFrame(look);
        const sent = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("upload_file"));
        resolve(performance.now() - sent.at(-1).responseEnd);
    };
    look();
})"""
"""Milliseconds from the end of the upload to the picture with the answer on the screen."""


@dataclass
class Way:
    """One of the two, and what was measured of it."""

    name: str
    command: list[str]
    folder: Path
    installed_mb: float
    listening: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    after_upload: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    share: list[float] = field(default_factory=list)


def main() -> None:
    """Install both ways, start them in turn, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="run folder with a bestmodel.keras")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--answers", type=int, default=20, help="later visitors after each start")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tiles = synthetic_tiles(folder / "tiles")
        ways = [ours(arguments.model or trained(tiles, folder / "run"), folder / "ours")]
        ways.append(usual(folder / "ours" / "bestmodel.keras", folder / "usual"))
        pictures = sorted(tiles.glob("*/*.png"))
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for start in range(-1, arguments.starts):
                for way in ways:
                    measure(way, browser, pictures, arguments.answers, warm_up=start < 0)
            browser.close()
    report(ways)


def ours(model: Path, folder: Path) -> Way:
    """Build a Space and do what its Dockerfile says."""
    from gastropath.space.builder import build_space

    build_space(model, folder)
    python = environment(folder, ["--require-hashes", "--requirement", "requirements.txt"])
    command = [str(python / "bin" / "gastropath"), "app", "--model", "model", "--port", "PORT"]
    return Way("gastropath app", command, folder, size_mb(python))


def usual(keras_model: Path, folder: Path) -> Way:
    """Write the script of the usual way, and install what it needs."""
    folder.mkdir()
    (folder / "usual.py").write_text(USUAL)
    shutil.copyfile(keras_model, folder / "bestmodel.keras")
    needed = [f"{name}=={metadata.version(name)}" for name in ("streamlit", "tensorflow-cpu", "keras", "pillow")]
    python = environment(folder, needed)
    options = ["--server.port=PORT", "--server.headless=true", "--browser.gatherUsageStats=false"]
    command = [str(python / "bin" / "streamlit"), "run", "usual.py", *options]
    return Way("Streamlit with keras.models.load_model", command, folder, size_mb(python))


def environment(folder: Path, packages: list[str]) -> Path:
    """Make an environment in a folder; gives its place."""
    print(f"installing {' '.join(packages)}", flush=True)
    python = folder / "python"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    command = [python / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-cache-dir", *packages]
    subprocess.run(command, cwd=folder, check=True)
    return python


def size_mb(python: Path) -> float:
    """Return the size of an environment's packages, compiled as pip leaves them; pip itself is in both."""
    return sum(file.stat().st_size for file in python.rglob("*") if file.is_file() and not file.is_symlink()) / 1e6


def measure(way: Way, browser: Browser, pictures: list[Path], answers: int, *, warm_up: bool) -> None:
    """Start a way, upload a tile as its first visitor and one each as the next, and note times and memory."""
    began = time.monotonic()
    with serving(way.command, way.folder / "log", cwd=way.folder) as (url, server):
        listening = time.monotonic() - began
        first = answered(browser, url, pictures[0])
        if warm_up:  # from now on the files are in the system's memory, those of both ways
            return
        way.listening.append(listening)
        way.first.append(first.moment - began)
        way.first_cpu.append(cpu_s(server.pid))
        for number in range(1, answers + 1):
            later = answered(browser, url, pictures[number % len(pictures)])
            way.later.append(later.seconds)
            way.after_upload.append(later.after_upload)
        way.resident.append(memory_mb(server.pid, "VmRSS"))
        way.share.append(memory_mb(server.pid, "Pss"))


@dataclass(frozen=True)
class Answer:
    """When an answer was on the screen, and how long after the choice of the file and the end of its upload."""

    moment: float
    seconds: float
    after_upload: float


def answered(browser: Browser, url: str, picture: Path) -> Answer:
    """Be a visitor with an empty cache who uploads one tile and waits for the answer."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("performance.setResourceTimingBufferSize(5000)")
    page.goto(url)
    choice = page.locator(".st-key-tiles input[type=file]")
    choice.wait_for(state="attached")
    began = time.monotonic()
    choice.set_input_files(picture)
    after_upload = page.evaluate(WAIT_FOR_ANSWER)
    moment = time.monotonic()
    context.close()
    return Answer(moment, moment - began, after_upload / 1000)


def report(ways: list[Way]) -> None:
    """Print both ways side by side."""
    print(f"\n| | {' | '.join(way.name for way in ways)} | times |\n|---|---|---|---|")
    rows = {
        "start of the process to the first answer, s": [way.first for way in ways],
        "- until it listens, s": [way.listening for way in ways],
        "- processor time of the server, s": [way.first_cpu for way in ways],
        "tile chosen to answer, later visitors, s": [way.later for way in ways],
        "- from the end of the upload, s": [way.after_upload for way in ways],
        "memory of the server (RSS), MB": [way.resident for way in ways],
        "- counting what is shared by halves (PSS), MB": [way.share for way in ways],
        "installed, MB": [[way.installed_mb] for way in ways],
    }
    for name, (mine, theirs) in rows.items():
        times = statistics.median(theirs) / statistics.median(mine)
        print(f"| {name} | {spread(mine)} | {spread(theirs)} | {times:.1f} |")


def spread(figures: list[float]) -> str:
    """Write the median and the range."""
    if len(figures) == 1:
        return f"{figures[0]:.0f}"
    return f"{statistics.median(figures):.2f} ({min(figures):.2f}–{max(figures):.2f})"


if __name__ == "__main__":
    main()
