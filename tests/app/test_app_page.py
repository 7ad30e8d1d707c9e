"""The page as a visitor sees it: a real server, a real browser, read from the page's text."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from page_driver import Server, app_command, free_port, read, served, upload
from PIL import Image
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from gastropath.app.answer import percent, title
from gastropath.app.tiles import MAX_FILES
from gastropath.inference.classifier import Classifier
from gastropath.report.notices import RESEARCH_USE, SYNTHETIC_MODEL
from gastropath.tissue_classes import tissue_class

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(coloured_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log"
    with served(app_command(coloured_run, port), port, log) as server:
        yield server


@pytest.fixture
def open_page(server: Server, visit: Callable[..., Page]) -> Iterator[Callable[..., Page]]:
    """Open the page as a new visitor; what the server said is shown when the test fails."""
    yield lambda **size: visit(server.url, **size)
    print(server.said())


@pytest.fixture(scope="module")
def classifier(coloured_run: Path) -> Classifier:
    return Classifier.load(coloured_run)


@pytest.fixture
def tiles(uploads: dict[str, Path]) -> list[Path]:
    return list(uploads.values())


def expected(classifier: Classifier, file: Path) -> tuple[str, str, dict[str, str]]:
    """Return label, confidence and all probabilities, as the page should write them."""
    answer = classifier.predict([file])
    titles = [title(entry) for entry in classifier.card.classes]
    table = dict(zip(titles, map(percent, answer.probabilities[0].tolist()), strict=True))
    label = titles[classifier.classes.index(answer.labels[0])]
    return label, percent(answer.confidence[0]), table


def check(lines: list[str], classifier: Classifier, file: Path) -> None:
    """Compare the lines of a card with what the classifier answers."""
    label, confidence, table = expected(classifier, file)
    assert lines[:3] == [label, f"Confidence {confidence}", file.name]
    chart = lines[lines.index("Probability of each class") + 1 :]
    assert dict(zip(chart[::2], chart[1::2], strict=True)) == table


@pytest.mark.parametrize("code", ["LYM", "TUM", "NOR"], ids=["png", "jpeg", "tiff"])
def test_the_label_on_the_page_is_the_classifiers_and_the_true_one(open_page, classifier, uploads, code):
    page = open_page()
    upload(page, uploads[code])
    lines = read(page, uploads[code].name)
    check(lines, classifier, uploads[code])
    assert lines[0] == f"{tissue_class(code).name} ({code})"


def test_the_tiles_of_these_tests_get_different_answers(classifier, tiles):
    answers = [expected(classifier, file) for file in tiles]
    assert len({label for label, _, _ in answers}) == len(tiles)
    assert len({tuple(table.items()) for _, _, table in answers}) == len(tiles)


@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_several_tiles_are_answered_in_their_order_and_fit_the_screen(open_page, classifier, tiles, width):
    page = open_page(width=width)
    upload(page, *tiles)
    for file in tiles:
        check(read(page, file.name), classifier, file)
    assert page.locator(".gp-name").all_inner_texts() == [file.name for file in tiles]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overhang = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.locator(".gp-answer").evaluate_all(overhang) == 0


def test_the_research_use_notice_is_said_once_before_and_with_results(open_page, tiles):
    page = open_page()
    notices = page.get_by_text(RESEARCH_USE)
    expect(notices).to_have_count(1)
    expect(page.get_by_text(SYNTHETIC_MODEL)).to_have_count(1)
    assert page.locator(".gp-answer").count() == 0
    upload(page, tiles[0])
    read(page, tiles[0].name)
    expect(notices).to_have_count(1)
    assert "diagnos" not in page.locator("body").inner_text().lower()


def test_the_page_shows_no_docstring_and_no_menu_to_deploy(open_page):
    page = open_page()
    expect(page.get_by_text("The 8 classes")).to_be_visible()
    text = page.locator("body").inner_text()
    assert "Deploy" not in text
    assert "Run by" not in text
    assert "Parameters" not in text


def test_a_bad_file_gets_a_clear_message_and_the_others_their_answers(open_page, classifier, tiles, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(tiles[0].read_bytes()[:2000])
    text = tmp_path / "text.jpg"
    text.write_text("<script>document.title = 'hacked'</script>")
    empty = tmp_path / "empty.tif"
    empty.touch()
    page = open_page()
    upload(page, broken, text, tiles[0], empty)
    assert read(page, "broken.png")[0] == "⚠ Not classified"
    assert "truncated" in read(page, "broken.png")[2]
    assert "expected PNG, JPEG, TIFF" in read(page, "text.jpg")[2]
    assert "is empty" in read(page, "empty.tif")[2]
    check(read(page, tiles[0].name), classifier, tiles[0])
    assert page.title() == "GastroPath"
    assert page.get_by_text("Traceback").count() == 0


def test_after_a_bad_file_the_next_good_one_is_answered(open_page, classifier, tiles, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    page = open_page()
    upload(page, broken)
    assert read(page, "broken.png")[0] == "⚠ Not classified"
    upload(page, tiles[1])
    check(read(page, tiles[1].name), classifier, tiles[1])


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.png",
        "<b>bold</b>.png".replace("/", "\u2215"),
        "**bold** _x_ `y` [l](javascript:alert(1)).png",
        "www.example.com.png",
        ":material_home: :red[x] $a^2$ <-.png",
        "# heading.png",
        "    indented.png",
        "100% & more; 'x'.png",
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
def test_a_hostile_name_is_shown_as_plain_text(open_page, tiles, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(tiles[0].read_bytes())
    page = open_page()
    upload(page, file)
    expect(page.locator(".gp-name")).to_have_text(name.strip())
    main = page.locator("[data-testid=stMain]")
    assert main.locator("a, b, em, code, script, .katex").count() == 0
    assert page.locator(".gp-name").evaluate("e => e.children.length") == 0


def test_another_kind_of_file_is_not_taken(open_page, tmp_path):
    page_file = tmp_path / "page.html"
    page_file.write_text("<script>alert(1)</script>")
    page = open_page()
    upload(page, page_file)
    expect(page.get_by_text("files are not allowed")).to_be_visible()
    assert page.locator(".gp-answer").count() == 0


def test_an_answer_goes_with_its_file(open_page, tiles):
    page = open_page()
    upload(page, tiles[0], tiles[1])
    read(page, tiles[0].name)
    read(page, tiles[1].name)
    page.get_by_label(f"Remove {tiles[0].name}").click()
    expect(page.locator(".gp-name")).to_have_text([tiles[1].name])


def test_too_many_files_are_said_and_the_first_answered(open_page, tmp_path):
    tile = Image.fromarray(np.full((32, 32, 3), 180, np.uint8))
    files = [tmp_path / f"{i:03}.png" for i in range(MAX_FILES + 1)]
    for file in files:
        tile.save(file)
    page = open_page()
    upload(page, *files)
    expect(page.get_by_text(f"{len(files)} files were uploaded; the first {MAX_FILES} are answered.")).to_be_visible()
    expect(page.locator(".gp-answer")).to_have_count(MAX_FILES)


def test_a_model_that_cannot_be_loaded_is_said_without_the_servers_paths(tmp_path):
    def page(model):
        from gastropath.app.page import main

        main(model, model)

    shown = AppTest.from_function(page, kwargs={"model": str(tmp_path / "missing")}, default_timeout=60).run()
    assert [error.value for error in shown.error] == ["The model cannot be loaded; the log of the server says why."]
    assert not shown.exception
    assert str(tmp_path) not in str(shown.main)
