"""What the page of a lesson is told, and what it may tell: JSON, checked before anything is done."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gastropath import formulas
from gastropath.errors import UnknownSetting
from gastropath.teach.labels import Source
from gastropath.teach.lesson.figures import ENOUGH, Count, Figures
from gastropath.teach.lesson.lesson import Lesson

MOST_TILES = 2000
"""Tiles that may be labelled at a time."""


class Told(BaseModel):
    """A message of the page."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Labelling(Told):
    """Tiles of a map get a label, or lose it where it is empty."""

    tiles: Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(min_length=1, max_length=MOST_TILES)]
    label: Annotated[str, Field(max_length=200)]
    source: Source


class Turning(Told):
    """The last step is taken back or done again; ``revision`` is what the page has seen."""

    kind: Literal["undo", "redo"]
    revision: int


class Sealing(Told):
    """The model is to be sealed; ``replace`` says that an earlier one may go."""

    replace: bool


Message = TypeVar("Message", bound=Told)


def read(kind: type[Message], document: object) -> Message:
    """Check a message.

    Raises
    ------
    UnknownSetting
        If it is not what it should be; says what first.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "message"
        raise UnknownSetting(f"{place}: {first['msg'].lower()}") from None


def state(lesson: Lesson) -> dict[str, Any]:
    """Return all that changes while a model is taught, but the answers themselves."""
    work, lore, record = lesson.work, lesson.lore, lesson.record
    counts = {code: {"own": 0, "suggested": 0, "check": 0} for code in lesson.codes}
    for given in list(record.labels.values()):
        if given.label in counts:
            counts[given.label][given.source] += 1
    return {
        "news": lesson.news,
        "state": work.state,
        "what": work.what,
        "done": work.done,
        "total": work.total,
        "told": work.told or lesson.problem,
        "sealed": work.sealed,
        "revision": lesson.revision,
        "learned": lore.revision,
        "version": lore.version,
        "undo": record.can_undo,
        "redo": record.can_redo,
        "counts": counts,
        "figures": _figures(lore.figures) if lore.figures and lore.revision == lesson.revision else None,
        "folder": str(lesson.folder),
    }


def labels(lesson: Lesson, map_number: int) -> list[tuple[int, int, str]]:
    """Return number, place of the class and source of each labelled tile of a map."""
    name, _ = lesson.pool(map_number)
    return [
        (tile, lesson.codes.index(given.label), given.source)
        for (where, tile), given in list(lesson.record.labels.items())
        if where == name
    ]


def check(lesson: Lesson) -> dict[str, Any]:
    """Return the tile that is to be checked next; no map where none is left."""
    place = lesson.next_check()
    if place is None:
        return {"map": None, "name": "", "tile": 0}
    numbers = {lesson.pool(number)[0]: number for number in range(len(lesson.atlas))}
    return {"map": numbers[place[0]], "name": lesson.atlas.names[numbers[place[0]]], "tile": place[1]}


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "classes": {code: _share(count) for code, count in found.classes.items()},
        "before": _share(found.before),
        "after": _share(found.after),
        "unit": found.unit,
        "units": found.units,
        "checked_before": _share(found.checked_before),
        "checked": _share(found.checked),
    }


def _share(count: Count) -> dict[str, Any]:
    low, high = formulas.wilson(count.right, count.n)
    return {"right": count.right, "n": count.n, "low": low, "high": high, "enough": count.n >= ENOUGH}
