import io

import pytest
from rich.console import Console

from gastropath.cli import console


@pytest.fixture
def shown(monkeypatch):
    """Replace standard error by a terminal or a plain file, and return what was written to it."""

    def use(*, terminal: bool) -> io.StringIO:
        text = io.StringIO()
        monkeypatch.setattr(console, "_stderr", Console(file=text, force_terminal=terminal, width=100))
        return text

    return use


def test_without_a_terminal_progress_is_lines_that_end_with_the_last(shown):
    text = shown(terminal=False)
    with console.progress() as progress:
        for done in range(1, 1001):
            progress("reading [tiles]", done, 1000)
    lines = text.getvalue().splitlines()
    assert len(lines) < 10
    assert lines[-1].startswith("reading [tiles]: 1,000 of 1,000")


def test_on_a_terminal_progress_is_a_bar(shown):
    text = shown(terminal=True)
    with console.progress() as progress:
        progress("epoch [1]", 3, 7)
    assert "epoch [1]" in text.getvalue()
    assert "3/7" in text.getvalue()


def test_many_refusals_are_cut_short_and_counted(shown):
    text = shown(terminal=False)
    console.refusals({f"{n}.png": "is empty" for n in range(25)})
    lines = text.getvalue().splitlines()
    assert len(lines) == 21
    assert lines[0] == "refused: 0.png is empty"
    assert lines[-1] == "refused: 5 more"


def test_a_table_in_a_pipe_keeps_a_long_name_on_one_line(capsys):
    name = "a-very-long-folder-name/" * 5 + "tile.png"
    console.table(["class", "image"], [("TUM", name)])
    assert name in capsys.readouterr().out
