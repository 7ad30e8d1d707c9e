"""A page opens offline, asks nobody for anything, and shows text as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gastropath.errors import MissingExtra
from gastropath.images import encode_jpeg, encode_png
from gastropath.report.charts.classes import confusion_matrix, per_class
from gastropath.report.charts.drawing import Drawing
from gastropath.report.html import Page
from gastropath.report.notices import RESEARCH_USE, SYNTHETIC
from gastropath.report.parts import Bar, Bars, Bullets, Chart, Gallery, Section, Table, Text, Tile

HOSTILE = """</title><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;{{ 7*7 }}{% raw %}"""


class Reader(HTMLParser):
    """Collects elements with their attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def page(text: str = "text", *, synthetic: bool = False, color: str = "#aabbcc") -> Page:
    pixels, drawing = np.zeros((16, 16, 3), np.uint8), Drawing(800, 40)
    drawing.text((4, 20), text)
    parts = [
        Text(text),
        Text(text, "warning"),
        Table((text, "n"), [(text, 1), (text, "2")], text),
        Bars([Bar(text, 3, color, text), Bar(text, 0, color, text)], text),
        Gallery([Tile(encode_png(pixels), text, text, color), Tile(encode_jpeg(pixels), text, text)], text),
        Bullets([text, text]),
        Chart("name", drawing, text, text),
    ]
    return Page(text, [text], [Section(text, parts)], synthetic, text)


def test_no_text_becomes_markup_wherever_it_stands():
    html = page(HOSTILE, color='red"><script>').render()
    plain = Reader(page("harmless, and as long " * 3).render())
    hostile = Reader(html)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(attributes) for _, attributes in hostile.elements] == [sorted(a) for _, a in plain.elements]
    assert hostile.text.count(HOSTILE) >= 10
    assert "49" not in hostile.text


def test_nothing_is_fetched_from_anywhere():
    html = page().render()
    for tag, attributes in Reader(html).elements:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form", "audio", "video"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "srcset", "action", "poster"}:
                assert (value or "").startswith("data:")
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_pictures_are_embedded_as_what_they_are():
    html = page().render()
    assert html.count("data:image/png;base64,") == 1
    assert html.count("data:image/jpeg;base64,") == 1
    assert html.count("data:image/svg+xml;base64,") == 1
    assert all(attributes.get("alt") for tag, attributes in Reader(html).elements if tag == "img")


def test_the_limits_of_use_are_said_once_and_synthetic_data_is_named():
    real, drawn = Reader(page().render()).text, Reader(page(synthetic=True).render()).text
    assert real.count(RESEARCH_USE) == drawn.count(RESEARCH_USE) == 1
    assert SYNTHETIC not in real
    assert drawn.count(SYNTHETIC) == 1


def widths(html: str) -> list[str]:
    return re.findall(r'class="bar" style="width: ([\d.]+)%', html)


def test_bars_compare_with_the_longest_and_none_breaks_the_page():
    html = page().render()
    assert widths(html) == ["100.00", "0.00"]
    empty = Page("t", [], [Section("s", [Bars([]), Bars([Bar("a", 0, "#fff", "0")])])], False).render()
    assert widths(empty) == ["0.00"]


@pytest.mark.browser
def test_charts_stay_readable_on_a_phone_and_the_page_does_not_scroll_sideways(make_metrics, chromium, tmp_path):
    from playwright.sync_api import sync_playwright

    metrics = make_metrics(tuple(f"class {i}" for i in range(40)))
    charts = [confusion_matrix(metrics, normalised=True), per_class(metrics)]
    Page("t", [], [Section("s", charts)], False).write(tmp_path / "page.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto((tmp_path / "page.html").as_uri())
        shown = page.eval_on_selector_all(
            "img", "all => all.map(e => e.getBoundingClientRect().width / e.naturalWidth)"
        )
        width = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert width <= 390
    assert len(shown) == 2
    assert min(shown) >= 0.7


@pytest.mark.parametrize(
    "cell", [1, 0.5, "12", "1,234", "12.5%", "12.5 %", "-3", "−3", "0.812 (0.750–0.871)", "1e-5", "–", "< 0.001"]
)
def test_a_number_is_set_to_the_right(cell: object):
    assert Table.numeric(cell)


def test_a_column_of_numbers_and_its_heading_are_set_to_the_right_and_a_mixed_one_is_not():
    table = Table(("class", "n", "value"), [("TUM", 1, "2"), ("STR", "–", "two")])
    html = Page("t", [], [Section("s", [table])], False).render()
    marked = [(tag, given.get("class")) for tag, given in Reader(html).elements if tag in ("th", "td")]
    assert marked == [(tag, kind) for tag in ("th", "td", "td") for kind in (None, "number", None)]


@pytest.mark.parametrize("cell", ["TUM", "1.png", "10_tile.png", "2 files", "", "224 x 224", "²", "3 (three)", None])
def test_a_name_that_begins_with_a_digit_is_no_number(cell: object):
    assert not Table.numeric(cell)


def test_a_page_is_valid_utf8_though_a_file_name_is_not(tmp_path: Path):
    page("caf\udce9 🔬").write(tmp_path / "page.html")
    assert "🔬" in (tmp_path / "page.html").read_text("utf-8")


def test_without_jinja_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[evaluate\]'"):
        page().render()
