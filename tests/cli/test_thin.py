"""A command parses, calls one function and prints: nothing of the product lies in the command line."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest
import typer

from gastropath.cli.main import app

MOST_LINES = 40

COMMANDS = typer.main.get_group(app).commands


def body_lines(function) -> int:
    """Count the lines of a function without its signature and docstring, empty ones too."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def called_workflows(function) -> set[str]:
    """Return the functions of ``workflows`` that a command imports."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gastropath.workflows.")
        for alias in node.names
    }


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_at_most_forty_lines(name: str):
    callback = COMMANDS[name].callback
    assert callback is not None
    assert body_lines(inspect.unwrap(callback)) <= MOST_LINES


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_calls_one_function(name: str):
    callback = COMMANDS[name].callback
    assert callback is not None
    assert len(called_workflows(inspect.unwrap(callback))) == 1


def test_lines_are_counted_without_signature_and_help():
    def short(
        a: int,
        b: int,
    ) -> int:
        """Help.

        More help.
        """
        if a:
            return b

        return a

    assert body_lines(short) == 4
