"""Fixtures of the page's tests."""

import sys
from collections.abc import Iterator

import page_driver
import pytest

browser = page_driver.browser
visit = page_driver.visit
coloured_tiles = page_driver.coloured_tiles
coloured_run = page_driver.coloured_run
uploads = page_driver.uploads


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Put back the main module, which Streamlit replaces by its script: a spawned process would run that again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
