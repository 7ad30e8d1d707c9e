"""What every command takes, before its name or anywhere behind it: ``-q``, ``-v``, ``--threads N``, ``--debug``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gastropath.errors import UnknownSetting

_FLAGS = {
    "--debug": "debug", "-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose",
}  # fmt: skip
_THREADS = "--threads"
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Variables by which libraries that have threads of their own are told, before they are loaded."""


@dataclass(frozen=True)
class Switches:
    """How a command is to run.

    Attributes
    ----------
    debug
        Show the traceback of an error.
    quiet
        Show no progress; warnings, refusals and results stay.
    verbose
        Name every refused input, not the first twenty.
    threads
        Processor cores to use; ``None`` for all.
    """

    debug: bool = False
    quiet: bool = False
    verbose: bool = False
    threads: int | None = None

    def tell_libraries(self) -> None:
        """Set what libraries that are not loaded yet read of the environment."""
        if self.threads:
            os.environ.update(dict.fromkeys(_LIBRARIES, str(self.threads)))
        if self.quiet or not sys.stderr.isatty():
            os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # what fetches models from the Hub draws its own


def taken(arguments: Sequence[str]) -> tuple[Switches, list[str]]:
    """Take the switches out of a command line; behind ``--`` everything is a name.

    Raises
    ------
    UnknownSetting
        If the number of threads is none.
    """
    found, left = Switches(), list[str]()
    waiting = iter(arguments)
    for word in waiting:
        if word == "--":
            left += [word, *waiting]
        elif word in _FLAGS:
            found = replace(found, **{_FLAGS[word]: True})
        elif word == _THREADS or word.startswith(f"{_THREADS}="):
            value = next(waiting, "") if word == _THREADS else word.partition("=")[2]
            if not (value.isascii() and value.isdecimal() and int(value) > 0):
                raise UnknownSetting(f"is {value!r}; expected a number of processor cores, from 1", parameter=_THREADS)
            found = replace(found, threads=int(value))
        else:
            left.append(word)
    return found, left
