"""Fixtures of the command line's tests."""

import sys

import pytest

from gastropath.cli.main import main


@pytest.fixture
def gastropath(monkeypatch, capsys, tmp_path):
    """Run a command in an empty folder; returns exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gastropath", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        status = end.value.code
        assert "Traceback" not in captured.err
        return status if isinstance(status, int) else 0, captured.out, captured.err

    return run
