"""The ``gastropath`` command, and the one place where errors become messages and exit statuses."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
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
    training,
)
from gastropath.errors import GastroPathError, UnknownSetting

_INTERRUPTED = 130
"""Exit status after Ctrl-C."""

app = typer.Typer(
    help="Classify gastric-cancer tissue in H&E histology: audit, train, evaluate, publish. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(fetch.fetch)
app.command()(audit.audit)
app.command()(split.split)
app.command()(training.train)
app.command()(evaluation.evaluate)
app.command()(compare.compare)
app.command()(predict.predict)
app.command()(explain.explain)
app.command()(slide.slide)
app.command()(training.export)
app.command()(publish.app)
app.command()(publish.space)
app.command()(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gastropath {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; the exit status is 0 done, 1 failed, 2 wrong usage, 3 done with refused inputs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up lines say nothing a user can act on
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name need not be text that the terminal can show
    console.show_warnings("gastropath.tables")
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            told = "interrupted; nothing half-written has its final name; give the same command again"
            typer.echo(f"{told} (train: with --resume)", err=True)
        raise
    except Exception as error:
        if debug:
            raise
        typer.echo(f"error: {_one_line(error, arguments)}", err=True)
        sys.exit(2 if isinstance(error, UnknownSetting) else 1)


def _one_line(error: Exception, arguments: Sequence[str]) -> str:
    if isinstance(error, GastroPathError):
        options = _options_of(arguments)
        return " ".join(error.spelled(lambda name: options.get(name, name)).split())
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} (this is a bug in GastroPath or its set-up; --debug shows where)"


def _options_of(arguments: Sequence[str]) -> dict[str, str]:
    """Return how the command that was run spells each of its parameters: an option, or what its help calls it."""
    commands = typer.main.get_group(app).commands
    command = next((commands[word] for word in arguments if word in commands), None)
    spelled: dict[str, str] = {}
    for parameter in command.params if command else ():
        options = [option for option in parameter.opts if option.startswith("--")]
        spelled[parameter.name or ""] = options[0] if options else str(parameter.name).upper()
    return spelled
