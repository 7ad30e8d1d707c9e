"""Take the pictures of the documentation: pages of the demo in Chromium, and its map. All of it is synthetic.

    make demo && python tools/photograph.py [--demo gastropath-demo]

Runs the Python of docs/tutorial.md in a folder beside the demo, and writes what it shows, and the page with
the demo's model, into docs/pictures.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from gastropath.data.synthetic.anatomy import CODES
from gastropath.data.synthetic.slide import PICTURE
from gastropath.data.synthetic.truth import class_of, read_truth

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
WIDTH_PX, HEIGHT_PX = 1000, 760
LABELS, CHECKS = 40, 20
PLACE = re.compile(r"x ([\d,]+), y ([\d,]+) px; ([\d,]+) × ([\d,]+) px")


def blocks() -> list[str]:
    """Return the Python of the tutorial, a text a block."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text("utf-8"), re.DOTALL)


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--demo", type=Path, default=Path("gastropath-demo"))
    parser.add_argument("--folder", type=Path, default=Path("gastropath-tutorial"), help="kept; not run again if there")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    demo = arguments.demo.resolve()
    made = arguments.folder / "tutorial"
    if not made.exists():
        arguments.folder.mkdir(parents=True, exist_ok=True)
        (arguments.folder / "gastropath-demo").symlink_to(demo)
        subprocess.run([sys.executable, "-c", "\n".join(blocks())], cwd=arguments.folder, check=True)
    made = made.resolve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        for name, file, heading in (
            ("tutorial_audit", "audit/audit.html", "Class distribution"),
            ("tutorial_report", "run/report.html", ""),
            ("tutorial_confidence", "run/report.html", "Confidence"),
        ):
            page.goto((made / file).as_uri())
            if heading:
                page.get_by_role("heading", name=heading, exact=True).evaluate("found => found.scrollIntoView()")
            keep(page, name)
        smaller(next((made / "maps").rglob("overlay.png")), "demo_map", 900)
        smaller(next((made / "explained").glob("*.png")), "tutorial_explained", 448)
        with served(made / "run") as address:
            photograph_app(page, address, demo)
        with viewed("view", made / "maps") as address:
            photograph_view(page, address)
        foreign = demo / "foreign-slide"
        shutil.rmtree(made / "taught", ignore_errors=True)  # of an earlier call: its labels and its sealed model
        os.chdir(made)  # the page names its folder as it was given
        with viewed("teach", foreign / "drawn.tif", "--model", demo / "run", "--out", "taught") as address:
            photograph_lesson(page, address, foreign)
        browser.close()


def photograph_app(page: Page, address: str, demo: Path) -> None:
    """Let the page answer three tiles, map a piece of the drawn slide, and tell of its model."""
    page.set_viewport_size({"width": WIDTH_PX, "height": 1500})
    page.goto(address)
    page.get_by_role("tab").first.wait_for(timeout=60_000)
    tiles = [sorted((demo / "new-tiles" / code).iterdir())[0] for code in ("TUM", "MUC", "LYM")]
    page.locator("input[type=file]").first.set_input_files([str(tile) for tile in tiles])
    page.get_by_text("%").nth(2).wait_for(timeout=60_000)
    page.wait_for_timeout(2500)
    keep(page, "app_tiles")
    page.get_by_role("tab").nth(2).click()
    page.wait_for_timeout(2500)
    keep(page, "app_model")
    page.get_by_role("tab").nth(1).click()
    with Image.open(demo / "drawn-slide" / "drawn.tif") as slide:
        width, height = slide.size
        left, top = width // 2 - 900, height // 2 - 700
        piece = slide.convert("RGB").crop((left, top, left + 1800, top + 1400))
    with tempfile.TemporaryDirectory() as scratch:
        region = Path(scratch) / "region.png"
        piece.save(region)
        page.locator("input[type=file]").nth(1).set_input_files(str(region))
        page.get_by_role("spinbutton").first.fill("0.5")
        page.keyboard.press("Enter")
        page.wait_for_timeout(9000)
        keep(page, "app_region")


def photograph_view(page: Page, address: str) -> None:
    """Look at the map of the drawn slide, and at one of its tiles."""
    page.set_viewport_size({"width": 1280, "height": 720})
    for name, query in (
        ("view_tile", "&x=2760&y=2180&zoom=0.28&tile=169"),
        ("view_heat", "&class=LYM&opacity=75"),
    ):
        page.goto(address + query)
        page.locator("body[data-ready]").wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        keep(page, name)


def photograph_lesson(page: Page, address: str, foreign: Path) -> None:
    """Teach the demo's model the slide of another stain, by keys alone, as its truth says; then check and seal it."""
    plan = read_truth(foreign / PICTURE)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(address)
    page.locator("body[data-ready]").wait_for(timeout=120_000)
    page.wait_for_timeout(2000)
    keep(page, "teach_before")
    for key, steps in (("s", LABELS), ("c", CHECKS)):
        page.keyboard.press(key)
        for step in range(steps):
            page.wait_for_timeout(500)
            found = PLACE.search(page.locator("#tile .facts").inner_text())
            assert found
            code = class_of(plan, *(int(number.replace(",", "")) for number in found.groups()))
            page.keyboard.press(str(CODES.index(code) + 1 if code else 0))
            if key == "s" and step == LABELS - 2:
                page.wait_for_timeout(3000)
                keep(page, "teach_page")
    page.wait_for_timeout(500)
    keep(page, "teach_check")
    page.keyboard.press("c")
    page.wait_for_timeout(3000)
    print(page.locator("#figure").inner_text())
    page.locator("#seal").click()
    page.locator("#sealnow").click()
    page.locator("#sealed code").first.wait_for(timeout=120_000)
    page.wait_for_timeout(500)
    keep(page, "teach_sealed")


def keep(page: Page, name: str) -> None:
    """Write what a page shows as JPEG."""
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=82)


def smaller(picture: Path, name: str, width_px: int) -> None:
    """Write a picture as JPEG, not wider than so many pixels."""
    with Image.open(picture) as image:
        image = image.convert("RGB")
        image.thumbnail((width_px, 10_000), Image.Resampling.LANCZOS)
        image.save(PICTURES / f"{name}.jpg", quality=82)


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Serve the web page with a model while the block lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gastropath", "app", "--model", str(run), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def viewed(*words: object) -> Iterator[str]:
    """Serve a page of maps while the block lasts."""
    command = [sys.executable, "-m", "gastropath", *map(str, words), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        yield next(word for line in process.stderr for word in line.split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
