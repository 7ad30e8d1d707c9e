"""The folder that a download works in: writable, with room enough, and one call at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gastropath.errors import CannotWrite
from gastropath.locks import alone
from gastropath.outputs import writing


@contextmanager
def workplace(folder: Path, name: str) -> Iterator[Path]:
    """Keep a second call out of a folder while the block lasts, and yield an empty sub-folder for what is half-made.

    Its name is the same in each call: what a killed call left in it is removed first, and what this one leaves, last.
    ``folder`` is made if it is not there, and removed again if it was not and nothing is left in it.

    Raises
    ------
    CannotWrite
        If the folder cannot be written to, or another call is at work in it.
    """
    was_there = folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    work = folder / f".partial-{name}"
    try:
        with alone(folder, "download"):
            shutil.rmtree(work, ignore_errors=True)
            try:
                with writing(work):
                    work.mkdir()
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    finally:
        if not was_there:
            with suppress(OSError):  # it holds something
                folder.rmdir()


def check_room(folder: Path, download_bytes: int, unpacked_bytes: int) -> None:
    """Raise :class:`CannotWrite` if the disk lacks the room, before a byte of it is used."""
    free, needed = shutil.disk_usage(folder).free, download_bytes + unpacked_bytes
    if needed > free:
        parts = f" ({_amount(download_bytes)} to download and {_amount(unpacked_bytes)} for the tiles)"
        raise CannotWrite(
            f"{_amount(needed)} are needed{parts if download_bytes else ' for the tiles'}, {_amount(free)} are free",
            where=folder,
            remedy="free some space, or choose another disk for `out`",
        )


def _amount(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
