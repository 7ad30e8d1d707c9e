"""The folder of a job: what its result depends on, who is at work in it, and what is done so far."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gastropath.errors import CannotResume, CannotWrite, OutputExists
from gastropath.locks import LOCK, alone
from gastropath.outputs import write_json, writing

SETTINGS = "settings"
"""Key of a fingerprint whose entries are parameters; every other entry stands for a thing, such as a model."""

RECORD = "fingerprint.json"
"""Name of the file in the folder that holds the fingerprint and the notes."""

_LONG = 40
"""Characters of text beyond which two values are not shown beside each other."""

Fingerprint = Mapping[str, Any]
"""What a result depends on, as JSON: things by their hashes, and under ``"settings"`` the values of parameters.

A thing or a setting that is left out is not compared.
"""


@dataclass(frozen=True)
class JobFolder:
    """Work on one result: killed at any moment, the next call with the same fingerprint goes on with it.

    Attributes
    ----------
    result
        What the work is for; messages name it.
    path
        The folder for what is done so far. It is there only while there is something in it, or somebody at work.
    fingerprint
        What the result depends on.
    who
        Name of the work, for the message to a second process, e.g. ``"gastropath slide"``.
    record
        The file that holds the fingerprint; by default in ``path``, where it goes with the unfinished work.
    notes
        What the record holds beside the fingerprint; never compared.
    words
        How to say that a thing differs, by its key; otherwise ``"another {key}"``.
    remedy
        What to do about unfinished work of another fingerprint.

    Examples
    --------
    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "map"
    >>> job = JobFolder(out, out.with_name(".map"), {"model": "abc", "settings": {"mpp": 0.5}}, "gastropath slide")
    >>> with job.alone():
    ...     job.begin()
    ...     job.differs_from({"model": "abc", "settings": {"mpp": None}})
    ...     job.forget()
    False
    '`mpp` was not given, now 0.5'
    """

    result: Path
    path: Path
    fingerprint: Fingerprint
    who: str
    record: Path | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    remedy: str = "repeat it with the same settings, or allow `overwrite` to start again"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder, and keep a second process away from it while the block lasts.

        Afterwards the folder, and those above it that this call made, are removed where nothing is left in them.

        Raises
        ------
        CannotWrite
            If another process is at work in it, or it cannot be made.
        """
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        with writing(self.result):
            self.path.mkdir(parents=True, exist_ok=True)
            before = self.path.stat().st_ino
        try:
            with alone(self.path, self.who):
                if not self.path.is_dir() or self.path.stat().st_ino != before:
                    raise CannotWrite(
                        f"another {self.who} has just finished here", where=self.path, remedy="run it again"
                    )
                yield
        finally:
            for folder in (self.path, *made):  # not empty, and left, where another process has just locked it
                _remove_if_empty(folder)

    @property
    def has_begun(self) -> bool:
        """Whether there is unfinished work."""
        return self._record.is_file()

    def begin(self) -> bool:
        """Write down what the work depends on, or check that unfinished work depends on the same.

        Call it within :meth:`alone`.

        Returns
        -------
        bool
            Whether there is unfinished work to go on with.

        Raises
        ------
        CannotResume
            If unfinished work depends on something else.
        """
        made = self.begun()
        if made is None:
            self.forget()  # what a killed call left without its record belongs to nobody
            with writing(self.result):
                self.path.mkdir(parents=True, exist_ok=True)
            write_json(self._record, {**self.fingerprint, **self.notes})
            return False
        if changed := self.differs_from(made):
            raise CannotResume(
                f"unfinished work here used other input ({changed})", where=self.result, remedy=self.remedy
            )
        return True

    def begun(self) -> dict[str, Any] | None:
        """Return the fingerprint of unfinished work; ``None`` where there is none.

        Raises
        ------
        CannotResume
            If its record cannot be read.
        """
        try:
            found = json.loads(self._record.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise CannotResume(f"cannot be read: {error}", where=self._record, remedy=self.remedy) from None
        if not isinstance(found, dict):
            raise CannotResume("is not a JSON object", where=self._record, remedy=self.remedy)
        return found

    def differs_from(self, made: Fingerprint) -> str:
        """Say in words in what a begun or finished result differs from this one; empty where it does not."""
        return "; ".join(differences(made, self.fingerprint, self.words))

    def check_finished(self, made: Fingerprint) -> None:
        """Raise :class:`OutputExists` where a finished result depends on something else."""
        if changed := self.differs_from(made):
            raise OutputExists(
                f"already exists, made from other input ({changed})",
                where=self.result,
                remedy="choose another `out`, or allow `overwrite` to replace it",
            )

    def forget(self) -> None:
        """Remove all that is done so far: the result stands, or is to be made again.

        The folder stays with its lock, which keeps others away. The record goes last: what is left by a kill in between
        is still known for what it is.
        """
        if not self.path.is_dir():
            return
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry == self._record):
            if entry.name == LOCK:
                continue
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    @property
    def _record(self) -> Path:
        return self.record or self.path / RECORD


def differences(made: Fingerprint, asked: Fingerprint, words: Mapping[str, str] | None = None) -> list[str]:
    """Say in words in what two fingerprints differ, as far as ``asked`` goes.

    Parameters
    ----------
    made, asked
        Of a begun or finished result, and of what is wanted now.
    words
        See :class:`JobFolder`.

    Returns
    -------
    list of str
        A phrase for each difference. Parameters stand in backticks.

    Examples
    --------
    >>> differences({"split": "1a", "settings": {"epochs": 20}}, {"split": "1b", "settings": {"epochs": 4}})
    ['another split', '`epochs` was 20, now 4']
    """
    asked = json.loads(json.dumps(asked))  # as it is read back: lists for tuples
    phrases = [
        (words or {}).get(thing, f"another {thing.replace('_', ' ')}")
        for thing, value in asked.items()
        if thing != SETTINGS and made.get(thing) != value
    ]
    before, now = made.get(SETTINGS) or {}, asked.get(SETTINGS, {})
    return phrases + [
        _setting(name, before.get(name), value) for name, value in now.items() if before.get(name) != value
    ]


def _setting(name: str, before: Any, now: Any) -> str:
    if any(
        isinstance(value, list | dict) or (isinstance(value, str) and len(value) > _LONG) for value in (before, now)
    ):
        return f"another `{name}`"
    return f"`{name}` was {_value(before)}, now {_value(now)}"


def _value(value: float | bool | str | None) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    return repr(value) if isinstance(value, str) else f"{value:.12g}"


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # something is in it, or it is gone
        folder.rmdir()
