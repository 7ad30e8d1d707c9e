"""The folder that a download works in: writable, with room enough, and one call at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gastropath.errors import CannotWrite
from gastropath.outputs import alone, writing


@contextmanager
def workplace(folder: Path, name: str) -> Iterator[Path]:
    """Make a folder ready for work, and keep a second call out while this one lasts.

    Parameters
    ----------
    folder
        Made if it is not there, and removed again if it was not and nothing is left in it.
    name
        Of what will be made in it.

    Yields
    ------
    pathlib.Path
        A name in the folder for what is half-made, the same in each call and free: what a killed call left under it
        is removed first, and what this one leaves, last.

    Raises
    ------
    CannotWrite
        If the folder cannot be written to, or another call is at work in it.
    """
    was_there = folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    partial = folder / f".partial-{name}"
    try:
        with alone(folder, "gastropath fetch"):
            shutil.rmtree(partial, ignore_errors=True)
            try:
                yield partial
            finally:
                shutil.rmtree(partial, ignore_errors=True)
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
            f"{folder}: {_amount(needed)} are needed{parts if download_bytes else ' for the tiles'}, {_amount(free)} "
            "are free; free some space, or choose another disk with --out"
        )


def _amount(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
