"""The guide shows the folders and tables that the tests try, and no others."""

from __future__ import annotations

from tests.data.understood import FOLDERS, TABLES
from tools.write_layouts import GUIDE, guide


def test_the_guide_shows_what_the_tests_try():
    text = GUIDE.read_text("utf-8")
    assert guide(text) == text, "run: python -m tools.write_layouts"
    assert all(case.name in text and case.sketch in text for case in (*FOLDERS, *TABLES))
