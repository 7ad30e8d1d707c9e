"""``labels.csv``: what a person says that places of slides show."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from gastropath.errors import CannotReadTable, did_you_mean
from gastropath.report.wording import count
from gastropath.tables import read_table, write_table

Source = Literal["own", "suggested", "check"]
"""How a label came about: the person chose the place and did not see the answer of the model; the model suggested it,
or its answer was in view; or the place was drawn at random, to judge the model, which never learns from it."""

SOURCES: tuple[Source, ...] = get_args(Source)

PLACE = ("slide", "x_px", "y_px", "width_px", "height_px")
COLUMNS = (*PLACE, "label", "source", "labelled_by", "labelled_at")


@dataclass(frozen=True)
class Label:
    """A rectangle of a slide, in pixels of level 0, and the class of what it shows.

    Attributes
    ----------
    slide
        As the table names it.
    box
        Left, top, width and height.
    label
        Class code.
    source
        See :data:`Source`.
    labelled_by, labelled_at
        Who and when; empty where that is not known.
    region
        Number of the annotation it comes from; -1 for a label of its own.
    """

    slide: str
    box: tuple[float, float, float, float]
    label: str
    source: Source = "own"
    labelled_by: str = ""
    labelled_at: str = ""
    region: int = -1

    def row(self) -> dict[str, object]:
        """Return the label as a row of ``labels.csv``."""
        place = zip(PLACE, (self.slide, *(f"{number:g}" for number in self.box)), strict=True)
        return {
            **dict(place),
            "label": self.label,
            "source": self.source,
            "labelled_by": self.labelled_by,
            "labelled_at": self.labelled_at,
        }


def read_labels(path: Path, classes: Collection[str]) -> list[Label]:
    """Read a table of labels; one that stands there twice is taken once.

    Parameters
    ----------
    path
        CSV file with the columns ``slide,x_px,y_px,width_px,height_px,label``, and where they are known ``source``,
        ``labelled_by`` and ``labelled_at``.
    classes
        Codes that may stand there.

    Raises
    ------
    CannotReadTable
        If it is no such table, a number or a class is none, or a place has two different labels.
    """
    _, rows = read_table(path, (*PLACE, "label"))
    found: dict[tuple[str, tuple[float, ...]], Label] = {}
    for row in rows:
        label = _label(row.place(path), row, classes)
        known = found.setdefault((label.slide, label.box), label)
        if known.label != label.label:
            raise CannotReadTable(
                f"calls a place of {label.slide} {label.label}, an earlier line {known.label}",
                where=row.place(path),
                remedy="keep one of the two",
            )
    return list(found.values())


def write_labels(path: Path, labels: Iterable[Label]) -> None:
    """Write a table of labels, complete or not at all."""
    write_table(path, COLUMNS, (label.row() for label in labels))


def check_classes(labels: Sequence[str], classes: Collection[str], where: str | Path) -> None:
    """Check that the new model has a class for every label.

    Raises
    ------
    CannotReadTable
        If there is none for some; says how many, and how it is added.
    """
    for name in sorted(set(labels) - set(classes)):
        raise CannotReadTable(
            f"has {count(labels.count(name), 'label')} of class {name!r}, which the model has not"
            f"{did_you_mean(name, list(classes))}",
            where=where,
            remedy=f"correct them, or add the class by `classes` {','.join((*classes, name))}",
        )


def _label(where: str, row: Mapping[str, str], classes: Collection[str]) -> Label:
    try:
        numbers = [float(row[column]) for column in PLACE[1:]]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        text = ", ".join(row[column] for column in PLACE[1:])
        what = f"has the place {text!r}; expected four numbers in pixels, width and height above 0"
        raise CannotReadTable(what, where=where)
    source = row.get("source", "").strip() or "own"
    if source not in SOURCES:
        raise CannotReadTable(f"has source {source!r}; expected one of {', '.join(SOURCES)}", where=where)
    slide, label = row["slide"].strip(), row["label"].strip()
    if not slide:
        raise CannotReadTable("names no slide", where=where)
    check_classes([label], classes, where)
    x, y, width, height = numbers
    by, at = row.get("labelled_by", "").strip(), row.get("labelled_at", "").strip()
    return Label(slide, (x, y, width, height), label, source, by, at)
