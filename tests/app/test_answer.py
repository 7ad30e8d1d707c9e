import base64
import io
import re
import struct
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gastropath.app.answer import MAX_BARS, MAX_PIXELS, Upload, answers, percent, title
from gastropath.app.tiles import shown_columns
from gastropath.decoding import decode
from gastropath.errors import CannotReadImage
from gastropath.inference.classifier import Classifier
from gastropath.results.card import CardClass
from gastropath.results.prediction import Refusal
from gastropath.results.predictions import Predictions

TAGS = {"section", "img", "h2", "p", "strong", "span", "br", "table", "caption", "tbody", "tr", "th", "td", "div"}
ATTRIBUTES = {"class", "src", "alt", "scope", "aria-hidden", "colspan", "style"}


class Reader(HTMLParser):
    """The text, tags and attributes that a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def stub(
    entries: list[CardClass], probabilities: list[float], *, low: bool = False, unlike: bool = False
) -> Classifier:
    """A classifier that gives one and the same answer to every picture, and decodes as the real one does."""
    codes = tuple(entry.code for entry in entries)
    maps = np.zeros((1, 2, 2, len(codes)), np.float32)
    maps[0, 0, 0] = 1  # the upper left quarter speaks for every class
    tile = np.zeros((1, 64, 64, 3), np.uint8)

    def predict(sources, *, max_pixels, **_):
        found = []
        for source in sources:
            try:
                pixels = decode(source, max_pixels=max_pixels)
            except CannotReadImage as error:
                refused = Predictions.refused(codes, Refusal(error.code, error.reason))
                found.append(replace(refused, maps=maps, tiles=tile))
                continue
            found.append(
                Predictions.of(
                    codes,
                    np.array([probabilities], np.float32),
                    is_low_confidence=np.array([low]),
                    is_out_of_distribution=np.array([unlike]),
                    sizes_px=np.array([[pixels.shape[1], pixels.shape[0]]]),
                    maps=maps,
                    tiles=tile,
                )
            )
        return Predictions.joined(found, codes)

    return SimpleNamespace(card=SimpleNamespace(classes=tuple(entries)), classes=codes, tile_px=64, predict=predict)  # pyright: ignore[reportReturnType]


def answer(classifier: Classifier, name: str, data: bytes) -> str:
    (found,) = answers(classifier, [Upload(name, data)])
    return found.html


ENTRIES = [
    CardClass(code="ADI", name="adipose tissue", color="#f0e442"),
    CardClass(code="TUM", name="tumour epithelium", color="#d55e00"),
    CardClass(code="weird", name="weird", color="#000000"),
]
TILE = png(np.full((64, 64, 3), 200, np.uint8))


def test_the_answer_is_the_most_probable_class_with_all_probabilities_largest_first():
    texts = Reader(answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "tile.png", TILE)).texts
    assert texts == [
        *("tumour epithelium (TUM)", "Confidence ", "70.0%", "tile.png", "64 × 64 px", "Probability of each class"),
        *("tumour epithelium (TUM)", "70.0%", "adipose tissue (ADI)", "20.0%", "weird", "10.0%"),
    ]


def test_a_picture_of_another_size_is_said_to_be_resampled():
    html = answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "wide.png", png(np.zeros((30, 90, 3), np.uint8)))
    assert "90 × 30 px, resampled to 64 × 64 px" in html


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>.png",
        '"><img src=x onerror=alert(1)>.png',
        "' onload='alert(1).png",
        "</section></div><h1>big.png",
        "&lt;b&gt;.png",
        "javascript:alert(1).png",
    ],
)
@pytest.mark.parametrize("data", [TILE, b"no picture"], ids=["answered", "refused"])
def test_a_name_is_shown_as_it_is_and_never_becomes_markup(name, data):
    page = Reader(answer(stub(ENTRIES, [0.2, 0.7, 0.1]), name, data))
    assert name in page.texts
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES


def test_a_class_of_a_strangers_model_never_becomes_markup():
    entry = CardClass(code="<b>", name="<script>alert(1)</script>", color="#123456")
    page = Reader(answer(stub([entry, *ENTRIES], [0.7, 0.1, 0.1, 0.1]), "a.png", TILE))
    assert title(entry) in page.texts
    assert page.tags <= TAGS


def test_a_name_cannot_turn_the_direction_of_writing_or_fill_the_page():
    page = Reader(answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "a\u202egnp.exe\n" + "x" * 5000, TILE))
    name = page.texts[3]
    assert name.startswith("a\ufffdgnp.exe\ufffdxxx")
    assert len(name) == 120


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<svg onload=alert(1)>", "expected PNG, JPEG, TIFF"),
        (TILE[:100], "truncated"),
        (png(np.zeros((4, 4, 3), np.uint8)), "at least 16 x 16"),
    ],
    ids=["empty", "other", "truncated", "tiny"],
)
def test_a_bad_file_is_answered_with_the_reason_and_what_to_do(data, reason):
    page = Reader(answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "bad.png", data))
    assert page.texts[:2] == ["⚠ Not classified", "bad.png"]
    assert reason in page.texts[2]
    assert "Upload one picture as PNG, JPEG, TIFF, WebP, BMP or JPEG 2000" in page.texts[2]


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    side = int(MAX_PIXELS**0.5) + 1
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    chunks += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    html = answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "bomb.png", b"\x89PNG\r\n\x1a\n" + chunks)
    assert "more than the 20,000,000 allowed" in html


def test_a_fault_nobody_foresaw_is_told_to_the_log_and_not_to_the_visitor_and_spares_the_others(caplog):
    classifier = stub(ENTRIES, [0.2, 0.7, 0.1])
    predict = classifier.predict

    def fail(sources, **options):
        if b"odd" in sources:
            raise RecursionError("a secret of the server")
        return predict(sources, **options)

    classifier.predict = fail  # pyright: ignore[reportAttributeAccessIssue]
    good, odd = answers(classifier, [Upload("good.png", TILE), Upload("odd.tif", b"odd")])
    assert "tumour epithelium" in good.html
    assert "Not classified" in odd.html
    assert "secret" not in odd.html
    assert odd.prediction[0].decision == "refused"
    assert "a secret of the server" in caplog.text


@pytest.mark.parametrize(
    ("low", "unlike", "said", "shown"),
    [
        (True, False, "Not sure: low confidence", True),
        (False, True, "Not sure: unlike the training tiles", False),
        (True, True, "Not sure: unlike the training tiles", False),
    ],
)
def test_a_doubt_is_said_with_its_reason_and_a_stranger_gets_no_name_no_chart_and_no_heat(low, unlike, said, shown):
    html = answer(stub(ENTRIES, [0.2, 0.7, 0.1], low=low, unlike=unlike), "tile.png", TILE)
    assert Reader(html).texts[0] == said
    assert ("tumour epithelium" in html) is shown
    assert ("gp-chart" in html) is shown
    assert ("gp-heat" in html) is shown


def test_the_heat_map_lies_on_the_place_that_speaks_for_the_class():
    html = answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "tile.png", TILE)
    found = re.search(r'class="gp-heat" src="data:image/png;base64,([^"]+)"', html)
    assert found
    opacity = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))))[..., 3]
    half = len(opacity) // 2
    assert opacity[: half // 2, : half // 2].min() > 150
    assert opacity[-half // 2 :, -half // 2 :].max() == 0


@pytest.mark.parametrize("share", [0, 1e-9, 0.0004, 0.9996, 1])
def test_no_probability_is_rounded_to_certainty(share):
    assert percent(share) == ("> 99.9%" if share > 0.5 else "< 0.1%")


def test_the_table_says_of_each_tile_what_its_card_says():
    entries = [CardClass(code=code, name=code, color="#123456") for code in ("A", "B")]
    given = Predictions.of(
        ("A", "B"),
        np.array([[0.999999, 0.000001], [0.45, 0.55], [0.8, 0.2], [np.nan, np.nan]], np.float32),
        refusals=(None, None, None, Refusal("not_an_image", "is a text")),
        is_low_confidence=np.array([False, True, False, False]),
        is_out_of_distribution=np.array([False, False, True, False]),
    )
    shown = shown_columns(SimpleNamespace(classes=entries), list("wxyz"), given)  # pyright: ignore[reportArgumentType]  # all that is read of a card
    assert shown["Tissue"] == ["A", "", "", ""]
    assert shown["Confidence"] == [0.9999, 0.55, None, None]
    assert shown["Decision"] == ["accepted", "not sure", "not sure", "refused"]
    assert shown["Reason"] == ["", "low confidence", "unlike the training tiles", "is a text"]


def test_every_bar_has_its_name_and_its_figure_so_that_colour_carries_nothing_alone():
    html = answer(stub(ENTRIES, [0.2, 0.7, 0.1]), "tile.png", TILE)
    table = html[html.index("<table") :]
    bars = [f'style="width:{width};background-color:{color}"' for width, color in
            (("70.00%", "#d55e00"), ("20.00%", "#f0e442"), ("10.00%", "#000000"))]  # fmt: skip
    assert [table.count(bar) for bar in bars] == [1, 1, 1]
    assert table.count('<th scope="row">') == len(ENTRIES)


def test_of_very_many_classes_the_first_are_shown_and_the_rest_summed_up():
    n = MAX_BARS + 5
    entries = [CardClass(code=f"C{i}", name=f"class {i}", color="#112233") for i in range(n)]
    texts = Reader(answer(stub(entries, [0.5, *[0.5 / (n - 1)] * (n - 1)]), "tile.png", TILE)).texts
    assert texts[-2:] == ["5 other classes together", percent(5 * 0.5 / (n - 1))]


def test_the_page_takes_every_format_that_its_message_names():
    from gastropath.app.tiles import TYPES

    assert {"png", "jpg", "jpeg", "tif", "tiff", "webp", "bmp", "jp2"} < set(TYPES)
