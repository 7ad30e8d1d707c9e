"""Folders are read as people mean them, or refused with an advice that leads to what they mean."""

from __future__ import annotations

import os
import random
import re
import shlex
import shutil
from pathlib import Path

import pytest
from tests.data.understood import FOLDERS, Folders

from gastropath.data.folder_names import part_named
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.left_out import LeftOut
from gastropath.debris import is_debris, is_left_by_system
from gastropath.errors import NoTilesFound


def touched(root: Path, *names: str) -> Path:
    """Files without content: whether one is a picture is found out when it is read, if its suffix says so."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def laid_out(place: Path, folders: Folders) -> Path:
    root = place / "data"
    linked = {link: target for link, target in folders.links.items() if target != "nowhere"}
    behind = {path: next((link for link in linked if path.startswith(f"{link}/")), None) for path in folders.tiles}
    for path, link in behind.items():
        if link:
            touched(root / linked[link], path.removeprefix(f"{link}/"))
        else:
            touched(root, path)
    touched(root, *folders.beside)
    for link, target in folders.links.items():
        (root / link).symlink_to(root / target, target_is_directory=True)
    return root


def found(index: TileIndex) -> dict[str, tuple[str, str, str]]:
    parts = index.extra.get("part", ("",) * len(index))
    paths = (file.as_posix() for file in index.files())
    return {path: row for path, *row in zip(paths, index.labels, index.groups, parts, strict=True)}  # pyright: ignore


@pytest.mark.parametrize("folders", FOLDERS, ids=lambda folders: folders.name)
def test_folders_as_people_have_them_are_understood(tmp_path: Path, folders: Folders):
    root = laid_out(tmp_path, folders)
    index = find_tiles([root], folders.classes)
    expected = {(root / path).as_posix(): list(row) for path, row in folders.tiles.items()}
    assert found(index) == expected
    assert sorted(map(repr, index.left_out)) == sorted(repr(LeftOut(*entry)) for entry in folders.left_out)
    assert all(file.is_file() for file in index.files())


@pytest.mark.parametrize("folders", FOLDERS, ids=lambda folders: folders.name)
def test_the_order_of_entries_in_a_folder_decides_nothing(tmp_path: Path, folders: Folders, monkeypatch):
    root = laid_out(tmp_path, folders)
    expected = find_tiles([root], folders.classes)
    scandir, shuffle = os.scandir, random.Random(5).shuffle

    class Shuffled:
        def __init__(self, folder) -> None:
            with scandir(folder) as entries:
                self.entries = list(entries)
            shuffle(self.entries)

        def __enter__(self):
            return self.entries

        def __exit__(self, *_) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    for _ in range(3):
        again = find_tiles([root], folders.classes)
        assert (again.paths, again.labels, again.groups) == (expected.paths, expected.labels, expected.groups)
        assert set(again.left_out) == set(expected.left_out)


def test_what_the_folders_say_is_told(tmp_path: Path):
    touched(tmp_path, "train/TUM/P1/1.png", "train/STR/P2/1.png", "test/TUM/P3/1.png", "test/STR/P3/1.png")
    assert find_tiles([tmp_path]).notes == (
        "groups (patients or slides) are taken from the folders: 3 (P1, P2, P3)",
        "the folders divide the tiles (2 train, 2 test); gastropath split --by folders keeps that division",
    )


def test_parts_that_are_named_one_by_one_are_still_a_division(tmp_path: Path):
    touched(tmp_path, "train/TUM/1.png", "test/TUM/2.png")
    index = find_tiles([tmp_path / "train", tmp_path / "test"])
    assert index.extra["part"] == ("test", "train")
    assert index.classes == ("TUM",)


REFUSED = {
    "sizes of tiles, as in GasHisSDB": (
        ["80/Normal/1.png", "120/Normal/1.png", "160/Abnormal/1.png"],
        {"Normal": {""}, "Abnormal": {""}},
    ),
    "magnifications around classes": (["40X/TUM/1.png", "100X/STR/1.png"], {"STR": {""}, "TUM": {""}}),
    "folds around classes": (["fold1/TUM/1.png", "fold2/STR/1.png"], {"STR": {""}, "TUM": {""}}),
    "sets of classes side by side": (
        ["kaggle/TUM/1.png", "my own/TUM/2.png", "my own/STR/2.png"],
        {"STR": {""}, "TUM": {""}},
    ),
    "classes and patients with numbers, either way": (
        ["grade1/P1/1.png", "grade2/P1/1.png", "grade2/P2/1.png"],
        {"grade1": {"P1"}, "grade2": {"P1", "P2"}},
    ),
    "classes and groups without numbers, either way": (
        ["q x/a/1.png", "b/a/1.png", "b/c/1.png"],
        {"b": {"a", "c"}, "q x": {"a"}},
    ),
    "numbers only": (["10253/0/1.png", "10254/0/1.png", "10254/1/1.png"], {"10253": {"0"}, "10254": {"0", "1"}}),
    "a class at two levels": (["TUM/1.png", "STR/1.png", "old/TUM/1.png"], {"TUM": {""}}),
    "the folder of a class": (["TUM/P1/1.png", "TUM/P2/1.png", "STR/P2/1.png"], {"TUM": {"P1", "P2"}, "STR": {"P2"}}),
}


def followed(message: str) -> TileIndex:
    """Do what a refusal says."""
    if advised := re.search(r"name the ones you mean: (.*)|alone: (.*)", message):
        return find_tiles([Path(word) for word in shlex.split(advised[1] or advised[2])])
    if advised := re.search(r"give the folder above it, (.*?); or", message):
        return find_tiles([Path(word) for word in shlex.split(advised[1])])
    advised = re.search(r"^(.*): can be read .*name the classes: classes (.*?), or classes", message)
    assert advised, message
    (classes,) = shlex.split(advised[2])
    return find_tiles([Path(advised[1])], classes.split(","))


@pytest.mark.parametrize("case", REFUSED)
def test_the_advice_in_a_refusal_leads_to_the_right_tiles(tmp_path: Path, case: str):
    names, expected = REFUSED[case]
    touched(tmp_path / "my data", *names)
    source = tmp_path / "my data" / ("TUM" if case == "the folder of a class" else "")
    with pytest.raises(NoTilesFound) as refused:
        find_tiles([source])
    assert "\n" not in str(refused.value)
    index = followed(str(refused.value))
    groups: dict[str, set[str]] = {}
    for label, group in zip(index.labels, index.groups, strict=True):
        groups.setdefault(label, set()).add(group)
    assert groups == expected


def test_the_other_advice_leads_to_the_other_reading(tmp_path: Path):
    touched(tmp_path, "10253/0/1.png", "10254/0/1.png", "10254/1/1.png")
    with pytest.raises(NoTilesFound, match=r"classes 10253,10254, or classes 0,1\Z"):
        find_tiles([tmp_path])
    index = find_tiles([tmp_path], ["0", "1"])
    assert index.labels == ("0", "0", "1")
    assert index.groups == ("10253", "10254", "10254")


def test_parts_without_classes_are_never_classes(tmp_path: Path):
    touched(tmp_path, "train/1.png", "test/2.png", "labels.csv")
    with pytest.raises(NoTilesFound, match=r"test and train hold images but no .*if labels.csv lists their classes"):
        find_tiles([tmp_path])
    (tmp_path / "labels.csv").write_text("path,label\ntrain/1.png,TUM\ntest/2.png,STR\n")
    assert find_tiles([tmp_path / "labels.csv"]).classes == ("STR", "TUM")


def test_a_class_that_is_a_link_is_a_class(tmp_path: Path):
    touched(tmp_path / "elsewhere", "a.png")
    touched(tmp_path / "data", "TUM/1.png")
    (tmp_path / "data" / "STR").symlink_to(tmp_path / "elsewhere")
    assert find_tiles([tmp_path / "data"]).counts() == {"STR": 1, "TUM": 1}
    shutil.move(tmp_path / "data" / "TUM", tmp_path / "TUM")
    (tmp_path / "data" / "TUM").symlink_to(tmp_path / "TUM")
    assert find_tiles([tmp_path / "data"]).counts() == {"STR": 1, "TUM": 1}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *(("train", "train"), ("Training", "train"), ("train_set", "train"), ("TRAINSET", "train")),
        *(("images_val", "val"), ("valid", "val"), ("validation-set", "val"), ("test", "test"), ("hold-out", "")),
        *(("TUM", ""), ("contest", ""), ("test_tumour", ""), ("set", ""), ("", ""), ("testset", "test")),
    ],
)
def test_the_parts_of_a_division_are_known_by_name(name: str, part: str):
    assert part_named(name) == part


@pytest.mark.parametrize("name", ["@eaDir", "Thumbs.db", "tile.png@SynoResource", "~$notes.xlsx", ".Trash-1000"])
def test_one_list_says_what_systems_leave(name: str):
    assert is_left_by_system(name)
    assert is_debris(name)
    assert is_debris(".hidden.png")
    assert not is_left_by_system(".hidden.png")


def test_folders_full_of_links_in_circles_are_searched_in_no_time(tmp_path: Path):
    touched(tmp_path, "TUM/1.png", "STR/1.png")
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    for i in range(40):
        (tmp_path / "empty" / "deep" / f"up{i}").symlink_to(tmp_path / "empty", target_is_directory=True)
    index = find_tiles([tmp_path])
    assert index.counts() == {"STR": 1, "TUM": 1}
    assert LeftOut("empty_class", "empty", 1) in index.left_out
    assert sum(entry.n for entry in index.left_out if entry.code == "linked_again") == 40


def test_pictures_of_a_format_that_is_not_read_are_named(tmp_path: Path):
    touched(tmp_path, "TUM/1.png", "STR/1.png")
    (tmp_path / "TUM" / "phone.heic").write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
    (tmp_path / "TUM" / "anim.gif").write_bytes(b"GIF89a")
    assert set(find_tiles([tmp_path]).left_out) == {
        LeftOut("other_format", "HEIC picture", 1),
        LeftOut("other_format", "GIF picture", 1),
    }


@pytest.mark.parametrize("name", ["picture", "picture.dat", "picture.heic"])
def test_a_picture_of_any_name_is_known_by_its_content(tmp_path: Path, name: str):
    touched(tmp_path, "STR/1.png")
    (tmp_path / "TUM").mkdir()
    (tmp_path / "TUM" / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    assert find_tiles([tmp_path]).counts() == {"STR": 1, "TUM": 1}
