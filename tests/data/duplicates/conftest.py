"""Fixtures of the tests of duplicates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gastropath.parallel import one_thread_each


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As the audit does it: matrices this small are computed far faster by one thread than by several."""
    with one_thread_each():
        yield
