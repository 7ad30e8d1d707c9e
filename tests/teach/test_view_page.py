"""The page as its user sees it: a real command, a real browser, real pixels."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from drawing import CODES, PALETTE, Squares  # pyright: ignore[reportMissingImports]
from PIL import Image
from playwright.sync_api import Page, expect
from tests.accessibility import findings
from view_driver import HEIGHT, SIDE, WIDTH, Looked, Shown, shown

from gastropath.report.notices import RESEARCH_USE
from gastropath.tissue_classes import tissue_class

pytestmark = pytest.mark.browser

COLOURS = np.array([[int(tissue_class(code).color[i : i + 2], 16) for i in (1, 3, 5)] for code in CODES])
_TRIES = 40
_BETWEEN_MS = 250


@pytest.fixture(scope="module")
def folder(squares_map: Looked, starter_map: Looked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three maps in a folder: one with its slide, one whose slide and model are lost, and one that is damaged."""
    folder = tmp_path_factory.mktemp("looked") / "maps"
    shutil.copytree(squares_map.folder, folder / "squares")
    shutil.copytree(starter_map.folder, folder / "lost")
    damaged = Path(shutil.copytree(starter_map.folder, folder / "unread"))
    (damaged / "tiles.csv").write_text("x_px\n1\n")
    return folder


@pytest.fixture(scope="module")
def page_of_squares(folder: Path, squares_map: Looked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown(folder, "--slides", squares_map.slide, log=tmp_path_factory.mktemp("view") / "log") as page:
        yield page


@pytest.fixture
def open_page(page_of_squares: Shown, visit: Callable[..., Page]) -> Callable[..., Page]:
    """Open the page: ``open_page(slide="squares", zoom=0.5)``."""

    def opened(**asked: object) -> Page:
        query = "".join(f"&{name}={value}" for name, value in {"slide": "squares", **asked}.items())
        page = visit(page_of_squares.address + query, also=(page_of_squares.address.partition("?")[0],))
        expect(page.locator("body[data-ready]")).to_be_attached()
        return page

    return opened


def place(page: Page) -> dict[str, str]:
    """Return what stands in the address, once that is settled."""
    before = ""
    for _ in range(_TRIES):
        now = page.evaluate("location.search")
        if now == before and "zoom" in now:
            break
        before = now
        page.wait_for_timeout(2 * _BETWEEN_MS)
    return {name: values[0] for name, values in parse_qs(before[1:]).items()}


def pixels(page: Page) -> np.ndarray:
    """Return what the stage shows: ``uint8``, shape (h, w, 3)."""
    with Image.open(io.BytesIO(page.locator("#stage").screenshot())) as image:
        return np.asarray(image.convert("RGB"))


def judged(page: Page, squares: Squares, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return screen positions away from the borders of squares by two pixels, and the number of the square's colour."""
    found = place(page)
    x, y, zoom = float(found["x"]), float(found["y"]), float(found["zoom"])
    height, width = pixels(page).shape[:2]
    screen = rng.integers((12, 12), (width - 12, height - 12), (4000, 2))
    level0 = (screen + 0.5 - (width / 2, height / 2)) / zoom + (x, y)
    border = np.minimum(level0 % SIDE, SIDE - level0 % SIDE) * zoom
    inside = (level0 > 3 / zoom).all(axis=1) & (level0 < np.array([WIDTH, HEIGHT]) - 3 / zoom).all(axis=1)
    middle = np.abs(level0 % SIDE - SIDE / 2) * zoom
    beside_words = (middle > (34, 14)).any(axis=1)  # the code of a tile stands in its middle
    far_from_buttons = ~((screen[:, 0] > width - 80) & (screen[:, 1] < 120)) & (screen[:, 1] < height - 70)
    kept = (
        inside & beside_words & (border > 2.6).all(axis=1) & far_from_buttons
    )  # x and y of the address are whole pixels of level 0
    assert kept.sum() > 100
    return screen[kept], squares.number(*level0[kept].T)


def wait_for_colours(page: Page, screen: np.ndarray, colours: np.ndarray, tolerance: int) -> None:
    """Wait until the screen has these colours at these places."""
    wrong = 0.0
    for _ in range(_TRIES):
        gaps = np.abs(pixels(page)[screen[:, 1], screen[:, 0]].astype(int) - colours).max(axis=1)
        wrong = float((gaps > tolerance).mean())
        if not wrong:
            return
        page.wait_for_timeout(_BETWEEN_MS)
    raise AssertionError(f"{wrong:.1%} of the places have another colour")


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({}, id="whole"),
        pytest.param({"x": 2900, "y": 2100, "zoom": 1.7}, id="edge"),
        pytest.param({"x": 700, "y": 500, "zoom": 0.6}, id="between levels", marks=pytest.mark.slow),
        pytest.param({"x": 1290, "y": 1160, "zoom": 6}, id="nearer than the slide", marks=pytest.mark.slow),
    ],
)
def test_the_slide_and_its_tiles_line_up_at_every_zoom(
    open_page: Callable[..., Page], squares: Squares, rng: np.random.Generator, where: dict[str, float]
):
    page = open_page(opacity=0, **where)
    screen, numbers = judged(page, squares, rng)
    wait_for_colours(page, screen, PALETTE[numbers], tolerance=22)
    page = open_page(opacity=100, **where)
    wait_for_colours(page, screen, COLOURS[numbers], tolerance=1)


def test_it_is_panned_and_zoomed_by_mouse_and_by_keys_within_bounds(
    open_page: Callable[..., Page], squares: Squares, rng: np.random.Generator
):
    page = open_page(opacity=0, x=1500, y=1100, zoom=0.5)
    page.mouse.move(500, 400)
    page.mouse.down()
    page.mouse.move(400, 430, steps=5)
    page.mouse.up()
    moved = place(page)
    assert (float(moved["x"]), float(moved["y"])) == (pytest.approx(1700, abs=2), pytest.approx(1040, abs=2))
    screen, numbers = judged(page, squares, rng)
    wait_for_colours(page, screen, PALETTE[numbers], tolerance=22)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    keyed = place(page)
    assert float(keyed["x"]) > float(moved["x"])
    assert float(keyed["zoom"]) > float(moved["zoom"])
    for _ in range(30):
        page.mouse.wheel(0, -400)
    assert float(place(page)["zoom"]) == pytest.approx(8, rel=0.02)
    page.keyboard.press("f")
    whole = place(page)
    assert (whole["x"], whole["y"]) == ("1500", "1100")
    page.set_viewport_size({"width": 900, "height": 700})
    assert place(page) == whole  # centre and zoom stay


def test_scale_bar_and_coordinates_are_those_of_the_slide(open_page: Callable[..., Page]):
    page = open_page(x=1500, y=1100, zoom=0.5)
    zoom = float(place(page)["zoom"])
    length, unit = page.locator("#bar span").inner_text().split()
    um = float(length) * {"µm": 1, "mm": 1000}[unit]
    width = page.locator("#bar i").evaluate("line => line.getBoundingClientRect().width")
    assert width / zoom * 0.25 == pytest.approx(um, rel=0.01)
    stage = page.locator("#stage").bounding_box()
    assert stage
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    found = re.search(r"x ([\d,]+), y ([\d,]+) px · ([\d.]+), ([\d.]+) mm", page.locator("#where").inner_text())
    assert found
    x, y = (int(text.replace(",", "")) for text in found.groups()[:2])
    assert (x, y) == (pytest.approx(1500, abs=2), pytest.approx(1100, abs=2))
    assert [float(text) for text in found.groups()[2:]] == pytest.approx([x * 0.25e-3, y * 0.25e-3], abs=0.006)
    assert re.match(r"(TUM|LYM|STR|NOR)\?? \d+ %", page.locator("#under").inner_text())


def test_only_pictures_that_are_seen_are_asked_for(open_page: Callable[..., Page]):
    page = open_page(x=1500, y=1100, zoom=0.24)
    page.wait_for_timeout(1500)  # Bokeh would begin after half a second
    asked = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    zooms = {url.split("/chunks/")[1].split("/")[0] for url in asked if "/chunks/" in url}
    assert len(zooms) == 1


def test_a_filter_takes_tiles_away_and_areas_follow(
    open_page: Callable[..., Page], squares: Squares, rng: np.random.Generator
):
    page = open_page(opacity=100)
    screen, numbers = judged(page, squares, rng)
    wait_for_colours(page, screen, COLOURS[numbers], tolerance=1)
    row = page.locator("#classes tr").filter(has_text="LYM")
    cells = row.locator("td")
    mm2 = WIDTH * HEIGHT * 0.25**2 / 1e6
    shares = [
        int(re.sub(r"\D", "", text)) for text in page.locator("#classes tbody tr td:nth-child(3)").all_inner_texts()[:4]
    ]
    areas = [float(text) for text in page.locator("#classes tbody tr td:nth-child(2)").all_inner_texts()]
    assert sum(areas) == pytest.approx(mm2, abs=0.03)
    assert shares == pytest.approx([100 * area / sum(areas[:4]) for area in areas[:4]], abs=3)
    page.get_by_label("show LYM").uncheck()
    hidden = (numbers == CODES.index("LYM"))[:, None]
    wait_for_colours(page, screen, np.where(hidden, PALETTE[numbers], COLOURS[numbers]), tolerance=22)
    expect(cells.first).to_have_text("0.00")
    expect(page.locator("#counted")).to_contain_text("tiles shown")
    page.get_by_label("accepted").uncheck()
    page.get_by_label("not sure").uncheck()
    expect(page.locator("#state")).to_have_text("No tile is as the filter asks for.")
    page.get_by_role("button", name="Show all tiles").click()
    wait_for_colours(page, screen, COLOURS[numbers], tolerance=1)
    page.locator("#most").fill("99")  # tiles of one colour have all of the confidence
    expect(page.locator("#counted")).to_contain_text("tiles shown")
    away = (
        np.abs(screen - screen.mean(axis=0)).max(axis=1) > 200
    )  # what is said when no tile is left stands in the middle
    wait_for_colours(page, screen[away], PALETTE[numbers[away]], tolerance=22)


def test_the_probability_of_a_class_is_shown_as_heat(
    open_page: Callable[..., Page], squares: Squares, rng: np.random.Generator
):
    page = open_page(opacity=100)
    screen, numbers = judged(page, squares, rng)
    page.locator("#colours").select_option(label="probability of STR")
    most, shown_now = np.array([255, 250, 220]), numbers == CODES.index("STR")
    wait_for_colours(page, screen[shown_now], np.broadcast_to(most, (shown_now.sum(), 3)), tolerance=2)
    assert (pixels(page)[screen[~shown_now, 1], screen[~shown_now, 0]].max(axis=1) < 200).all()
    expect(page.locator("#ramp")).to_be_visible()
    page.keyboard.press("h")  # the next class in turn
    assert place(page)["class"] == "NOR"


def test_a_link_leads_back_to_the_same_view(open_page: Callable[..., Page], page_of_squares: Shown, visit):
    page = open_page(x=1200, y=900, zoom=0.7)
    page.keyboard.press("2")
    page.keyboard.press("]")
    page.locator("#least").fill("30")
    page.mouse.click(400, 300)
    expect(page.locator("#tile h2")).to_have_text("Tile")
    before, link = place(page), page.evaluate("location.href")
    assert page_of_squares.token not in link
    assert before.keys() >= {"slide", "x", "y", "zoom", "hide", "opacity", "from", "tile"}
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#tile h2")).to_have_text("Tile")
    assert place(page) == before
    expect(page.get_by_label("show LYM")).not_to_be_checked()
    expect(page.locator("#least")).to_have_value("30")


def test_the_address_may_hold_nonsense(open_page: Callable[..., Page]):
    page = open_page(
        x="NaN", y="1e999", zoom=-4, tile=99999999, hide="none", opacity="x", **{"from": 300, "class": "<b>"}
    )
    whole = place(page)
    assert (whole["x"], whole["y"]) == (str(WIDTH // 2), str(HEIGHT // 2))
    assert whole.keys() <= {"slide", "x", "y", "zoom", "from", "tile"}


def test_a_picture_of_what_is_seen_has_its_legend(
    open_page: Callable[..., Page], squares: Squares, rng: np.random.Generator, tmp_path: Path
):
    page = open_page(opacity=100, zoom=0.5, x=1500, y=1100)
    screen, numbers = judged(page, squares, rng)
    wait_for_colours(page, screen, COLOURS[numbers], tolerance=1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    download.value.save_as(tmp_path / "seen.png")
    assert download.value.suggested_filename == "squares.png"
    with Image.open(tmp_path / "seen.png") as image:
        saved = np.asarray(image.convert("RGB")).astype(int)
    seen = pixels(page)
    assert saved.shape[1] > seen.shape[1]
    assert (np.abs(saved[screen[:, 1], screen[:, 0]] - COLOURS[numbers]).max(axis=1) <= 1).all()
    legend = saved[:, seen.shape[1] :]
    for color in COLOURS:
        assert (np.abs(legend - color).max(axis=-1) <= 1).sum() > 80
    assert (legend == 255).mean() > 0.5


def test_what_is_not_there_is_said(open_page: Callable[..., Page]):
    page = open_page()
    expect(page.locator("#notes")).to_contain_text("model by colour (not found here)")
    expect(page.locator("#notes")).to_contain_text(RESEARCH_USE)
    page.mouse.click(400, 300)
    expect(page.locator("#tile")).to_contain_text(
        "No activation map: the model 'by colour' that made the map was not found"
    )
    expect(page.locator("#tile img.tissue")).to_be_visible()
    page = open_page(slide="lost")
    expect(page.locator("#notes")).to_contain_text("The map alone is shown: few.tiff is not where it was")
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tile")).to_contain_text("Its picture is on the slide, which is not there.")
    page = open_page(slide="squares")
    page.locator("#slides").select_option(label="unread")
    expect(page.locator("#state.wrong")).to_contain_text("tiles.csv")
    expect(page.locator("#state.wrong")).to_contain_text("has no column 'y_px'")
    page.locator("#slides").select_option(label="lost")
    expect(page.locator("#counted")).to_contain_text("9 tiles")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_it_fits_a_laptop_and_axe_finds_nothing_serious(open_page: Callable[..., Page], scheme):
    page = open_page(tile=60)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(page.locator("#tile img.tissue")).to_be_visible()
    assert page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth && document.body.scrollHeight <= innerHeight"
    )
    assert page.evaluate("document.querySelector('aside').scrollWidth <= document.querySelector('aside').clientWidth")
    assert not findings(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    for width in (1000, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for part in ("html", "aside"):
            assert page.locator(part).evaluate("part => part.scrollWidth <= part.clientWidth"), (part, width)


def test_a_click_shows_a_tile_with_its_activation_map(starter_map: Looked, visit: Callable[..., Page], tmp_path: Path):
    with shown(starter_map.folder, log=tmp_path / "log") as command:
        page = visit(command.address, also=(command.address.partition("?")[0],))
        expect(page.locator("body[data-ready]")).to_be_attached()
        page.locator("#stage").focus()
        page.keyboard.press("Enter")
        heat = page.locator("#tile img.heat")
        expect(heat).to_be_visible()
        assert page.locator("#tile img.tissue").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [
            224,
            224,
        ]
        expect(page.locator("#tile .chances button")).to_have_count(8)
        first = page.locator("#tile .chances button").first
        expect(first).to_have_attribute("aria-pressed", "true")
        assert place(page)["tile"] == "4"
        before = heat.get_attribute("src")
        page.locator("#tile .chances button").nth(3).click()
        expect(first).to_have_attribute("aria-pressed", "false")
        expect(heat).not_to_have_attribute("src", before or "")
        page.keyboard.press("a")
        expect(heat).to_have_count(0)
        page.keyboard.press("Shift+ArrowLeft")
        expect(page.locator("#tile .facts")).to_contain_text("x 0, y 224 px")
        assert place(page)["tile"] == "3"
        command.process.terminate()
        command.process.wait(20)
        page.keyboard.press("Shift+ArrowDown")
        expect(page.locator("#told")).to_contain_text("Nobody answers. Has the command ended?")
        page.keyboard.press("Escape")
        expect(page.locator("#tile")).to_be_empty()
