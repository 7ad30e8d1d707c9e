"""The errors a user can cause and mend. Every message says what was found, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GastroPathError(Exception):
    """The command cannot go on; its message is written for the person at the keyboard."""


class CannotReadImage(GastroPathError):
    """A file is no image that can be classified; the message is the reason recorded beside its name."""


class CannotReadTable(GastroPathError):
    """A CSV or JSON file lacks what it should hold."""


class NoTilesFound(GastroPathError):
    """A folder or table holds no tiles in a form that is understood."""


class TooFewTiles(GastroPathError):
    """There are tiles, but not enough of a class or of groups for what was asked."""


class UnknownSetting(GastroPathError):
    """A setting, class, recipe or column was named that does not exist, or has a value it cannot take."""


class OutputExists(GastroPathError):
    """The output is already there; nothing is overwritten unasked."""


class CannotWrite(GastroPathError):
    """The output cannot be written: read-only, full disk, or a file where a folder should be."""


class CannotResume(GastroPathError):
    """A run was asked to go on with other data or other settings than it began with."""


class BadBundle(GastroPathError):
    """A model bundle is missing, damaged, of an unknown version, or not what its card says."""


class MissingExtra(GastroPathError):
    """A command needs an optional part of GastroPath that is not installed."""

    def __init__(self, command: str, extra: str, module: str) -> None:
        super().__init__(
            f"{command} needs the package {module!r}, which is not installed; "
            f"install it with: pip install 'gastropath[{extra}]'"
        )
        self._parts = (command, extra, module)

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str, str]]:
        return type(self), self._parts  # a worker raises it on another machine


class CannotUseCluster(GastroPathError):
    """No Dask scheduler answers, or its workers cannot do the work."""


class CannotCompare(GastroPathError):
    """Models were not judged on the same tiles, or not judged at all."""


class CannotDownload(GastroPathError):
    """The data set cannot be had from its server, or what came is not what was published."""


class CannotListen(GastroPathError):
    """The web page cannot be served where it was asked to be."""


class BadArchive(GastroPathError):
    """A zip archive is damaged, is none, or holds what must not be unpacked."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'X'?"`` for the closest known name, else the list of what is known.

    Examples
    --------
    >>> did_you_mean("TMU", ["TUM", "STR"])
    "; did you mean 'TUM'?"
    """
    names = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f"; did you mean {lowered[close[0]]!r}?"
    return f"; known are: {', '.join(names)}"


class CannotReadSlide(GastroPathError):
    """A file is no slide, is damaged, or shows no brightfield picture."""


class CannotReadSpacing(CannotReadSlide):
    """A slide does not tell its micrometres per pixel."""


class CannotReadRegion(GastroPathError):
    """A slide is damaged at one place; the rest can be read."""
