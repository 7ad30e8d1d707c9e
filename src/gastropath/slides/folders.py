"""Which folder the result of a slide has among those of others."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import count
from pathlib import Path

from gastropath.errors import CannotReadTable
from gastropath.jobs.folder import RECORD
from gastropath.results.summary import SlideRecord, SlideSummary
from gastropath.slides.task import record_of
from gastropath.slides.writers.outputs import SUMMARY

WORK = ".slide-"
"""How the folder of an unfinished slide begins."""


def result_name(path: Path, out: Path, taken: Collection[str] = ()) -> str:
    """Return the folder in ``out`` for a slide: its stem, with a number where another slide has that folder.

    Another slide is one of another name, or of that name in another folder and with other content. So every call
    finds the same folder for a slide, whatever else is mapped with it; a slide that changed in its place finds its old
    folder too, and is refused there.

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
    asked, found_in = record_of(path), path.resolve().parent.name
    stem = path.stem or path.name
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(name for name in names if name not in taken and _may_be_of(_owner(out, name), asked, found_in))


def _owner(out: Path, name: str) -> tuple[SlideRecord, str] | None:
    """Return the slide that a finished or unfinished result is of, and its folder; ``None`` where that is not known."""
    file = out / name / SUMMARY
    try:
        summary = SlideSummary.parse(file.read_bytes(), file)
        if summary.job:
            return summary.job.slide, summary.job.found_in
    except (OSError, CannotReadTable):
        pass
    try:
        begun = json.loads((out / f"{WORK}{name}" / RECORD).read_text("utf-8"))
        return SlideRecord.model_validate(begun["slide"]), str(begun["found_in"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _may_be_of(owner: tuple[SlideRecord, str] | None, asked: SlideRecord, found_in: str) -> bool:
    return owner is None or owner[0] == asked or (owner[0].name, owner[1]) == (asked.name, found_in)
