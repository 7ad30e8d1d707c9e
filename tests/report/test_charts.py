"""Charts are drawn without a plotting library, whatever the classes are called and however many there are."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import Literal
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gastropath.report.charts.axes import Scale
from gastropath.report.charts.classes import confusion_matrix, per_class
from gastropath.report.charts.colour_strips import colour_strips
from gastropath.report.charts.confidence import reliability, risk_coverage
from gastropath.report.charts.drawing import Drawing, fitted, fitted_names, text_width
from gastropath.report.charts.faithfulness import deletion_insertion
from gastropath.report.charts.forest import Panel, forest
from gastropath.report.charts.robustness import changed_tiles
from gastropath.report.charts.training import history_chart
from gastropath.report.parts import Chart
from gastropath.results.interval import Interval
from gastropath.results.metrics import Metrics

SVG = "{http://www.w3.org/2000/svg}"
EPOCHS = [
    {"epoch": 1.0, "loss": 2.0, "accuracy": 0.5, "val_loss": float("nan"), "val_accuracy": 0.25},
    {"epoch": 2.0, "loss": 1.0, "accuracy": 0.75, "val_loss": 1.5, "val_accuracy": 0.5},
]
STRENGTHS = [{"strength": 10.0**power, "nll": 0.5 + power**2, "macro_f1": 0.5} for power in range(-2, 3)]


def every_chart(metrics: Metrics) -> list[Chart]:
    assert metrics.robustness
    assert metrics.explanations
    return [
        confusion_matrix(metrics, normalised=False),
        confusion_matrix(metrics, normalised=True),
        per_class(metrics),
        reliability(metrics),
        risk_coverage(metrics),
        changed_tiles(metrics.robustness, metrics.judged),
        deletion_insertion(metrics.explanations),
        history_chart(EPOCHS),
        history_chart(STRENGTHS),
    ]


def texts(chart: Chart | Drawing) -> list[str]:
    drawing = chart.drawing if isinstance(chart, Chart) else chart
    return [element.text or "" for element in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    "classes",
    [
        pytest.param(("TUM", "STR"), id="two"),
        pytest.param(tuple(f"class of tissue number {i}, with a long name" for i in range(40)), id="forty"),
        pytest.param(("x$_$", "<b>&amp;</b>", "caf\udce9\0", "Ø漢字", '"'), id="odd names"),
    ],
)
def test_every_chart_is_drawn_within_its_frame_in_both_formats(make_metrics, classes):
    for chart in every_chart(make_metrics(classes)):
        svg = chart.drawing.svg()
        assert "nan" not in re.sub(r">[^<]*<", "><", svg)
        for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
            assert 0 <= float(element.attrib["x"]) <= chart.drawing.width
            assert 0 <= float(element.attrib["y"]) <= chart.drawing.height
            room = {"start": chart.drawing.width - float(element.attrib["x"]), "end": float(element.attrib["x"])}
            width = text_width(element.text or "", float(element.attrib["font-size"]))
            if "transform" not in element.attrib and element.attrib["text-anchor"] in room:
                assert width <= room[element.attrib["text-anchor"]] + 1, (chart.name, element.text)
        picture = Image.open(io.BytesIO(chart.drawing.png()))
        assert picture.size == (2 * chart.drawing.width, 2 * chart.drawing.height)
        grey = np.asarray(picture.convert("L"))
        assert (grey.min() < 100, grey.max()) == (True, 255)
        assert chart.alt
        assert chart.caption


def test_the_same_numbers_give_the_same_bytes(make_metrics):
    one, two = every_chart(make_metrics()), every_chart(make_metrics())
    assert [chart.drawing.svg() for chart in one] == [chart.drawing.svg() for chart in two]
    assert [chart.drawing.png() for chart in one] == [chart.drawing.png() for chart in two]


def test_metrics_that_are_not_defined_leave_a_gap_and_no_error(make_metrics):
    nothing = Interval(value=None)
    metrics = make_metrics()
    empty = metrics.per_class["empty"]
    abstention = metrics.abstention.model_copy(update={"selective_accuracy": nothing, "coverage": nothing, "curve": ()})
    bare = metrics.calibration.before.model_copy(update={"bins": ()})
    changed = make_metrics(
        per_class=dict.fromkeys(metrics.classes, empty),
        abstention=abstention,
        calibration=metrics.calibration.model_copy(update={"before": bare, "after": None}),
        confusion_matrix=((0,) * 3,) * 3,
        accuracy=nothing,
    )
    for chart in every_chart(changed):
        assert "nan" not in chart.drawing.svg()
        assert chart.drawing.png()
    assert texts(per_class(changed)).count("no tiles") == 3


def test_the_confusion_matrix_shows_every_count_in_picture_and_words(make_metrics):
    metrics = make_metrics(("A", "B", "C"), confusion_matrix=((98, 2, 0), (0, 1234, 0), (0, 0, 0)))
    counts, shares = (confusion_matrix(metrics, normalised=normalised) for normalised in (False, True))
    assert [text for text in texts(counts) if text.isdigit()] == ["98", "2", "1234"]
    assert [text for text in texts(shares) if "." in text] == ["0.98", "0.02", "1.00"]
    assert "True A: A 98, B 2; True B: B 1,234; True C: no tiles." in counts.alt
    assert "True A: A 0.98, B 0.02;" in shares.alt


def test_a_class_is_named_beside_its_colour(make_metrics):
    assert {"TUM", "STR", "precision", "recall", "F1"} <= set(texts(per_class(make_metrics())))


def test_the_diagram_of_confidence_says_in_words_what_it_shows(make_metrics):
    chart = reliability(make_metrics())
    assert chart.alt.startswith("Reliability diagram. confidence 30%: 9% of 10 right; ")
    assert "overconfident" in chart.caption
    assert "before calibration" in texts(chart)


def test_names_too_long_for_a_chart_keep_both_ends():
    names = [f"a class with a name that goes on and on, {end}" for end in ("left", "right")]
    drawing = forest([Panel("", names, [Interval.of(0.1, 0.0, 0.2)] * 2)], "difference")
    shown = [text for text in texts(drawing) if "…" in text]
    assert [text.endswith(end) for text, end in zip(shown, ("left", "right"), strict=True)] == [True, True]
    assert all(text.startswith("a class") for text in shown)


def test_a_title_too_long_for_a_chart_is_not_cut_off_at_its_edge():
    drawing = forest([Panel("a_model_with_a_long_name_" * 8, ["A"], [Interval.of(0.1, 0.0, 0.2)])], "difference")
    (title,) = (text for text in texts(drawing) if text.startswith("a_model"))
    assert text_width(title) < drawing.width - 14 - text_width("A")


def test_names_that_would_look_alike_are_numbered():
    names = [f"class of tissue number {i}, with a long name" for i in (8, 9)]
    shown = fitted_names(names, 130)
    assert [name[:2] for name in shown] == ["1 ", "2 "]
    assert fitted_names(["TUM", "STR"], 130) == ["TUM", "STR"]


@given(st.text(), st.floats(20, 300))
def test_a_fitted_text_fits_or_is_two_letters_long(text, width):
    shown = fitted(text, width)
    assert text_width(shown) <= width or len(shown) <= 3
    assert shown == text or "…" in shown


@given(st.floats(-1e6, 1e6), st.floats(1e-4, 1e6))
def test_ticks_lie_within_their_scale_and_are_told_apart(low, span):
    scale = Scale(low, low + span)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 7
    assert all(-1e-6 <= scale.place(tick) <= 1 + 1e-6 for tick in ticks)
    if abs(low) < 1e3 * span:
        assert len(set(scale.labels())) == len(ticks)


def test_a_logarithmic_scale_has_powers_of_ten():
    assert Scale(0.008, 1300, log=True).labels() == ["0.01", "0.1", "1", "10", "100", "1000"]


def test_turned_text_of_a_png_stands_where_that_of_the_svg_does():
    """The middle of the ink lies where the middle of the text should: upwards of the anchor by half its length."""
    turns: list[tuple[Literal[0, 45, 90], float, float]] = [(0, 1.0, 0.0), (45, 0.5**0.5, 0.5**0.5), (90, 0.0, 1.0)]
    for turn, x, y in turns:
        drawing = Drawing(200, 200)
        drawing.text((100, 100), "HHHHHHHH", turn=turn)
        ink = np.argwhere(np.asarray(Image.open(io.BytesIO(drawing.png())).convert("L")) < 128) / 2
        middle = (ink.min(axis=0) + ink.max(axis=0)) / 2
        length = np.hypot(*(ink.max(axis=0) - ink.min(axis=0)))
        np.testing.assert_allclose(middle, (100 - y * length / 2, 100 + x * length / 2), atol=4)


def test_strips_show_the_colours_they_are_given():
    drawing = colour_strips([("TUM", [(255, 0, 0), (0, 255, 0)]), ("own", [(0, 0, 255)])])
    fills = [element.attrib["fill"] for element in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}polygon")]
    assert fills == ["#ff0000", "#00ff00", "#0000ff"]
    assert texts(drawing) == ["TUM", "own"]


def test_charts_need_no_plotting_library():
    code = (
        "import sys\nimport gastropath.report.charts.classes, gastropath.report.charts.forest\n"
        "print(*(set(sys.modules) & {'matplotlib', 'pandas', 'jinja2', 'streamlit'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_files_of_a_chart_are_named_after_it(make_metrics, tmp_path):
    chart = reliability(make_metrics())
    chart.write(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"reliability.svg", "reliability.png"}
    assert (tmp_path / "reliability.svg").read_text("utf-8") == chart.drawing.svg()


def test_no_two_charts_of_a_report_have_the_same_name(make_metrics):
    names = [chart.name for chart in every_chart(make_metrics())[:-1]]
    assert len(set(names)) == len(names)
