"""Which slide a result is of, and the folder that its result has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from gastropath.errors import CannotReadSlide

WORK = ".slide-"
"""How the folder of an unfinished slide begins."""

_SAMPLES, _SAMPLE_BYTES = 64, 2**16
"""Pieces of a file, evenly apart, that stand for all of it: a slide of gigabytes is not read once more."""


def identity(path: Path) -> dict[str, Any]:
    """Return what tells a slide from others, as JSON reads it back.

    Raises
    ------
    CannotReadSlide
        If there is no such file.
    """
    if path.is_dir():
        raise CannotReadSlide(f"{path}: is a folder; name the slides in it, e.g. {path / '*.svs'}")
    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            for number in range(_SAMPLES):
                file.seek(number * max(0, size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise CannotReadSlide(f"{path}: {error.strerror or error}") from None
    return {"name": path.name, "folder": path.resolve().parent.name, "bytes": size, "samples": digest.hexdigest()}


def result_name(path: Path, out: Path, taken: Collection[str] = ()) -> str:
    """Return the folder in ``out`` for a slide: its stem, with a number where another slide has that folder.

    Another slide is one of another name, or of that name in another folder and with other content. So every call
    finds the same folder for a slide, whatever else is mapped with it; a slide that changed in its place does too, and
    is refused there.

    Parameters
    ----------
    path
        The slide.
    out
        Where results are.
    taken
        Names of results that this call has for other slides.

    Raises
    ------
    CannotReadSlide
        If there is no such slide.
    """
    asked = identity(path)
    stem = path.stem or path.name
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(name for name in names if name not in taken and _may_be_of(_owner(out, name), asked))


def _owner(out: Path, name: str) -> Mapping[str, Any] | None:
    """Return the identity of the slide that a finished or unfinished result is of; ``None`` where none tells."""
    for file, keys in (
        (out / name / "summary.json", ("job", "slide")),
        (out / f"{WORK}{name}" / "job.json", ("slide",)),
    ):
        try:
            found = json.loads(file.read_text("utf-8"))
            for key in keys:
                found = found[key]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(found, Mapping):
            return found
    return None


def _may_be_of(owner: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> bool:
    if owner is None:
        return True
    same_place = all(owner.get(key) == asked[key] for key in ("name", "folder"))
    return same_place or _content(owner) == _content(asked)


_OPTIONS = {
    "mpp": "--mpp", "stride_um": "--stride-um", "everything": "--no-mask", "roi": "--roi", "features": "--features",
}  # fmt: skip


def differences(made: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Say in words what a result was made with, and with what it is asked for now; empty where nothing differs.

    That a slide was moved to another folder is no difference.
    """
    told = []
    if _content(made.get("slide")) != _content(asked["slide"]):
        told.append("the slide has changed since")
    if made.get("model") != asked["model"]:
        told.append("another model")
    before, now = made.get("settings", {}), asked["settings"]
    for key, option in _OPTIONS.items():
        if before.get(key) != now[key]:
            values = f"{option} {_value(before.get(key))}, now {_value(now[key])}"
            told.append(f"other regions by {option}" if key == "roi" else values)
    return "; ".join(told)


def _content(slide: Any) -> dict[str, Any]:
    return {key: value for key, value in slide.items() if key != "folder"} if isinstance(slide, Mapping) else {}


def _value(value: float | bool | None) -> str:
    if value is None or value is False:
        return "not given"
    return "given" if value is True else f"{value:g}"
