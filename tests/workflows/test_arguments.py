"""What the shared options stand for where they are not given."""

from pathlib import Path

import platformdirs
import platformdirs.windows
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from gastropath.workflows.arguments import cache_folder


def test_the_cache_is_where_it_was_asked_for_else_where_it_was_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("GASTROPATH_CACHE", str(tmp_path / "set"))
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    assert cache_folder(None) == tmp_path / "set"


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        (Unix, "~/.cache/gastropath"),
        (MacOS, "~/Library/Caches/gastropath"),
        (Windows, "~/AppData/Local/gastropath"),
    ],
)
def test_the_cache_is_where_each_system_keeps_such_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: type, folder: str
):
    for name in ("GASTROPATH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(platformdirs.windows, "get_win_folder", lambda _: str(tmp_path / "AppData" / "Local"))
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    assert cache_folder(None) == Path(folder.replace("~", str(tmp_path)))


def test_the_cache_of_linux_moves_with_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("GASTROPATH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(platformdirs, "PlatformDirs", Unix)
    assert cache_folder(None) == tmp_path / "xdg" / "gastropath"
