"""Many slides, each mapped into a folder of its own, and the table of all of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gastropath.errors import CannotReadTable, CannotUseCluster, GastroPathError, UnknownSetting
from gastropath.inference.classifier import Classifier
from gastropath.jobs.folder import RECORD
from gastropath.parallel import HERE, Pool
from gastropath.progress import Progress, Stages
from gastropath.results.summary import SlideRecord, SlideSummary
from gastropath.slides.mapping import WORK, MappedSlide, map_slide
from gastropath.slides.table import SLIDES_CSV, earlier_rows, failed_row, mapped_row, write_slides
from gastropath.slides.task import DEFAULTS, SlideSettings, record_of
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
    table
        ``slides.csv``, a row for each slide that was ever mapped there.
    rows
        The rows of this call, in the order given: numbers as numbers.
    """

    out: Path
    mapped: tuple[MappedSlide, ...]
    failed: tuple[FailedSlide, ...]
    table: Path
    rows: tuple[dict[str, object], ...]


def map_slides(
    slides: Iterable[Path],
    out: Path,
    classifier: Classifier,
    settings: SlideSettings = DEFAULTS,
    pool: Pool = HERE,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlides:
    """Map slides, each into a folder of ``out``, and list them in ``slides.csv``.

    A slide that cannot be mapped does not stop the others. Interrupted, the same call goes on; slides that are done are
    not mapped again.

    Parameters
    ----------
    slides
        Files; one that is named twice is mapped once.
    out
        The folder, made if it is not there.
    classifier
        The model.
    settings
        What is asked for.
    pool
        Where tiles are read and classified; see :func:`gastropath.parallel.pool`.
    overwrite
        Replace older results.
    progress
        Called as blocks of tiles are done.

    Raises
    ------
    GastroPathError
        If no slide could be mapped: the error of the slide, or one that names all.
    CannotReadTable
        If ``slides.csv`` is there and is not such a table.
    CannotUseCluster
        If the workers cannot do the work.
    UnknownSetting
        If no slide is named.
    """
    paths = list({path.resolve(): path for path in slides}.values())
    if not paths:
        raise UnknownSetting("names no slide; expected at least one", parameter="slides")
    table = out / SLIDES_CSV
    earlier_rows(table)  # better refused now than after the work
    mapped: list[MappedSlide] = []
    failed: list[FailedSlide] = []
    rows: list[dict[str, object]] = []
    stages = Stages([path.name for path in paths], progress)
    for number, path in enumerate(paths):
        name = ""
        try:
            name = result_name(path, out, [slide.folder.name for slide in mapped])
            done = map_slide(
                path, out / name, classifier, settings, pool, overwrite=overwrite, progress=stages.at(number)
            )
            mapped.append(done)
            rows.append(mapped_row(path, name, done.summary))
        except CannotUseCluster:
            raise
        except GastroPathError as error:
            failed.append(FailedSlide(path, out / name if name else None, error.at(path)))
            rows.append(failed_row(path, name, error))
    if not mapped:
        raise failed[0].error if len(failed) == 1 else GastroPathError("; ".join(str(slide.error) for slide in failed))
    write_slides(table, classifier.classes, rows)
    return MappedSlides(out, tuple(mapped), tuple(failed), table, tuple(rows))


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
