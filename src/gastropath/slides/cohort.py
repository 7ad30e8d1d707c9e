"""Many slides, each mapped into a folder of its own, and the table of all of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from gastropath.errors import (
    CannotReadSlide,
    CannotReadTable,
    CannotUseCluster,
    CannotWrite,
    GastroPathError,
    UnknownSetting,
)
from gastropath.inference.classifier import Classifier
from gastropath.jobs.folder import RECORD
from gastropath.locks import LOCK, alone
from gastropath.outputs import content, write_json, writing
from gastropath.parallel import HERE, Pool
from gastropath.progress import Progress, Stages
from gastropath.results.card import Card
from gastropath.results.summary import SlideRecord, SlideSummary
from gastropath.slides.cases import Cases
from gastropath.slides.entries import find_slides
from gastropath.slides.lookup import SlideTable
from gastropath.slides.mapping import WORK, MappedSlide, job_of, map_slide
from gastropath.slides.roi import read_regions
from gastropath.slides.table import (
    SLIDES_CSV,
    earlier_path,
    earlier_rows,
    failed_row,
    locked,
    mapped_row,
    same_row,
    write_slides,
)
from gastropath.slides.task import DEFAULTS, SlideSettings, SlideTask, found_in_of, record_of
from gastropath.slides.writers.outputs import SUMMARY


@dataclass(frozen=True)
class FailedSlide:
    """A slide that could not be mapped.

    Attributes
    ----------
    path
        The slide.
    folder
        That its result would have had; ``None`` where that is not known.
    error
        Why.
    """

    path: Path
    folder: Path | None
    error: GastroPathError


@dataclass(frozen=True)
class MappedSlides:
    """The result of :func:`map_slides`.

    Attributes
    ----------
    out
        The folder.
    mapped, failed
        Slides with a map, and slides without, each in the order given.
    same
        Files that are a slide which another name stands for, and that name.
    table
        ``slides.csv``, a row for each slide that was ever mapped there.
    rows
        The rows of this call, in the order given: numbers as numbers.
    card
        Of the model.
    cases
        ``cases.csv``; ``None`` where no cases are given.
    """

    out: Path
    mapped: tuple[MappedSlide, ...]
    failed: tuple[FailedSlide, ...]
    same: tuple[tuple[Path, str], ...]
    table: Path
    rows: tuple[dict[str, object], ...]
    card: Card
    cases: Cases | None = None


def map_slides(
    slides: Iterable[Path],
    out: Path,
    classifier: Classifier,
    settings: SlideSettings = DEFAULTS,
    pool: Pool = HERE,
    *,
    mpp: SlideTable | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlides:
    """Map slides, each into a folder of ``out``, and list them in ``slides.csv``.

    A slide that cannot be mapped does not stop the others. Interrupted, the same call goes on; slides that are done are
    not mapped again.

    Parameters
    ----------
    slides
        Files, and folders for all slides in them; one that is named twice is mapped once. See
        :func:`gastropath.slides.entries.find_slides`.
    out
        The folder, made if it is not there.
    classifier
        The model.
    settings
        What is asked for.
    pool
        Where tiles are read and classified; see :func:`gastropath.parallel.pool`.
    mpp
        Micrometres per pixel of some of the slides, in place of that in ``settings``.
    overwrite
        Replace older results.
    progress
        Called as blocks of tiles are done.

    Raises
    ------
    GastroPathError
        If no slide could be mapped for a reason that lies in none of them, such as a result of other settings.
    CannotReadTable
        If ``slides.csv`` is there and is not such a table, or the file of regions is none.
    CannotUseCluster
        If the workers cannot do the work.
    UnknownSetting
        If no slide is named.
    """
    entries = find_slides(slides)
    if not entries:
        raise UnknownSetting("names no slide; expected at least one", parameter="slides")
    table = out / SLIDES_CSV
    _, before = earlier_rows(table)  # better refused now than after the work
    if settings.roi:
        read_regions(settings.roi)
    mapped: list[MappedSlide] = []
    failed: list[FailedSlide] = []
    same: list[tuple[Path, str]] = []
    rows: list[dict[str, object]] = []
    known: dict[str, MappedSlide] = {}
    stages = Stages([entry.path.name for entry in entries], progress)
    for number, entry in enumerate(entries):
        path, folder = entry.path, None
        try:
            if entry.error is not None:
                raise entry.error
            if first := known.get(os.path.realpath(path)):
                same.append((path, str(first.path)))
                rows.append(same_row(path, first.folder.name, str(first.path)))
                continue
            stated = mpp.of(path) if mpp else None
            asked = replace(settings, mpp=float(stated)) if stated else settings
            folder = _reserved(path, out, asked, classifier.card)
            first = next((slide for slide in mapped if slide.folder == folder), None)
            other = str(first.path) if first else earlier_path(out, folder.name, path)
            if other is not None:
                same.append((path, other))
                rows.append(same_row(path, folder.name, other))
                continue
            done = map_slide(path, folder, classifier, asked, pool, overwrite=overwrite, progress=stages.at(number))
            mapped.append(done)
            known[os.path.realpath(path)] = done
            rows.append(mapped_row(path, folder.name, done.summary))
        except CannotUseCluster:
            raise
        except GastroPathError as error:
            failed.append(FailedSlide(path, folder, error.at(path)))
            left = folder.name if overwrite and folder and content(folder) else ""
            rows.append(failed_row(path, error, left))
        finally:
            if folder:
                _give_back(folder)
    if not mapped and not same and not any(isinstance(slide.error, CannotReadSlide) for slide in failed):
        if len(failed) == 1:
            raise failed[0].error
        raise GastroPathError("; ".join(slide.error.spelled("`{}`".format) for slide in failed))
    write_slides(table, classifier.classes, rows, before if overwrite else ())
    return MappedSlides(out, tuple(mapped), tuple(failed), tuple(same), table, tuple(rows), classifier.card)


def _reserved(path: Path, out: Path, settings: SlideSettings, card: Card) -> Path:
    """Choose the folder of a slide, and leave word in its working folder, so that no call beside this one takes it."""
    task = SlideTask(path, settings, card)
    record = {**task.fingerprint, "found_in": task.found_in}  # takes a while, so before others wait
    with locked(out):
        folder = out / result_name(path, out)
        job = job_of(task, folder)
        if not folder.exists() and not job.has_begun:
            with writing(out):
                job.path.mkdir(exist_ok=True)
            write_json(job.path / RECORD, record)
    return folder


def _give_back(folder: Path) -> None:
    """Remove the word that a slide left which was not begun."""
    work = folder.with_name(f"{WORK}{folder.name}")
    if not work.is_dir():
        return
    with suppress(OSError, CannotWrite), locked(folder.parent):
        with alone(work, "call"):
            if {entry.name for entry in work.iterdir()} == {RECORD, LOCK}:
                (work / RECORD).unlink()
        work.rmdir()  # fails, as it should, where work has begun


def result_name(path: Path, out: Path) -> str:
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

    Raises
    ------
    CannotReadSlide
        If there is no such slide.
    """
    asked, found_in = record_of(path), found_in_of(path)
    stem = path.stem or path.name
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(name for name in names if _may_be_of(_owner(out, name), asked, found_in))


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
