"""The errors a user can cause and mend: what is wrong, where, in which parameter, and what to do.

Texts name parameters as Python does, between backticks (```out```); the command line shows the option instead.

Examples
--------
>>> error = TooFewTiles("30 is more than the 12 groups allow", parameter="folds", remedy="ask for fewer `folds`")
>>> str(error)
'folds: 30 is more than the 12 groups allow; ask for fewer folds'
>>> error.spelled(lambda name: f"--{name}")
'--folds: 30 is more than the 12 groups allow; ask for fewer --folds'
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable
from typing import Self


class GastroPathError(Exception):
    """The work cannot go on; the message is written for the person who asked for it.

    Attributes
    ----------
    what
        What was expected and what was found.
    where
        The file, folder or address it was found in; ``None`` where there is none, or nobody has said it yet.
    parameter
        Name of the parameter that it is about, as in Python; empty where it is about none.
    remedy
        What to do; empty where that is plain.
    """

    def __init__(
        self, what: str, *, where: str | os.PathLike[str] | None = None, parameter: str = "", remedy: str = ""
    ) -> None:
        super().__init__(what)
        self.what, self.parameter, self.remedy = what, parameter, remedy
        self.where = None if where is None else os.fspath(where)

    def at(self, where: str | os.PathLike[str]) -> Self:
        """Say where it is, if nobody has yet; return the error itself, to be raised."""
        if self.where is None:
            self.where = os.fspath(where)
        return self

    @property
    def reason(self) -> str:
        """The message without its place."""
        return self.told(lambda name: name)

    def spelled(self, name: Callable[[str], str]) -> str:
        """Return the message with every parameter spelled by ``name``, e.g. as an option of the command line."""
        return f"{self.where}: {self.told(name)}" if self.where is not None else self.told(name)

    def told(self, name: Callable[[str], str]) -> str:
        """Return the message without its place, with every parameter spelled by ``name``."""
        said = [self.what, *([self.remedy] if self.remedy else [])]
        text = "; ".join(re.sub(r"`([a-z_]+)`", lambda found: name(found[1]), each) for each in said)
        return f"{name(self.parameter)}: {text}" if self.parameter else text

    def __str__(self) -> str:
        return self.spelled(lambda name: name)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[type, tuple[object, ...], dict[str, object]]]:
        return _remade, (type(self), self.args, dict(vars(self)))  # a worker raises it on another machine


def _remade(kind: type[GastroPathError], args: tuple[object, ...], state: dict[str, object]) -> GastroPathError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class CannotReadImage(GastroPathError):
    """A file is not an image that can be classified.

    Attributes
    ----------
    code
        The reason in a word, for tables: ``"unreadable"``, ``"empty"``, ``"too_large"``, ``"too_small"``,
        ``"not_an_image"``, ``"several_pictures"``, ``"colour_mode"``, ``"truncated"``, ``"damaged"`` or ``"replaced"``.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str = "damaged",
        where: str | os.PathLike[str] | None = None,
        parameter: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(what, where=where, parameter=parameter, remedy=remedy)
        self.code = code


class CannotParse(GastroPathError):
    """Foreign software cannot read a file; whoever asked says what the file was meant to be.

    Attributes
    ----------
    code
        The reason in a word: ``"damaged"``, or ``"time"``, ``"memory"`` or ``"ended"`` where it would not have ended by
        itself, took too much memory, or died.
    """

    def __init__(self, what: str, *, code: str = "damaged", where: str | os.PathLike[str] | None = None) -> None:
        super().__init__(what, where=where)
        self.code = code


class CannotReadTable(GastroPathError):
    """A CSV or JSON file lacks what it should hold."""


class NoTilesFound(GastroPathError):
    """A folder or table holds no tiles in a form that is understood."""


class TooFewTiles(GastroPathError):
    """There are tiles, but not enough of a class or of groups for what was asked."""


class UnknownSetting(GastroPathError):
    """A setting, class, recipe or column was named that does not exist, or has a value it cannot take."""


class OutputExists(GastroPathError):
    """The output already exists; nothing is overwritten unasked."""


class CannotWrite(GastroPathError):
    """The output cannot be written: read-only, full disk, or a file where a folder should be."""


class CannotResume(GastroPathError):
    """A run was asked to go on with other data or other settings than it began with."""


class BadBundle(GastroPathError):
    """A model bundle is missing, damaged, of an unknown version, or not what its card says."""


class MissingExtra(GastroPathError):
    """An optional part of GastroPath is needed and not installed."""

    def __init__(self, what: str, extra: str, module: str) -> None:
        super().__init__(
            f"{what} needs the package {module!r}, which is not installed",
            remedy=f"install GastroPath with its extra {extra!r}, e.g. in its checkout: pip install '.[{extra}]'",
        )


class UnsupportedVersion(GastroPathError):
    """A package is installed in a version that GastroPath cannot work with."""


class CannotUseCluster(GastroPathError):
    """No Dask scheduler answers, or its workers cannot do the work."""


class CannotCompare(GastroPathError):
    """Models were not judged on the same tiles, or not judged at all."""


class CannotDownload(GastroPathError):
    """The data set or a model cannot be had from its server, or what came is not what was published."""


class CannotUpload(GastroPathError):
    """A model or a Space cannot be put on the Hub."""


class CannotListen(GastroPathError):
    """The web page cannot be served where it was asked to be."""


class BadArchive(GastroPathError):
    """A zip archive is damaged, is not one, or holds what must not be unpacked."""


class CannotReadSlide(GastroPathError):
    """A file is not a slide, is damaged, or shows no brightfield picture."""


class CannotReadSpacing(CannotReadSlide):
    """The micrometres per pixel of a slide are not known."""


class CannotReadRegion(GastroPathError):
    """A slide is damaged at one place; the rest can be read."""


def in_words(error: BaseException, most: int = 300) -> str:
    """Return what foreign software says of a fault, on one line; the kind of the fault where it says nothing.

    Examples
    --------
    >>> in_words(AssertionError())
    'AssertionError'
    """
    return (" ".join(str(error).split()) or type(error).__name__)[:most]


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
