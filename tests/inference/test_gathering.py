"""Files and folders on the command line mean what one expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from gastropath.errors import NoTilesFound
from gastropath.inference.gathering import gather


def touched(folder: Path, *names: str) -> list[Path]:
    files = [folder / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return files


def test_files_are_taken_as_named_and_folders_with_all_below_them_sorted(tmp_path: Path):
    b, a, deep = touched(tmp_path / "folder", "b.png", "a.png", "c/deep.jpg")
    (single,) = touched(tmp_path, "single.tif")
    assert gather([single, tmp_path / "folder"]) == [single, a, b, deep]


def test_the_name_of_a_file_does_not_decide_so_that_strays_are_refused_by_name(tmp_path: Path):
    files = touched(tmp_path, "notes.txt", "picture", "tile.PNG")
    assert gather([tmp_path]) == sorted(files)


def test_debris_of_systems_and_our_own_marker_are_left_out(tmp_path: Path):
    (tile,) = touched(tmp_path, "tile.png")
    touched(tmp_path, ".DS_Store", "._tile.png", "Thumbs.db", "Desktop.ini", "__MACOSX/._tile.png", "SYNTHETIC.json")
    touched(tmp_path, ".partial-x/half.png", ".git/a.png")
    assert gather([tmp_path]) == [tile]


def test_linked_folders_are_followed_each_once_and_circles_end(tmp_path: Path):
    (tile,) = touched(tmp_path / "images", "b/tile.png")
    touched(tmp_path / "elsewhere", "far.png")
    for name, target in {"a": "b", "far": "../elsewhere", "up": "..", "lost": "nowhere"}.items():
        (tmp_path / "images" / name).symlink_to(target, target_is_directory=True)
    lost = tmp_path / "images" / "lost"
    assert gather([tmp_path / "images"]) == [lost, tile, tmp_path / "images" / "far" / "far.png"]


def test_a_hidden_file_that_is_named_is_taken(tmp_path: Path):
    (tile,) = touched(tmp_path, ".hidden.png")
    assert gather([tile]) == [tile]


def test_a_file_named_twice_is_taken_once(tmp_path: Path, monkeypatch):
    (tile,) = touched(tmp_path, "folder/tile.png")
    monkeypatch.chdir(tmp_path)
    assert gather([Path("folder/tile.png"), tmp_path / "folder", tile, Path("folder/../folder/tile.png")]) == [
        Path("folder/tile.png")
    ]


def test_nothing_to_classify_is_an_error_that_names_the_source(tmp_path: Path):
    with pytest.raises(NoTilesFound, match="nowhere: there is no such file"):
        gather([tmp_path / "nowhere"])
    with pytest.raises(NoTilesFound, match="no files here"):
        gather([tmp_path])


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch):
    touched(tmp_path, "locked/a.png")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(NoTilesFound, match="cannot be opened: Permission denied"):
        gather([tmp_path / "locked"])


def test_a_link_to_nowhere_is_taken_and_refused_later_by_name(tmp_path: Path):
    link = tmp_path / "gone.png"
    link.symlink_to(tmp_path / "nowhere.png")
    assert gather([link]) == [link]
    assert gather([tmp_path]) == [link]
