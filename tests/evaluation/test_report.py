import csv
import re

import pytest
from tests.accessibility import of_a_file

from gastropath.results.metrics import Metrics


@pytest.fixture(scope="module")
def report(finished_run) -> str:
    return (finished_run / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def metrics(finished_run) -> Metrics:
    return Metrics.model_validate_json((finished_run / "metrics.json").read_text())


def test_the_report_is_one_file_that_asks_nothing_of_the_network(report):
    assert not re.search(r"""(src|href)=["'](?!data:)""", report)
    assert "<script" not in report
    assert "default-src 'none'" in report


def test_the_report_says_that_the_data_is_synthetic_and_for_research_only(report):
    assert "Synthetic data" in report
    assert report.count("For research and education only") == 1


def test_the_report_names_every_class_and_its_metrics(report, metrics):
    for code, row in metrics.per_class.items():
        assert f"<td>{code}</td>" in report
        assert str(row.f1) in report
    assert str(metrics.macro_f1) in report
    assert f"n = {metrics.n:,}" in report


def test_the_report_shows_the_misclassified_tiles_and_analyses_the_pairs(report, finished_run):
    with (finished_run / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    wrong = [row for row in rows if row["true_label"] != row["predicted_label"]]
    assert wrong
    for row in wrong[:48]:
        assert f"{row['true_label']} → {row['predicted_label']}" in report
        assert row["path"] in report
    assert re.search(r"\w+ taken for \w+: \d+ of \d+ tiles", report)
    assert len(list((finished_run / "misclassified").iterdir())) == len(wrong)


def test_the_charts_lie_beside_the_report_as_svg_and_png(finished_run):
    names = {path.name for path in (finished_run / "figures").iterdir()}
    charts = (
        "confusion_matrix", "confusion_matrix_normalised", "per_class", "reliability", "history",
        "risk_coverage", "robustness", "deletion_insertion",
    )  # fmt: skip
    assert names == {f"{chart}.{kind}" for chart in charts for kind in ("svg", "png")}


@pytest.mark.browser
def test_the_report_fits_every_width_and_axe_finds_nothing(finished_run, chromium):
    assert not of_a_file(chromium, finished_run / "report.html")


@pytest.mark.browser
def test_on_paper_no_table_is_cut_off(finished_run, chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 700, "height": 1000})  # A4 less its margins, at 96 px an inch
        page.emulate_media(media="print")
        page.goto((finished_run / "report.html").as_uri())
        widths = page.eval_on_selector_all(
            "table, .card, figure", "all => all.map(e => e.getBoundingClientRect().right)"
        )
        browser.close()
    assert len(widths) > 10
    assert max(widths) <= 700
