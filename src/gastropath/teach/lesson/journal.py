"""All steps of a user in a file that only grows: a label that the page calls kept is on the disk, whatever happens."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from gastropath.errors import CannotReadTable
from gastropath.outputs import writing
from gastropath.teach.labels import SOURCES, Source

JOURNAL = "labels.jsonl"

Kind = Literal["label", "undo", "redo"]

_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Step:
    """One thing that a user did.

    Attributes
    ----------
    kind
        Tiles were called something (or nothing any more), or the last such step was taken back or done again.
    map
        Name of the folder of their map.
    tiles
        Numbers of the tiles in the grid of the map.
    label
        Class code; empty where their labels were taken away.
    source
        How the label came about.
    by, at
        Who and when; empty where that is not known.
    """

    kind: Kind
    map: str = ""
    tiles: tuple[int, ...] = ()
    label: str = ""
    source: Source = "own"
    by: str = ""
    at: str = ""


class Journal:
    """The file of steps: each is a line, which is on the disk when :meth:`append` returns."""

    def __init__(self, path: Path) -> None:
        """Open a journal, or begin one; a line that a killed process left unfinished was told to nobody, and goes.

        Raises
        ------
        CannotReadTable
            If a line is none of a journal.
        CannotWrite
            If the file cannot be made or written.
        """
        self._path = path
        with writing(path):
            is_new = not path.exists()
            path.touch()
            if is_new:
                _keep_name(path)
            content = path.read_bytes()
            self._whole = content.rfind(b"\n") + 1
            if self._whole < len(content):
                os.truncate(path, self._whole)
        self.steps = tuple(_steps(path, content[: self._whole]))

    def append(self, step: Step) -> None:
        """Write a step; it is on the disk afterwards, or an error says that it is not.

        Raises
        ------
        CannotWrite
            If the disk is full or refuses.
        """
        line = json.dumps(asdict(step), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with writing(self._path):
            try:
                with self._path.open("r+b", buffering=0) as file:
                    file.seek(self._whole)
                    written = file.write(line)
                    while written < len(line):
                        written += file.write(line[written:])
                    os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.truncate(self._path, self._whole)
                raise
        self._whole += len(line)


def _keep_name(path: Path) -> None:
    """Have the name of a new file on the disk as well; Windows has no such thing."""
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _steps(path: Path, content: bytes) -> Iterator[Step]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            yield _step(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError):
            what = f"line {number} is no step of labelling"
            raise CannotReadTable(
                what, where=path, remedy="restore the file from a backup, or remove that line"
            ) from None


def _step(found: Any) -> Step:
    """Return a step as it was written; some error where it is none."""
    step = Step(**{**found, "tiles": tuple(found["tiles"])})
    texts = (step.map, step.label, step.by, step.at)
    if step.kind not in _KINDS or step.source not in SOURCES or not all(isinstance(text, str) for text in texts):
        raise ValueError
    if not all(type(tile) is int and tile >= 0 for tile in step.tiles):
        raise ValueError
    return step
