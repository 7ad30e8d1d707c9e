"""Errors belong to the library: none that is raised below the command line names an option or a command."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import gastropath
from gastropath import errors
from gastropath.cli.main import app

PACKAGE = Path(gastropath.__file__).parent
OURS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
COMMANDS = "|".join(typer.main.get_group(app).commands)
OPTION = re.compile(rf"--[a-z]|\bgastropath ({COMMANDS})\b")


def texts(node: ast.AST) -> Iterator[str]:
    """Yield every piece of text in an expression; an f-string piece by piece."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def raised(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and texts of each of our errors that is made, raised at once or later."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in OURS:
            yield node.lineno, " ".join(texts(node))


def offences() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith("cli/"):
            continue
        for line, text in raised(ast.parse(file.read_text("utf-8"))):
            if OPTION.search(text):
                found.setdefault(place, []).append(f"{line}: {text}")
    return found


def test_no_error_below_the_command_line_names_an_option_or_a_command():
    assert offences() == {}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise UnknownSetting('--by: there is none')", True),
        ("raise OutputExists(f'{out}: exists; add --overwrite')", True),
        ("error = errors.CannotResume('no', remedy='gastropath split makes one')", True),
        ("raise UnknownSetting('there is none', parameter='by')", False),
        ("raise CannotWrite('a -- b', remedy='the package gastropath itself')", False),
        ("note('--by is an option')", False),
    ],
)
def test_the_scan_finds_them_and_nothing_else(code: str, told: bool):
    assert any(OPTION.search(text) for _, text in raised(ast.parse(code))) is told
