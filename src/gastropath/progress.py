"""How long work tells how far it has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)`` while long work goes on."""


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""
