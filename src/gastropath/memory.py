"""Memory that is given back to the system once it is free."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's `mallopt`."""

_LARGE_BYTES = 2**22


def give_back_large_buffers() -> None:
    """Have buffers of 4 MB and more, such as blocks of a slide, given back as soon as they are free.

    glibc learns from the first large buffer that is freed to keep the next ones, up to 64 MB in each thread: a process
    that reads a slide then holds buffers that nothing uses. Call it early in a process. Other systems' memory needs
    no such word, and nothing is done there.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # a C library without it
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES)
