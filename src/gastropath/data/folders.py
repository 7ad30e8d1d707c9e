"""Where in a folder the tiles lie: the one folder at or below it that has a sub-folder for each class."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gastropath.decoding import SUFFIXES, is_debris
from gastropath.errors import NoTilesFound

_SEARCH_DEPTH = 5
_NAMED = 6


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which ``ADI_2`` comes before ``ADI_10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def class_root(source: Path) -> Path:
    """Find the one folder at or below ``source`` whose sub-folders hold images.

    Raises
    ------
    NoTilesFound
        If there is none or more than one, a folder cannot be opened, or ``source`` is a file.
    """
    if source.is_file():
        raise NoTilesFound("is a file among several sources; expected folders only, or a single CSV file", where=source)
    level = [source]
    for _ in range(_SEARCH_DEPTH):
        roots = [folder for folder in level if any(_holds_images(child) for child in subfolders(folder))]
        if len(roots) == 1:
            return roots[0]
        if roots:
            names = " ".join(str(root) for root in roots[:_NAMED])
            remedy = f"name the ones you mean: {names}"
            raise NoTilesFound("holds several folders of classes", where=source, remedy=remedy)
        level = [child for folder in level for child in subfolders(folder)]
    if _holds_images(source):
        raise NoTilesFound(
            f"holds images but no sub-folder for each class; expected e.g. {source.name}/TUM/tile.png",
            where=source,
            remedy="if this folder is one class, give the folder above it",
        )
    suffixes = ", ".join(sorted(SUFFIXES))
    raise NoTilesFound(
        f"no tiles found; expected a sub-folder for each class with {suffixes} files in it", where=source
    )


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


def subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder in natural order, without debris.

    Raises
    ------
    NoTilesFound
        If it cannot be opened.
    """
    try:
        entries = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        raise NoTilesFound(f"cannot be opened: {error.strerror}", where=folder) from None
    return [folder / name for name in sorted(sorted(entries), key=natural) if not is_debris(name)]


def files_below(folder: Path, cannot_open: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield all files at or below a folder without debris; ``cannot_open`` is called for a folder that is closed."""
    for parent, folders, names in os.walk(folder, onerror=cannot_open):
        folders[:] = [name for name in folders if not is_debris(name)]
        yield from (Path(parent) / name for name in names if not is_debris(name))


def _holds_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(
                Path(entry.name).suffix.lower() in SUFFIXES and not is_debris(entry.name) and entry.is_file()
                for entry in entries
            )
    except OSError:
        return False
