"""How long it takes from a label to the map that has learned from it, in Chromium, and how long the usual way takes.

    python benchmarks/teaching.py [--side 24640] [--labels 100 500] [--keys 15] [--usual]

Needs Linux, Chromium and Playwright (the ``dev`` extra). Draws a slide of SIDE x SIDE pixels and a map of it with
features at hand: those that the starter model learned from, with noise, since learning depends on their number alone.
`gastropath teach` goes on with that map. Labels are given through the page's own address, in blocks, until there are as
many as asked for; then KEYS labels by key, one after the other, each timed from the key to the frame after the map was
drawn anew. At the end the model is sealed. With --usual the same tiles are cut into folders, and `train` and `slide`
are run with them: what a label costs without this page.
"""

from __future__ import annotations

import argparse
import json
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
from gastropath.slides.cohort import map_slides
from gastropath.slides.task import SlideSettings
from gastropath.teach.adapted import base_of
from teach import MPP, peak_mb

AT_ONCE = 20
INSIDE = {1, 2, 3, 4, 5, 6}
"""Columns and rows, modulo 8, of tiles that show four chunks of the slide: no two of them are the same picture."""
TIMED = """() => { window.times = []; let began = 0;
  document.addEventListener("keydown", () => { began = performance.now(); }, true);
  const note = () => window.times.push(performance.now() - began);
  new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(note)))
    .observe(document.body, { attributeFilter: ["data-version"] }); }"""


class FromReferences:
    """Answers as the starter model gives for features that are like those it learned from."""

    def __init__(self) -> None:
        self._model = Classifier.load()
        self._base = base_of(self._model)
        self.card, self.classes = self._model.card, self._model.classes
        self._random = np.random.default_rng(0)

    def predict(self, tiles: np.ndarray, *, features: bool = False) -> Predictions:
        """Answer tiles."""
        rows = self._random.integers(0, len(self._base.labels), len(tiles))
        noise = self._random.normal(0, self._base.features.std() / 2, (len(tiles), self._base.features.shape[1]))
        described = (self._base.features[rows] + noise).astype(np.float32)
        logits = self._base.head.logits(described)
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        return Predictions.of(self.classes, chances / chances.sum(axis=1, keepdims=True), features=described)


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=24_640)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--keys", type=int, default=15)
    parser.add_argument("--usual", action="store_true")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        slide, lesson = folder / "slide.tiff", folder / "lesson"
        draw_slide(slide, arguments.side, MPP, folder / "tissue", smaller=(4, 16))
        model = FromReferences()
        mapped = map_slides([slide], lesson / "maps", model, SlideSettings(mask=False, features=True))  # pyright: ignore[reportArgumentType]  # what is asked of a classifier here, it has
        record = {"model": model.card.name, "sha256": model.card.files["model.tflite"]}
        (lesson / "lesson.json").write_text(json.dumps(record))
        print(f"{mapped.mapped[0].summary.tiles.classified:,} tiles", flush=True)
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        command = [sys.executable, "-m", "gastropath", "teach", str(slide), "--out", str(lesson), "--no-mask"]
        began = time.perf_counter()
        process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            assert process.stderr
            page.goto(next(word for line in process.stderr for word in line.split() if word.startswith("http")))
            page.locator("#bar[data-ready]").wait_for(timeout=120_000)
            print(f"from the command to the map: {time.perf_counter() - began:.1f} s", flush=True)
            page.locator("body[data-ready]").wait_for(timeout=120_000)
            page.evaluate(TIMED)
            for labels in arguments.labels:
                label_until(page, labels, model.classes)
                times = keyed(page, arguments.keys)
                told = f"median {statistics.median(times):.0f} ms, at most {max(times):.0f} ms ({arguments.keys} keys)"
                print(f"{labels} labels: from the key to the changed map {told}", flush=True)
            print(f"sealed in {sealed(page):.1f} s", flush=True)
            print(f"most memory of the command: {peak_mb(process.pid):.0f} MB", flush=True)
        finally:
            process.terminate()
            process.wait()
            browser.close()
        if arguments.usual:
            usual(folder, slide, lesson)


def label_until(page: Page, labels: int, classes: tuple[str, ...]) -> None:
    """Give labels until there are so many, spread over the slide, a class after the other."""
    have = page.evaluate("async () => (await (await fetch('maps/0/labels')).json()).length")
    columns = page.evaluate("async () => (await (await fetch('maps/0')).json()).grid.columns")
    apart = [number for number in range(columns**2) if {number % columns % 8, number // columns % 8} <= INSIDE]
    step = len(apart) // 700
    while have < labels:
        n = min(AT_ONCE, labels - have)
        tiles = [apart[(have + place) * step] for place in range(n)]
        told = {"tiles": tiles, "label": classes[have // AT_ONCE % len(classes)], "source": "own"}
        page.evaluate(
            """async (told) => {
              const headers = { "Content-Type": "application/json" };
              const how = { method: "POST", body: JSON.stringify(told), headers };
              const answer = await fetch("maps/0/label", how);
              if (!answer.ok) throw new Error(await answer.text());
            }""",
            told,
        )
        have += n
    page.wait_for_timeout(1000)
    page.locator("#learning").get_by_text("on the disk").wait_for(timeout=60_000)
    page.wait_for_timeout(12_000)  # figures are reckoned up when nobody labels for a while


def keyed(page: Page, keys: int) -> list[float]:
    """Label one tile after the other by key, and return what passed in the page, in ms."""
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.evaluate("() => { window.times = []; }")
    for number in range(keys):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(400)
        page.keyboard.press(str(1 + number % 8))
        for _ in range(200):
            page.wait_for_timeout(50)
            if len(page.evaluate("window.times")) > number:
                break
        page.wait_for_timeout(200)
    return page.evaluate("window.times")


def sealed(page: Page) -> float:
    """Seal the model, and return the seconds that it takes."""
    page.locator("#seal").click()
    page.locator("#sealnow").click()
    began = time.perf_counter()
    page.locator("#sealed code, #sealed.wrong").first.wait_for(timeout=300_000)
    if page.locator("#sealed.wrong").count():
        raise SystemExit(page.locator("#sealed").inner_text())
    return time.perf_counter() - began


def usual(folder: Path, slide: Path, lesson: Path) -> None:
    """Train on a folder of the labelled tiles, map the slide again, and print the seconds of both."""
    from PIL import Image

    from gastropath.slides.source.slide import open_slide
    from gastropath.tables import read_table

    opened, tiles = open_slide(slide), folder / "tiles"
    for number, row in enumerate(read_table(lesson / "labels.csv", ("label",))[1]):
        x, y, width, height = (int(float(row[name])) for name in ("x_px", "y_px", "width_px", "height_px"))
        (tiles / row["label"]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(opened.read(0, x, y, width, height)).save(tiles / row["label"] / f"{number}.png")
    for words in (
        ("train", tiles, "--out", folder / "run", "--checks", "none"),
        ("slide", slide, "--model", folder / "run", "--no-mask", "--out", folder / "maps"),
    ):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "gastropath", "-q", *map(str, words)], check=True, capture_output=True)
        print(f"the usual way, `{words[0]}`: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
