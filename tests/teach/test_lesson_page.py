"""The pencil as its user holds it: a real command, a real browser, and a kill in the middle."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from lessons import CODES, STAIN  # pyright: ignore[reportMissingImports]
from PIL import Image
from playwright.sync_api import Page, expect
from tests.accessibility import findings
from view_driver import Shown, shown

import gastropath

pytestmark = pytest.mark.browser

SIDE = 64


@pytest.fixture
def slide(write_slide: Callable[..., Path]) -> Path:
    return write_slide("1.png", CODES, shift=STAIN, seed=1)


@contextmanager
def lesson(slide: Path, model: Path, folder: Path) -> Iterator[Shown]:
    command = (slide, "--model", model, "--out", folder / "ours", "--mpp", "0.5", "--no-mask", "--by", "A. Reader")
    with shown(*command, log=folder / "log", command="teach") as page:
        yield page


def opened(visit: Callable[..., Page], shown: Shown) -> Page:
    page = visit(f"{shown.address}&opacity=90", also=(shown.address.partition("?")[0],))
    expect(page.locator("body[data-ready]")).to_be_attached()
    expect(page.locator("#learning")).not_to_contain_text("Learning")
    return page


def give(page: Page, tile: int, code: str) -> None:
    """Go to a tile by arrow keys alone, press the key of a class, and wait until that is learned."""
    version = page.locator("body").get_attribute("data-version")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.keyboard.press("Enter")  # the tile right below the middle
    for _ in range(abs(tile % 4 - 2)):
        page.keyboard.press("ArrowRight" if tile % 4 > 2 else "ArrowLeft")
    for _ in range(abs(tile // 4 - 2)):
        page.keyboard.press("ArrowDown" if tile // 4 > 2 else "ArrowUp")
    expect(page.locator("#tile .facts")).to_contain_text(f"x {tile % 4 * SIDE}, y {tile // 4 * SIDE} px")
    page.keyboard.press(str(("LYM", "STR", "TUM").index(code) + 1))
    expect(page.locator(f"body:not([data-version='{version}'])")).to_be_attached()
    expect(page.locator("#learning")).to_contain_text("on the disk")


def pixels(page: Page) -> np.ndarray:
    """Return what the stage shows, once that no longer changes."""
    before = np.zeros(0)
    for _ in range(40):
        with Image.open(io.BytesIO(page.locator("#stage").screenshot())) as image:
            now = np.asarray(image.convert("RGB")).astype(int)
        if now.shape == before.shape and (now == before).all():
            break
        before = now
        page.wait_for_timeout(150)
    return before


def changed_on_disk(folder: Path) -> list[str]:
    return (folder / "ours" / "labels.jsonl").read_text().splitlines()


def test_a_model_is_taught_by_keys_killed_gone_on_with_and_sealed(visit, small_model, slide, write_slide, tmp_path):
    with lesson(slide, small_model, tmp_path) as page_of:
        page = opened(visit, page_of)
        page.keyboard.press("f")
        expect(page.locator("#notes")).to_contain_text(", which is taught here")
        untaught = pixels(page)
        for tile in (4, 5, 6, 9):
            give(page, tile, CODES[tile])
        page.keyboard.press("Escape")
        taught = pixels(page)
        assert (np.abs(taught - untaught).max(axis=-1) > 30).mean() > 0.02
        rows = page.locator("#lesson tbody tr")
        assert [rows.nth(place).locator("td").first.inner_text() for place in range(3)] == ["2", "1", "1"]
        give(page, 9, "STR")  # a slip
        page.keyboard.press("u")
        expect(rows.nth(2).locator("td").first).to_have_text("1")
        page.keyboard.press("Escape")
        expect(page.locator("#learning")).to_contain_text("on the disk")
        assert (np.abs(pixels(page) - taught).max(axis=-1) > 30).mean() < 0.005
        assert len(changed_on_disk(tmp_path)) == 6
        page_of.process.send_signal(signal.SIGKILL)
        page_of.process.wait()
    with lesson(slide, small_model, tmp_path) as page_of:
        page = opened(visit, page_of)
        page.keyboard.press("Escape")
        assert (np.abs(pixels(page) - taught).max(axis=-1) > 30).mean() < 0.005
        for tile in (7, 8, 10, 11):
            give(page, tile, CODES[tile])
        page.keyboard.press("c")
        expect(page.locator("#tile")).to_contain_text("What the model says is hidden")
        page.keyboard.press("2")
        expect(page.locator("#told")).to_contain_text("he model says")
        page.keyboard.press("m")  # whoever looks at the map checks no longer
        expect(page.locator("#check")).to_have_attribute("aria-pressed", "false")
        page.locator("#seal").click()
        expect(page.locator("#sealed")).to_contain_text("8 labels of 3 classes go into the model; 1 tile checks it")
        page.locator("#sealnow").click()
        expect(page.locator("#sealed")).to_contain_text(f"gastropath slide SLIDES --model {tmp_path / 'ours'}")
        ask_as_no_browser_would(page_of)
        page_of.process.send_signal(signal.SIGINT)
        assert page_of.process.wait(60) == 0
    assert "9 labels kept in" in (tmp_path / "log").read_text()
    table = (tmp_path / "ours" / "labels.csv").read_text()
    assert table.count("A. Reader") == 9
    assert len(re.findall(",check,", table)) == 1
    third = np.asarray(Image.open(write_slide("3.png", CODES, shift=STAIN, seed=3)))
    tiles = [third[y : y + SIDE, x : x + SIDE] for y in range(0, 4 * SIDE, SIDE) for x in range(0, 4 * SIDE, SIDE)]
    right = [
        np.mean(np.array(gastropath.load(model).predict(tiles).labels) == np.array(CODES))
        for model in (small_model, tmp_path / "ours")
    ]
    assert right[1] > right[0] + 0.1
    judged = [sys.executable, "-m", "gastropath", "evaluate", "--model", tmp_path / "ours", "--mpp", "0.5"]
    judged += ["--labels", tmp_path / "ours" / "labels.csv", "--out", tmp_path / "judged"]
    done = subprocess.run(judged, capture_output=True, text=True)
    assert done.returncode == 1
    assert "learned from all 9 labelled tiles" in done.stderr


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_from_the_first_look_to_the_sealed_model(visit, small_model, slide, tmp_path, scheme):
    with lesson(slide, small_model, tmp_path) as page_of:
        page = opened(visit, page_of)
        page.emulate_media(color_scheme=scheme)
        found = {"untaught": findings(page)}
        for tile in (4, 5, 6, 9):
            give(page, tile, CODES[tile])
        found["taught"] = findings(page)
        before = page.viewport_size
        for width in (1000, 390):
            page.set_viewport_size({"width": width, "height": 800})
            for part in ("html", "aside"):
                assert page.locator(part).evaluate("part => part.scrollWidth <= part.clientWidth"), (part, width)
        assert before
        page.set_viewport_size(before)
        page.keyboard.press("Escape")
        page.locator("#box").click()
        page.mouse.move(300, 300)
        page.mouse.down()
        page.mouse.move(500, 500, steps=3)
        page.mouse.up()
        found["a box of tiles"] = findings(page)
        page.locator("#move").click()
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        expect(page.locator("#tile")).to_contain_text("What the model says is hidden")
        found["check"] = findings(page)
        page.keyboard.press("2")
        expect(page.locator("#told")).to_contain_text("he model says")
        found["checked"] = findings(page)
        page.keyboard.press("m")
        page.keyboard.press("?")
        found["help"] = findings(page)
        page.keyboard.press("Escape")
        page.locator("#seal").click()
        expect(page.locator("#sealed")).to_contain_text("go into the model")
        found["sealing"] = findings(page)
        page.locator("#sealnow").click()
        expect(page.locator("#sealed")).to_contain_text("gastropath slide SLIDES --model")
        found["sealed"] = findings(page)
    assert not {state: lines for state, lines in found.items() if lines}


def ask_as_no_browser_would(page: Shown) -> None:
    """Tell the page things that it does not take: nothing is changed, and it says why in a line."""
    cookie = f"gastropath-{page.port}={page.token}"
    label = json.dumps({"tiles": [15], "label": "STR", "source": "own"})
    plain = {"Content-Type": "application/json", "Cookie": cookie}
    asked: list[tuple[dict[str, str], str, int]] = [
        ({**plain, "Cookie": ""}, label, 403),
        ({**plain, "Host": "evil.example"}, label, 403),
        ({**plain, "Origin": "http://evil.example"}, label, 403),
        ({**plain, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, label, 403),
        ({**plain, "Content-Type": "text/plain"}, label, 415),
        (plain, "{", 400),
        (plain, "[" * 60_000, 400),
        (plain, label.replace("STR", "WHO"), 409),
        (plain, " " * 70_000, 400),
    ]
    for headers, body, expected in asked:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
        told = {"Host": f"127.0.0.1:{page.port}", **headers}
        try:
            connection.request("POST", "/maps/0/label", body, {name: value for name, value in told.items() if value})
            answer = connection.getresponse()
            content = answer.read().decode()
        except ConnectionError:  # what is far too long is not even read
            assert len(body) > 65_536
            continue
        assert answer.status == expected, (headers, body[:50], content)
        assert "Traceback" not in content
        if expected in (400, 409, 415) and content:
            assert json.loads(content)["error"].count("\n") == 0
        connection.close()
