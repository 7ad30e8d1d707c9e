"""What the user sees while a command works: progress, notes, refusals, one JSON document."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import typer
from rich.console import Console
from rich.markup import escape

from gastropath.errors import CannotWrite, GastroPathError
from gastropath.progress import Progress, Stage, silent

EXIT_REFUSED = 3
"""Exit status when the work is done but some inputs were refused."""

_SECONDS_BETWEEN_LINES = 5.0
_SHOWN_REFUSALS = 20

_stderr = Console(stderr=True, highlight=False, soft_wrap=True)
_stdout = Console(highlight=False, soft_wrap=True)

_quiet = _verbose = False
_spelled: Callable[[str], str] = str

_PLAIN_WIDTH = 200
"""Columns of a table that goes to a file or a pipe, where no line need be broken."""


def be(*, quiet: bool, verbose: bool, spelled: Callable[[str], str] = str) -> None:
    """Show no progress from now on, or name every refused input; ``spelled`` gives the option of a parameter."""
    global _quiet, _verbose, _spelled
    _quiet, _verbose, _spelled = quiet, verbose, spelled


@contextmanager
def progress() -> Iterator[Progress]:
    """Show the stage that goes on as a bar on a terminal, and as a line every few seconds elsewhere.

    Both go to standard error. There is one bar: it is updated while its stage goes on, and becomes a line above the
    next one when that begins.
    """
    if _quiet:
        yield silent
        return
    if not _stderr.is_terminal:
        yield _lines()
        return
    from gastropath.cli.bar import Bar

    with Bar(_stderr) as bar:
        yield bar.show


def shown(text: str) -> str:
    """Escape characters that a terminal would obey, or that turn the direction of writing, as Python does.

    Examples
    --------
    >>> shown("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def note(text: str) -> None:
    """Tell something on standard error; where that is full or closed, the work goes on."""
    with suppress(OSError, ValueError):
        _stderr.print(escape(shown(text)))


def show_warnings(logger: str) -> None:
    """Show what a part of the library warns of as a note, once however often this is called."""
    log = logging.getLogger(logger)
    if not any(isinstance(handler, _Notes) for handler in log.handlers):
        log.addHandler(_Notes())


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(f"{record.levelname.lower()}: {record.getMessage()}")


def say(text: str) -> None:
    """Tell a result on standard output."""
    with _told():
        _stdout.print(escape(shown(text)))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a small table on standard output."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(shown(str(cell))) for cell in row))
    wide = _stdout if _stdout.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)
    with _told():
        wide.print(drawn, soft_wrap=False)


def print_json(document: object) -> None:
    """Print one JSON document and nothing else."""
    with _told():
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def _told() -> Iterator[None]:
    """Say plainly that standard output cannot be written; a reader that has enough (``| head``) is no fault of ours."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # what is left in its buffer would fail once more at the end
        raise CannotWrite(f"cannot be written: {error.strerror or error}", where="standard output") from None


def refusals(refused: Mapping[str, str] | Mapping[str, GastroPathError]) -> None:
    """Name the refused inputs with their reasons: at most the first twenty, unless all are wanted."""
    shown = len(refused) if _verbose else _SHOWN_REFUSALS
    for path, reason in list(refused.items())[:shown]:
        told = reason if isinstance(reason, str) else reason.told(_spelled)
        note(f"refused: {path} {told}")
    if len(refused) > shown:
        note(f"refused: {len(refused) - shown:,} more; -v names them")


def end(refused: Mapping[str, str]) -> None:
    """Name the refused inputs, and end with the status that says that there are some."""
    refusals(refused)
    if refused:
        raise typer.Exit(EXIT_REFUSED)


def _lines() -> Progress:
    started = last = since = time.monotonic()
    stage, first, before = "", 0, 0

    def show(what: str, done: int, total: int) -> None:
        nonlocal last, since, stage, first, before
        now, told = time.monotonic(), Stage.of_name(what)
        if told.numbered != stage or done < before:  # other work, whose pace is not known yet
            stage, since, first = told.numbered, now, done
        before = done
        if done == total or now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            left = (now - since) * (total - done) / (done - first) if done > first else 0
            ahead = f", about {_duration(left)} left" if left else ""
            note(f"{told.described}: {done:,} of {total:,} ({now - started:.0f} s{ahead})")

    return show


def _duration(seconds: float) -> str:
    """Write a span of time as a reader would round it.

    Examples
    --------
    >>> _duration(41.2), _duration(100), _duration(9000)
    ('41 s', '2 min', '2 h 30 min')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
