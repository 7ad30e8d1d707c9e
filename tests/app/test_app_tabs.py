"""Regions, examples, heat maps, tables, downloads and the page about the model, in a real browser."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from page_driver import Server, free_port, read, served, upload
from PIL import Image
from playwright.sync_api import Page, expect
from tests.accessibility import LOOKS, findings

from gastropath.app.answer import title
from gastropath.bundle.files import open_bundle, starter
from gastropath.inference.classifier import Classifier
from gastropath.slides.mapping import map_picture
from gastropath.slides.source.slide import open_slide
from gastropath.tissue_classes import TISSUE_CLASSES

pytestmark = pytest.mark.browser

TILE_PX, MPP = 32, 0.5
"""What the model of the coloured tiles takes."""


@pytest.fixture(scope="module")
def server(coloured_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _served(coloured_run, tmp_path_factory)


@pytest.fixture(scope="module")
def starter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _served(starter(), tmp_path_factory)


def _served(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    arguments = [sys.executable, "-m", "gastropath", "app", "--model", str(model), "--port", str(port)]
    with served(arguments, port, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A picture of coloured squares, one a tile, and the class number of each square."""
    truth = np.random.default_rng(3).integers(len(TISSUE_CLASSES), size=(12, 20))
    colors = np.array([[int(tissue.color[i : i + 2], 16) for i in (1, 3, 5)] for tissue in TISSUE_CLASSES], np.uint8)
    pixels = colors[truth].repeat(TILE_PX, axis=0).repeat(TILE_PX, axis=1)
    path = tmp_path_factory.mktemp("region") / "region.png"
    Image.fromarray(pixels).save(path)
    return path, truth


def open_region(page: Page, file: Path) -> None:
    page.get_by_role("tab", name="Map a region").click()
    page.locator(".st-key-region input[type=file]").set_input_files(str(file))


def give_mpp(page: Page, value: str) -> None:
    field = page.get_by_test_id("stNumberInputField")
    field.fill(value)
    field.press("Enter")


def downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path()).read_bytes()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_in_any_tab_and_none_is_wider_than_the_screen(
    server, visit, region, uploads, tmp_path, width, scheme
):
    broken = tmp_path / "broken.png"
    broken.touch()
    page = visit(server.url, width=width)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def wrong() -> list[str]:
        expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
        page.wait_for_timeout(500)  # Streamlit fades in what is new, and pale text has little contrast
        needed = page.evaluate("document.documentElement.scrollWidth")
        return findings(page) + [f"the page is {needed} px wide"] * (needed > width)

    expect(page.get_by_text("Synthetic: drawn by a computer, no tissue.")).to_be_visible()
    assert not wrong()
    page.get_by_text("The 8 classes").click()
    upload(page, uploads["LYM"], broken)
    read(page, uploads["LYM"].name)
    expect(page.get_by_role("heading", name="All results")).to_be_visible()
    assert not wrong()
    open_region(page, region[0])
    give_mpp(page, str(MPP))
    expect(page.get_by_role("button", name="tiles.csv")).to_be_visible()
    assert not wrong()
    page.get_by_role("tab", name="About this model").click()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    assert not wrong()


def test_a_region_becomes_a_map_whose_every_tile_is_the_square_that_lies_there(server, visit, region):
    file, truth = region
    page = visit(server.url)
    open_region(page, file)
    expect(page.get_by_text("How many micrometres is a pixel")).to_be_visible()
    give_mpp(page, str(MPP))
    page.get_by_text("Classify empty glass").click()  # flat blue and green squares look like ink
    expect(page.get_by_text("240 tiles, 240 classified.")).to_be_visible()
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "tiles.csv").decode())))
    codes = [tissue.code for tissue in TISSUE_CLASSES]
    found = {(int(row["y_px"]) // TILE_PX, int(row["x_px"]) // TILE_PX): row["predicted_label"] for row in rows}
    assert found == {place: codes[number] for place, number in np.ndenumerate(truth)}
    document = json.loads(downloaded(page, "summary.json"))
    shown = page.locator(".gp-table").inner_text()
    for tissue in TISSUE_CLASSES:
        area = document["area_mm2"]["classes"][tissue.code]
        assert area == pytest.approx((truth == codes.index(tissue.code)).sum() * (TILE_PX * MPP) ** 2 / 1e6)
        assert f"{tissue.name} ({tissue.code})" in shown
        assert f"{area:.3f}" in shown
    collection = json.loads(downloaded(page, "tiles.geojson"))
    assert len(collection["features"]) == len(rows)
    picture = Image.open(io.BytesIO(downloaded(page, "overlay.png")))
    assert picture.width > 20 * TILE_PX


def test_the_page_maps_as_the_command_does(server, visit, region, coloured_run):
    file, _ = region
    page = visit(server.url)
    open_region(page, file)
    give_mpp(page, str(MPP))
    document = json.loads(downloaded(page, "summary.json"))
    found = map_picture(open_slide(file, MPP), Classifier.load(coloured_run))
    assert document["tiles"]["accepted"] == found.summary.tiles.accepted


def test_a_region_that_tells_its_resolution_is_mapped_without_a_question(server, visit, region, tmp_path):
    path = tmp_path / "scaled.tif"
    Image.open(region[0]).save(path, resolution=10_000 / MPP, resolution_unit=3)
    page = visit(server.url)
    open_region(page, path)
    expect(page.get_by_text("0.5 µm per pixel, from the resolution tag of the file")).to_be_visible()
    expect(page.get_by_role("button", name="tiles.csv")).to_be_visible()
    assert page.get_by_test_id("stNumberInputField").count() == 0


def test_a_region_that_is_no_picture_is_said_and_the_next_one_mapped(server, visit, region, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("<svg onload=alert(1)>")
    page = visit(server.url)
    open_region(page, text)
    expect(page.get_by_test_id("stAlert").filter(has_text="The file is")).to_be_visible()
    page.locator(".st-key-region input[type=file]").set_input_files(str(region[0]))
    give_mpp(page, str(MPP))
    expect(page.get_by_role("button", name="tiles.csv")).to_be_visible()


def test_results_are_downloaded_as_the_classifier_gives_them(server, visit, uploads, coloured_run):
    page = visit(server.url)
    upload(page, *uploads.values())
    for file in uploads.values():
        read(page, file.name)
    classifier = Classifier.load(coloured_run)
    expected = classifier.predict(list(uploads.values()))
    names = [file.name for file in uploads.values()]
    expect(page.get_by_text("All results")).to_be_visible()
    table = list(csv.DictReader(io.StringIO(downloaded(page, "Download CSV").decode())))
    assert table == [{k: str(v) for k, v in row.items()} for row in expected.rows(names)]
    document = json.loads(downloaded(page, "Download JSON"))
    assert document["answers"] == list(expected.documents(names))
    assert document["model"]["graph_sha256"] == open_bundle(coloured_run).card.files["model.tflite"]


def test_an_example_is_answered_by_a_click_and_said_to_be_drawn(server, visit):
    page = visit(server.url)
    expect(page.get_by_text("Synthetic: drawn by a computer, no tissue.")).to_be_visible()
    page.get_by_role("button", name="Try LYM").focus()
    page.keyboard.press("Enter")  # without a mouse
    assert "labelled LYM" in read(page, "drawn_LYM.jpg")
    page.get_by_role("button", name="Remove the examples").click()
    expect(page.locator(".gp-answer")).to_have_count(0)


def test_heat_maps_are_faded_in_by_the_keyboard(server, visit, uploads):
    page = visit(server.url)
    upload(page, uploads["LYM"])
    read(page, uploads["LYM"].name)
    opacity: Callable[[], float] = lambda: float(  # noqa: E731
        page.locator(".gp-heat").evaluate("e => getComputedStyle(e).opacity")
    )
    assert opacity() == 0
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    expect(page.locator(".gp-heat")).to_have_css("opacity", "1")
    assert page.locator(".gp-picture img").evaluate_all("all => all.every(e => e.alt)")


def test_a_picture_unlike_the_training_tiles_is_not_named(starter_server, visit, tmp_path):
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)).save(noise)
    assert Classifier.load().predict(noise).is_out_of_distribution.all()
    page = visit(starter_server.url)
    upload(page, noise)
    lines = read(page, "noise.png")
    assert lines[0] == "Not sure: unlike the training tiles"
    names = [title(entry) for entry in open_bundle(starter()).card.classes]
    assert not any(name in line for line in lines for name in names)


def test_the_page_about_the_model_tells_what_its_card_tells(starter_server, visit):
    card = open_bundle(starter()).card
    page = visit(starter_server.url)
    page.get_by_role("tab", name="About this model").click()
    expect(page.get_by_text("How to cite")).to_be_visible()
    text = page.locator("[data-testid=stMain]").inner_text()
    assert card.metrics
    for figure in ("accuracy", "macro_f1"):
        assert str(getattr(card.metrics, figure)) in text
    assert all(limit in text for limit in card.limitations)
    assert card.training_data.licence in text
    counts = page.get_by_role("img", name="Confusion matrix, counts").get_attribute("alt") or ""
    for code, row in zip(card.codes, card.metrics.confusion_matrix, strict=True):
        cells = ", ".join(f"{other} {n:,}" for other, n in zip(card.codes, row, strict=True) if n)
        assert f"True {code}: {cells}" in counts
    diagram = page.get_by_role("img", name="Reliability diagram")
    first = (card.metrics.calibration.after or card.metrics.calibration.before).bins[0]
    assert f"{first.accuracy:.0%} of {first.n} right" in (diagram.get_attribute("alt") or "")


@pytest.mark.parametrize("tab", ["Tiles", "Map a region", "About this model"])
def test_every_tab_fits_a_phone(starter_server, visit, region, tab):
    page = visit(starter_server.url, width=390)
    page.get_by_role("tab", name=tab).click()
    if tab == "Map a region":
        page.locator(".st-key-region input[type=file]").set_input_files(str(region[0]))
        give_mpp(page, str(MPP))
        expect(page.get_by_role("button", name="tiles.csv")).to_be_visible()
    elif tab == "About this model":
        expect(page.get_by_text("How to cite")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth + 1")
