"""Which files a list of files and folders means."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gastropath.debris import is_debris
from gastropath.errors import NoTilesFound

_OWN_MARKER = "synthetic.json"


def gather(sources: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """List files as named, and every file at or below a folder, sorted; each once.

    Files in a folder are taken whatever their name, so that a picture with a wrong suffix is answered and anything
    else is refused by name instead of being passed over. Linked folders are followed, each folder once. Hidden files
    and GastroPath's own marker are left out.

    Raises
    ------
    NoTilesFound
        If no path exists, a folder cannot be opened, or there is nothing to classify. One of several paths that does
        not exist is kept, to be refused like a damaged file.
    """
    found: dict[str, Path] = {}
    if sources and not any(map(os.path.lexists, sources)):
        raise NoTilesFound("there is no such file or folder", where=sources[0])
    for source in sources:
        for file in _files(Path(source)):
            found.setdefault(os.path.abspath(file), file)
    if not found:
        where = " ".join(map(str, sources))
        raise NoTilesFound("no files here", where=where, remedy="give image files or folders of them")
    return list(found.values())


def _files(source: Path) -> Iterator[Path]:
    if source.is_dir():
        seen: set[str] = set()
        for parent, folders, names in os.walk(source, onerror=_cannot_open, followlinks=True):
            real = os.path.realpath(parent)
            if real in seen:  # a link that leads in a circle, or to a folder beside it
                folders.clear()
                continue
            seen.add(real)
            kept = [(os.path.islink(os.path.join(parent, name)), name) for name in folders if not _hidden(name)]
            folders[:] = [name for _, name in sorted(kept)]  # links last: a folder is itself where it lies
            yield from (Path(parent) / name for name in sorted(names) if not _hidden(name))
    else:
        yield source


def _cannot_open(error: OSError) -> None:
    raise NoTilesFound(f"cannot be opened: {error.strerror}", where=error.filename)


def _hidden(name: str) -> bool:
    return is_debris(name) or name.lower() == _OWN_MARKER
