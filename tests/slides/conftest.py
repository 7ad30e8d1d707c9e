"""Fixtures of the slides' tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawing import ByColour


@pytest.fixture
def by_colour() -> ByColour:
    return ByColour()


@pytest.fixture(scope="session")
def real_slide() -> Path:
    """A slide of OpenSlide's test data, where it is present."""
    path = Path(__file__).parents[2].parent / "shared" / "data" / "slides" / "CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"no slide at {path}")
    return path
