"""What callers may give, in the forms they have it, and what holds where they say nothing.

The one place below the command line that looks at the clock and at the user's folders: whoever calls a workflow from
Python should need to give neither.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier

StrPath = str | os.PathLike[str]
"""A path, as Python takes them."""

Paths = StrPath | Iterable[StrPath]
"""One path or several."""


def paths(given: Paths) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(given)] if isinstance(given, str | os.PathLike) else [Path(path) for path in given]


def optional(given: StrPath | None) -> Path | None:
    """Return a path that need not be given."""
    return None if given is None else Path(given)


def codes(given: Sequence[str] | None) -> list[str] | None:
    """Return class codes as a list; a single code is a list of one."""
    return [given] if isinstance(given, str) else list(given) if given else None


def changes(settings: Mapping[str, object] | Sequence[str]) -> list[str]:
    """Return changed settings as lines ``KEY=VALUE``, values as in TOML."""
    if isinstance(settings, str):
        return [settings]
    if isinstance(settings, Mapping):
        return [f"{key}={_toml(value)}" for key, value in settings.items()]
    return list(settings)


def opened(model: StrPath | Classifier | None) -> Classifier:
    """Open and verify a model, unless it is open already.

    Raises
    ------
    BadBundle
        If the folder holds no bundle, or one whose hashes, version or graph do not fit its card.
    CannotDownload
        If it is named by its place on the Hub and cannot be had.
    """
    from gastropath.inference.classifier import Classifier

    return model if isinstance(model, Classifier) else Classifier.load(model)


def folder_named(model: StrPath | None) -> Path:
    """Return the folder of a model: as named, the starter model's, or where one of the Hub is kept on this computer.

    Raises
    ------
    BadBundle, CannotDownload
        If it is named by its place on the Hub and cannot be had, or there is no starter model.
    """
    from gastropath.bundle.files import starter
    from gastropath.bundle.hub import model_folder

    return starter() if model is None else model_folder(model)


def at_hand(model: StrPath | Classifier | None) -> Path | Classifier:
    """Return an open model as it is, and of any other its folder, so that the Hub is asked once."""
    from gastropath.inference.classifier import Classifier

    return model if isinstance(model, Classifier) else folder_named(model)


def folder_of(model: StrPath | Classifier | None) -> Path | None:
    """Return the folder that a model was named by or loaded from; ``None`` for one in memory."""
    from gastropath.inference.classifier import Classifier

    return model.folder if isinstance(model, Classifier) else folder_named(model)


def cache_folder(given: StrPath | None) -> Path:
    """Return the folder for what is kept from run to run: as given, as set, or where this system keeps such files."""
    if given:
        return Path(given)
    if set_here := os.environ.get("GASTROPATH_CACHE"):
        return Path(set_here)
    from platformdirs import user_cache_path

    return user_cache_path("gastropath", appauthor=False, opinion=False)  # on Windows neither author nor "Cache" in it


def qupath_names(given: StrPath | Mapping[str, str] | None, classes: Sequence[str]) -> Mapping[str, str]:
    """Return what classes, and tiles on which the model abstains, are called in QuPath, by code.

    Raises
    ------
    CannotReadTable
        See ``gastropath.slides.lookup.read_qupath_names``.
    """
    from gastropath.slides.lookup import read_qupath_names
    from gastropath.slides.writers.legend import abstained_name

    if given is None or isinstance(given, Mapping):
        return given or {}
    return read_qupath_names(Path(given), [*classes, abstained_name(classes)])


def now() -> str:
    """Return the date and time, for the record."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def today() -> str:
    """Return the date here, for the record."""
    return datetime.now().astimezone().date().isoformat()


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def check_checks(checks: str) -> None:
    """Check the name of a set of checks.

    Raises
    ------
    UnknownSetting
        If there is no such set.
    """
    from gastropath.errors import UnknownSetting
    from gastropath.results.metrics import Checks

    known = get_args(Checks)
    if checks not in known:
        raise UnknownSetting(f"there is no {checks!r}; expected one of {', '.join(known)}", parameter="checks")
