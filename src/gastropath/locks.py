"""Locks between processes, which end with the process that holds them, on every system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gastropath.errors import CannotWrite
from gastropath.outputs import PARTIAL, writing

LOCK = f"{PARTIAL}lock"
"""The file in a folder that is locked while a process has it for itself; it goes with the lock."""


@contextmanager
def alone(folder: Path, who: str) -> Iterator[None]:
    """Keep a second process out of a folder while the block lasts; the lock ends with the process, however that ends.

    Parameters
    ----------
    folder
        The folder; made anew where another process has just removed it.
    who
        What is running, for the message, e.g. ``"training"``.

    Raises
    ------
    CannotWrite
        If another process has locked the folder.
    """
    from filelock import FileLock, Timeout

    file = folder / LOCK
    lock = FileLock(file, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        what, remedy = f"another {who} is running here", "wait until it ends, or choose another `out`"
        raise CannotWrite(what, where=folder, remedy=remedy) from None
    except OSError:  # a file system that has no locks: nobody is kept out
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):  # gone with the folder; Windows removes it only after the release, which sees to that
            file.unlink()
        lock.release()


@contextmanager
def taken(file: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of a file while the block lasts, and wait for it as long as another process does.

    Parameters
    ----------
    file
        Is made where it is not there, and stays.
    seconds
        To wait at most.

    Raises
    ------
    CannotWrite
        If another process does not give it free, or the file cannot be made.
    """
    from filelock import FileLock, Timeout

    folder = file.parent
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, timeout=seconds)
        try:
            lock.acquire()
        except Timeout:
            what = f"another call has held {file.name} for {seconds:g} seconds"
            remedy = "wait until it ends; if none is running, remove that file"
            raise CannotWrite(what, where=folder, remedy=remedy) from None
    try:
        yield
    finally:
        lock.release()
