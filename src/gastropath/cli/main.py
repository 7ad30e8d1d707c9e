"""The ``gastropath`` command, and the one place where errors become messages and exit statuses."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from functools import cache, partial
from typing import Annotated

import typer

from gastropath import __version__
from gastropath.cli import (
    audit,
    compare,
    console,
    demo,
    doctor,
    evaluation,
    explain,
    fetch,
    predict,
    publish,
    slide,
    split,
    teach,
    training,
    view,
)
from gastropath.cli.switches import taken
from gastropath.errors import GastroPathError, UnknownSetting
from gastropath.parallel import at_most

_OF_THE_MACHINE = {
    getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO", "EROFS", "EFBIG", "ENOMEM")
}
"""Faults that no input and no line of ours causes; Windows lacks some."""

_OF_MEMORY = (
    "can't start new thread",
    "failed to map segment",
    "Cannot allocate memory",
    "(TfLiteXNNPackDelegate) failed to prepare",
)
"""What Python, LiteRT and the system say of too little memory, in exceptions of other kinds."""

_INTERRUPTED = 130
"""Exit status after Ctrl-C."""

app = typer.Typer(
    help="Classify gastric-cancer tissue in H&E histology: audit, train, evaluate, publish. Research use only.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command, _example in (
    (demo.demo, "gastropath demo"),
    (fetch.fetch, "gastropath fetch --out gastric_data"),
    (audit.audit, "gastropath audit gastric_data --out audit"),
    (split.split, "gastropath split gastric_data --by group --groups patients.csv"),
    (training.train, "gastropath train gastric_data --split split.csv --out run"),
    (evaluation.evaluate, "gastropath evaluate --model run --data other_data --out evaluation"),
    (compare.compare, "gastropath compare run fine cnn"),
    (predict.predict, "gastropath predict tiles/*.png --model run --out predictions.csv"),
    (explain.explain, "gastropath explain tiles/*.png --model run"),
    (slide.slide, "gastropath slide slides/*.svs --model run --out maps"),
    (view.view, "gastropath view maps"),
    (teach.teach, "gastropath teach slides/*.svs --model run --out ours"),
    (teach.adapt, "gastropath adapt --model run --labels labels.csv --out ours"),
    (training.export, "gastropath export run --precision int8 --out model"),
    (publish.app, "gastropath app --model run"),
    (publish.space, "gastropath space --model run --examples gastric_data --out space"),
    (publish.push, "gastropath push run OWNER/NAME"),
    (doctor.doctor, "gastropath doctor --model run"),
):
    app.command(epilog=f"Example: {_example}")(_command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gastropath {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress; warnings stay.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every refused input.")] = False,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Processor cores to use; default: all.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Name what :mod:`gastropath.cli.switches` has taken out of the command line, wherever it stood, for the help."""


def main() -> None:
    """Run the command line; the exit status is 0 done, 1 failed, 2 wrong usage, 3 done with refused inputs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up lines say nothing a user can act on
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name need not be text that the terminal can show
    for logger in ("gastropath.tables", "gastropath.bundle.hub"):
        console.show_warnings(logger)
    arguments, debug = sys.argv[1:], "--debug" in sys.argv
    try:
        switches, arguments = taken(arguments)
        switches.tell_libraries()
        spelled = partial(_spelled, arguments)
        console.be(quiet=switches.quiet, verbose=switches.verbose, spelled=spelled)
        with at_most(switches.threads):
            app(arguments)
    except KeyboardInterrupt:  # while the commands are put together; later typer makes an exit of it
        _tell_of_interruption()
        sys.exit(_INTERRUPTED)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _tell_of_interruption()
        raise
    except Exception as error:
        if debug:
            raise
        console.note(f"error: {_one_line(error, arguments)}")
        sys.exit(2 if isinstance(error, UnknownSetting) else 1)


def _tell_of_interruption() -> None:
    told = "interrupted; nothing half-written has its final name; give the same command again"
    typer.echo(f"{told} (train: with --resume)", err=True)


def _one_line(error: Exception, arguments: Sequence[str]) -> str:
    if isinstance(error, GastroPathError):
        return " ".join(error.spelled(partial(_spelled, arguments)).split())
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(sign in text for sign in _OF_MEMORY):
        return "there is not enough memory for this; close other programs, or give fewer or smaller inputs"
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}; this is about the computer, not about the input"
    if isinstance(error, FileNotFoundError) and error.filename is None and not _is_here():
        return "the folder that this was started in has been deleted; change to another one"
    return f"{type(error).__name__}: {text} (this is a bug in GastroPath or its set-up; --debug shows where)"


def _is_here() -> bool:
    """Tell whether the working folder is still there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _spelled(arguments: Sequence[str], name: str) -> str:
    """Return how the command that was run spells a parameter."""
    return _options_of(tuple(arguments)).get(name, name)


@cache
def _options_of(arguments: tuple[str, ...]) -> dict[str, str]:
    """Return how the command that was run spells each of its parameters: an option, or what its help calls it."""
    commands = typer.main.get_group(app).commands
    command = next((commands[word] for word in arguments if word in commands), None)
    spelled: dict[str, str] = {}
    for parameter in command.params if command else ():
        options = [option for option in parameter.opts if option.startswith("--")]
        spelled[parameter.name or ""] = options[0] if options else str(parameter.name).upper()
    return spelled
