"""Files that appear under their final name only when complete, and folders that are never overwritten unasked."""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gastropath.errors import CannotWrite, OutputExists

PARTIAL = ".partial-"
"""How the name of everything half-written begins."""

_ANOTHER = "choose another `out`"
_NO_PERMISSION = ("no permission to write here", "choose another folder for `out`")
_FILE_IN_THE_WAY = ("a file stands where a folder is needed", _ANOTHER)
_REFUSED = {
    errno.ENOSPC: ("the disk is full", "free some space and run it again"),
    errno.EDQUOT: ("your disk quota is used up", "free some space and run it again"),
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: _NO_PERMISSION,
    errno.ENOTDIR: _FILE_IN_THE_WAY,
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.EISDIR: ("a folder stands where a file is needed", _ANOTHER),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter `out`"),
    errno.EIO: ("the disk reports an error", "choose another disk for `out`"),
}
"""What the operating system may refuse, in words, and what to do."""


@contextmanager
def replacing(path: Path, *, keeps: Iterable[str] = (), new: bool = False) -> Iterator[Path]:
    """Give a temporary name beside ``path``; it becomes ``path`` when the block ends without an error.

    Parameters
    ----------
    path
        The final name.
    keeps
        Names in an old folder that are moved into the new one.
    new
        Whether nothing may stand there, also not what another call has put there meanwhile.

    Yields
    ------
    pathlib.Path
        Write the file (or folder) here. After an error it is removed and ``path`` is as it was.

    Raises
    ------
    CannotWrite
        If the folder is read-only, the disk is full, or a name on the way is a file.
    OutputExists
        If something stands there that must not.
    """
    with writing(path):
        target = Path(os.path.realpath(path))  # "." has no name to take; a link stays, what it points to is replaced
        target.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=target.parent))
        try:
            partial = holder / (target.name or "root")
            yield partial
            if partial.is_dir():
                if new and content(target) - set(keeps):
                    raise _already_exists(path)
                _put_folder(partial, target, holder / ".before", tuple(keeps))
            else:
                with partial.open("rb+") as written:  # Windows flushes only what it may write
                    os.fsync(written.fileno())
                if not new or not _linked(partial, target):
                    os.replace(partial, target)
        finally:
            shutil.rmtree(holder, ignore_errors=True)


def _put_folder(partial: Path, target: Path, before: Path, keeps: tuple[str, ...]) -> None:
    """Exchange a folder for another, which no system does in one step; the old one comes back if that fails."""
    kept: list[str] = []
    try:
        if target.is_dir():
            _refuse_own_ground(target)
            for name in keeps:  # before the exchange: what is kept is never in a folder that is about to be deleted
                if os.path.lexists(target / name) and not os.path.lexists(partial / name):
                    os.rename(target / name, partial / name)
                    kept.append(name)
            target.rename(before)
        os.replace(partial, target)
    except BaseException:  # an interruption too: what is kept would be deleted with the partial folder
        if before.is_dir():
            before.rename(target)
        for name in kept:
            os.rename(partial / name, target / name)
        raise


def _linked(partial: Path, target: Path) -> bool:
    """Give a file its final name in the one step that fails where there is such a file; not every disk can."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise _already_exists(target) from None
    except OSError:
        if target.exists():
            raise _already_exists(target) from None
        return False
    return True


def _refuse_own_ground(folder: Path) -> None:
    here = Path.cwd()
    if folder.resolve() in (here, *here.parents):
        raise CannotWrite(
            "is the folder you are in", where=folder, remedy="go to another folder first, or choose another `out`"
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system says about ``path`` into one sentence.

    Raises
    ------
    CannotWrite
        In place of an ``OSError`` that a user can mend: full disk, no permission, a name that is taken or too long.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        what, remedy = _REFUSED[error.errno]
        raise CannotWrite(what, where=path, remedy=remedy) from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, complete or not at all.

    Bytes of a file name that are not UTF-8 are written as an escape, ``\udcff``, which JSON reads back.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, complete or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, document: object) -> None:
    """Write an indented JSON file, complete or not at all. NaN is refused: JSON has none."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def check_absent(path: Path) -> None:
    """Check that an output folder does not exist yet or is empty, before long work begins; nothing is made.

    Raises
    ------
    OutputExists
        If it holds anything.
    """
    with writing(path):
        if content(path):
            raise OutputExists("already exists", where=path, remedy=_ANOTHER)


def new_folder(path: Path, *, overwrite: bool = False) -> Path:
    """Make an output folder that does not exist yet or is empty (but for what a killed process left half-written).

    With ``overwrite`` the old content is deleted at once; :func:`replacing_folder` keeps it until the new is complete.

    Raises
    ------
    OutputExists
        If it holds anything and ``overwrite`` is false.
    CannotWrite
        If it cannot be made or written to, or if replacing it would delete the folder the user is in.
    """
    with writing(path):
        if content(path):
            if not overwrite:
                raise _already_exists(path)
            _refuse_own_ground(path)
            shutil.rmtree(path.resolve())
            path.resolve().mkdir()
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    return path


@contextmanager
def replacing_folder(
    path: Path, holds: Iterable[str], *, keeps: Iterable[str] = (), overwrite: bool = False
) -> Iterator[Path]:
    """Give an empty temporary folder beside ``path``; it becomes ``path`` when the block ends without an error.

    An old result stays whole until then. Nothing but an old result is ever replaced: a folder that holds other names
    than the result has is refused, so a slip in ``out`` cannot delete tiles or a trained model.

    Parameters
    ----------
    path
        The output folder.
    holds
        Names of all that the result may hold; ``*`` stands for anything.
    keeps
        Names that the folder may also hold, and that stay as they are, e.g. ``.git``.
    overwrite
        Whether an old result may be replaced.

    Raises
    ------
    OutputExists
        If there is an old result and ``overwrite`` is false, or if the folder holds anything else.
    CannotWrite
        If it cannot be written.
    """
    keeps = tuple(keeps)
    check_replaceable(path, (*holds, *keeps), overwrite=overwrite)
    with replacing(path, keeps=keeps, new=not overwrite) as partial:
        partial.mkdir()
        yield partial


def check_replaceable(path: Path, holds: Iterable[str], *, overwrite: bool = False) -> None:
    """Check what :func:`replacing_folder` checks, for work that would be lost if it were refused only at its end."""
    with writing(path):
        names = content(path)
        if names and not overwrite:
            raise _already_exists(path)
        patterns = tuple(holds)
        if strays := sorted(n for n in names if not any(fnmatch.fnmatchcase(n, pattern) for pattern in patterns)):
            what = f"holds {strays[0]!r}, which is not part of such a result"
            raise OutputExists(what, where=path, remedy=_ANOTHER)
        if path.is_dir():
            _refuse_own_ground(path)


def _already_exists(path: Path) -> OutputExists:
    return OutputExists("already exists", where=path, remedy=f"{_ANOTHER}, or set `overwrite` to replace it")


def content(folder: Path) -> set[str]:
    """Return the names in a folder but those that a killed process left half-written; none where it is absent."""
    if not folder.is_dir():
        return set()
    return {entry.name for entry in folder.iterdir() if not entry.name.startswith(PARTIAL)}


def new_file(path: Path, *, overwrite: bool = False) -> Path:
    """Check that an output file does not exist yet (or may be replaced), and that its folder can be written to.

    Raises
    ------
    OutputExists
        If it exists and ``overwrite`` is false.
    CannotWrite
        If it is a folder or a device, or its folder cannot be made or written to.
    """
    with writing(path):
        if path.is_dir():
            raise CannotWrite("is a folder; expected the name of a file", where=path, remedy=_ANOTHER)
        if path.exists():
            if not path.is_file():
                raise CannotWrite("is not an ordinary file", where=path, remedy=_ANOTHER)
            if not overwrite:
                raise _already_exists(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    return path
