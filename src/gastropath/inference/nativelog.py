"""Keeping the start-up lines of native libraries off the terminal."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_log() -> Iterator[None]:
    """Send what C++ code writes to standard error nowhere while the block runs.

    For moments in which a library prints lines that nobody can act on and that it offers no switch for. Blocks of
    several threads may overlap: standard error belongs to the whole process, so the first one in puts it aside, and
    the last one out brings it back. A process that is forked meanwhile has its own from the start.
    """
    _SILENCE.begin()
    try:
        yield
    finally:
        _SILENCE.end()


class _Silence:
    """How many blocks go on in this process, and the standard error they put aside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._blocks = 0
        self._saved: int | None = None

    def begin(self) -> None:
        with self.lock:
            self._blocks += 1
            if self._blocks == 1:
                self._saved = _put_aside()

    def end(self) -> None:
        with self.lock:
            if self._blocks == 0:  # a forked child leaves a block that its parent entered
                return
            self._blocks -= 1
            if self._blocks == 0:
                self._bring_back()

    def in_child(self) -> None:
        """Begin anew: of the threads that would leave their blocks, at most one lives on in a forked child."""
        self._blocks = 0
        self._bring_back()
        self.lock.release()

    def _bring_back(self) -> None:
        if self._saved is not None:
            os.dup2(self._saved, 2)
            os.close(self._saved)
            self._saved = None


def _put_aside() -> int | None:
    """Point standard error to nowhere and return what it was; ``None`` where it could not be, and stays."""
    try:
        saved = os.dup(2)
    except OSError:  # a process without a standard error, e.g. a window program
        return None
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
    except OSError:  # too many open files: the lines are shown
        os.close(saved)
        return None
    return saved


_SILENCE = _Silence()

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_SILENCE.lock.acquire, after_in_parent=_SILENCE.lock.release, after_in_child=_SILENCE.in_child
    )
