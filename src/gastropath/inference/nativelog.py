"""Keeping the start-up lines of native libraries off the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_log() -> Iterator[None]:
    """Send what C++ code writes to standard error nowhere while the block runs.

    For moments in which a library prints lines that nobody can act on and that it offers no switch for.
    """
    try:
        saved = os.dup(2)
    except OSError:  # a process without a standard error, e.g. a window program
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
