"""How long it takes until the map of a slide is seen, and the slide while it is moved, in Chromium.

    python benchmarks/teach.py [--side 24640] [--rounds 3] [--moves 30]

Needs Linux, Chromium and Playwright (the ``dev`` extra). Draws a slide of SIDE x SIDE pixels (tiled JPEG, levels 1, 4
and 16; 24,640 pixels are 12,100 tiles) and a map of it whose answers are drawn by chance, since nothing here depends on
them. A round starts `gastropath view`, opens the page in a browser that runs already, and waits until it shows the map;
then the slide is dragged and zoomed at random places, and the time of each picture that the page asks for is noted,
queue included. Beside the start stands what loading Bokeh's own server takes alone, which the page does without.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from slide_drawing import draw_slide

from gastropath.inference.classifier import Classifier
from gastropath.results.predictions import Predictions
from gastropath.slides.mapping import map_slide
from gastropath.slides.task import SlideSettings
from gastropath.teach.chunks import CHUNK_PX, zooms

MPP = 0.5
ALONE = 40  # pictures that are asked for one after the other, while nothing is drawn
_TICKS = os.sysconf("SC_CLK_TCK")


class ByChance:
    """Answers that are drawn by chance, with the card of the starter model."""

    def __init__(self) -> None:
        self.card = Classifier.load().card
        self.classes = self.card.codes
        self._random = np.random.default_rng(0)

    def predict(self, tiles: np.ndarray, *, features: bool = False) -> Predictions:
        """Answer tiles."""
        chances = self._random.dirichlet(np.full(len(self.classes), 0.3), len(tiles)).astype(np.float32)
        return Predictions.of(self.classes, chances, is_low_confidence=chances.max(axis=1) < 0.6)


def main() -> None:
    """Print a line for the start, for the pictures and for memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=24_640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--moves", type=int, default=30)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        draw_slide(folder / "slide.tiff", arguments.side, MPP, folder / "tissue", smaller=(4, 16))
        mapped = map_slide(
            folder / "slide.tiff",
            folder / "maps" / "slide",
            ByChance(),  # pyright: ignore[reportArgumentType]  # what is asked of a classifier here, it has
            SlideSettings(mask=False),
        )
        print(f"{mapped.summary.tiles.classified:,} tiles", flush=True)
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        rounds = [
            one_round(browser.new_page(), folder, arguments.side, arguments.moves, seed)
            for seed in range(arguments.rounds)
        ]
        browser.close()
    starts, busy, pictures, alone, most = zip(*rounds, strict=True)
    loading = [timed([sys.executable, "-c", "import bokeh.server.server, bokeh.plotting"]) for _ in starts]
    every = sorted(ms for some in pictures for ms in some)
    print(f"from the command to the map on the screen: {spread(starts)} s ({spread(busy)} core-seconds of the command)")
    bokeh = [spread(values) for values in zip(*loading, strict=True)]
    print(f"loading Bokeh's own server alone: {bokeh[0]} s ({bokeh[1]} core-seconds)")
    slowest = every[len(every) * 9 // 10]
    print(
        f"{len(every):,} pictures while it is moved: median {statistics.median(every):.0f} ms, 90 % in {slowest:.0f} ms"
    )
    print(f"one at a time, nothing drawn: median {statistics.median(ms for some in alone for ms in some):.0f} ms")
    print(f"most memory of the command: {max(most):.0f} MB")


def one_round(
    page: Page, folder: Path, side: int, moves: int, seed: int
) -> tuple[float, float, list[float], list[float], float]:
    """Return seconds to the map, core-seconds until then, ms of pictures (moved, and one at a time), and MB at most."""
    page.set_viewport_size({"width": 1440, "height": 900})
    pictures: list[float] = []
    command = [sys.executable, "-m", "gastropath", "view", str(folder / "maps"), "--slides", str(folder), "--port", "0"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        address = next(word for line in process.stderr for word in line.split() if word.startswith("http"))
        page.goto(address)
        page.locator("#bar[data-ready]").wait_for()  # drawn at least once
        seconds, busy = time.perf_counter() - began, core_seconds(process.pid)
        page.locator("body[data-ready]").wait_for()
        page.wait_for_timeout(2000)

        def note(request) -> None:
            if "/chunks/" in request.url:
                pictures.append(request.timing["responseEnd"] - request.timing["requestStart"])

        page.on("requestfinished", note)
        chance = random.Random(seed)
        move(page, moves, chance)
        page.wait_for_timeout(3000)
        places = [place(side, chance) for _ in range(ALONE)]
        return seconds, busy, pictures, page.evaluate(ASKED, places), peak_mb(process.pid)
    finally:
        process.terminate()
        process.wait()


ASKED = """async (places) => {
  const times = [];
  for (const place of places) {
    const began = performance.now();
    await (await fetch(`maps/0/chunks/${place}`)).arrayBuffer();
    times.push(performance.now() - began);
  }
  return times;
}"""


def place(side: int, chance: random.Random) -> str:
    """Return zoom, column and row of a picture somewhere on the slide."""
    zoom = chance.randint(2, zooms((side, side)))
    across = side // (CHUNK_PX * 2 ** (zooms((side, side)) - zoom))
    return f"{zoom}/{chance.randrange(across)}/{chance.randrange(across)}"


def move(page: Page, moves: int, chance: random.Random) -> None:
    """Drag and zoom as a person does."""
    for number in range(moves):
        page.mouse.move(chance.randint(300, 800), chance.randint(200, 700))
        if number % 3 == 0:
            page.mouse.wheel(0, -240 if number % 6 or number < 9 else 360)
        else:
            page.mouse.down()
            page.mouse.move(chance.randint(100, 1000), chance.randint(100, 800), steps=8)
            page.mouse.up()
        page.wait_for_timeout(700)


def core_seconds(pid: int) -> float:
    """Return the time that all threads of a process have computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb(pid: int) -> float:
    """Return the most memory that a process ever held."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def timed(command: list[str]) -> tuple[float, float]:
    """Return seconds and core-seconds of a command."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True)
    after = os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, busy


def spread(values) -> str:
    """Return the median of values and their range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
