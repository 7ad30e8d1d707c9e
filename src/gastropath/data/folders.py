"""What lies in a folder: sub-folders, pictures, and what is neither, each folder read once and when it is needed."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from gastropath.data.marker import MARKER
from gastropath.debris import is_debris, is_left_by_system
from gastropath.errors import NoTilesFound
from gastropath.formats import SUFFIXES, is_picture, kind, read_start

_LOOKED_INTO = 16  # files without a known suffix that are opened to learn whether a folder holds pictures

Identity = tuple[int, int]
"""Device and number of a folder, the same however it is reached."""


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which ``ADI_2`` comes before ``ADI_10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


class Folder:
    """A folder that is read when it is asked.

    Parameters
    ----------
    path
        Where it lies.
    is_link
        Whether it is reached by a link.
    """

    def __init__(self, path: Path, *, is_link: bool = False) -> None:
        self.path, self.is_link = path, is_link

    @property
    def name(self) -> str:
        """Its own name, without those above it."""
        return self.path.name or self.path.resolve().name

    @cached_property
    def _entries(self) -> tuple[list[Folder], list[str], Counter[tuple[str, str]]]:
        folders: list[Folder] = []
        files: list[str] = []
        left_out: Counter[tuple[str, str]] = Counter()
        try:
            with os.scandir(self.path) as entries:
                listed = [(entry.name, entry.is_symlink(), _is_folder(entry)) for entry in entries]
        except OSError as error:
            left_out["closed_folder", str(error.strerror)] += 1
            listed = []
        for name, is_link, is_folder in listed:
            if is_debris(name):
                if not is_left_by_system(name) and (n := _hidden_pictures(self.path / name, is_folder=is_folder)):
                    left_out["hidden", name if is_folder else ""] += n
            elif is_folder and is_link and self._lies_in(self.path / name):
                left_out["linked_again", name] += 1
            elif is_folder:
                folders.append(Folder(self.path / name, is_link=is_link))
            elif is_link and not (self.path / name).exists():
                left_out["broken_link", ""] += 1
            elif name != MARKER:
                files.append(name)
        folders.sort(key=lambda folder: (natural(folder.name), folder.name))
        return folders, files, left_out

    def _lies_in(self, link: Path) -> bool:
        """Tell whether a link leads to this folder or one above it, so in a circle."""
        here, there = Path(os.path.realpath(self.path)), Path(os.path.realpath(link))
        return there in (here, *here.parents)

    @property
    def is_closed(self) -> bool:
        """Whether it cannot be opened."""
        return any(code == "closed_folder" for code, _ in self._entries[2])

    @property
    def folders(self) -> list[Folder]:
        """The folders in it, linked ones too, without debris, in natural order."""
        return self._entries[0]

    @cached_property
    def _sorted_out(self) -> tuple[list[str], Counter[tuple[str, str]]]:
        _, files, found = self._entries
        pictures, left_out = [], found.copy()
        for name in files:
            if _suffix(name) in SUFFIXES:
                pictures.append(name)
            elif reason := _not_a_picture(self.path / name):
                left_out[reason] += 1
            else:
                pictures.append(name)
        return pictures, left_out

    @property
    def pictures(self) -> list[str]:
        """Names of the pictures in it: by suffix, or else by their first bytes."""
        return self._sorted_out[0]

    @property
    def left_out(self) -> Counter[tuple[str, str]]:
        """What else lies in it, counted by code and detail, see :data:`gastropath.data.left_out.LEFT_OUT`."""
        return self._sorted_out[1]

    @cached_property
    def has_pictures(self) -> bool:
        """Whether pictures lie in it; few files are opened to learn that."""
        files = self._entries[1]
        others = (name for name in files[:_LOOKED_INTO] if _not_a_picture(self.path / name) is None)
        return any(_suffix(name) in SUFFIXES for name in files) or any(others)

    def holds_pictures(self, depth: int) -> bool:
        """Tell whether pictures lie in it or at most so many levels below it."""
        return self.has_pictures or (depth > 0 and any(folder.holds_pictures(depth - 1) for folder in self.folders))

    def with_pictures(self, depth: int) -> list[Folder]:
        """Return the folders in it that hold pictures, at most so many levels below them."""
        return [folder for folder in self.folders if folder.holds_pictures(depth - 1)]

    def identity(self) -> Identity | None:
        """Return by what the folder is known again; ``None`` where the system does not say."""
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status.st_ino else None


def walk(folder: Folder, seen: set[Identity], links: list[tuple[Folder, ...]]) -> Iterator[tuple[Folder, ...]]:
    """Yield a folder and all below it, each as the folders on the way to it.

    Parameters
    ----------
    folder
        Where to begin.
    seen
        Folders that were visited, which are not visited again; those visited now are added.
    links
        Links to folders are not followed but added here.
    """
    waiting: list[tuple[Folder, ...]] = [(folder,)]
    while waiting:
        way = waiting.pop()
        identity = way[-1].identity()
        if identity in seen:
            continue
        if identity:
            seen.add(identity)
        yield way
        links += [(*way, child) for child in way[-1].folders if child.is_link]
        waiting += [(*way, child) for child in reversed(way[-1].folders) if not child.is_link]


def common_folder(folders: Sequence[Path]) -> Path:
    """Return the folder that paths are relative to: the only one, or the deepest that holds all.

    Raises
    ------
    NoTilesFound
        If they lie on different drives.
    """
    if len(folders) == 1:
        return folders[0]
    try:
        return Path(os.path.commonpath([folder.absolute() for folder in folders]))
    except ValueError:  # drives of Windows
        where = " ".join(map(str, folders))
        raise NoTilesFound("lie on different drives", where=where, remedy="move them to one drive") from None


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # many times faster than a path, for each of many files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _hidden_pictures(path: Path, *, is_folder: bool) -> int:
    """Count the pictures that the name of a file or folder hides."""
    if not is_folder:
        return int(_suffix(path.name) in SUFFIXES)
    return sum(len(way[-1].pictures) for way in walk(Folder(path), set(), []))


def _not_a_picture(file: Path) -> tuple[str, str] | None:
    """Return why a file without a known suffix is not taken, as code and detail; ``None`` for a picture."""
    try:
        start = read_start(file) if file.is_file() else b""
    except OSError as error:
        return "closed_file", str(error.strerror)
    if is_picture(start):
        return None
    what = kind(start)
    if what.endswith("picture"):
        return "other_format", what.removeprefix("an ").removeprefix("a ")
    return "other_suffix", os.path.splitext(file)[1] or "no suffix"
