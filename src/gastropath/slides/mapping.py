"""The tissue map of a slide, and of a picture in memory."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.errors import CannotReadTable, CannotWrite, OutputExists
from gastropath.inference.classifier import Classifier
from gastropath.jobs.folder import JobFolder
from gastropath.outputs import check_replaceable, content, replacing_folder, writing
from gastropath.parallel import HERE, Pool
from gastropath.progress import Progress, silent
from gastropath.results.summary import MapRecord, SlideSummary
from gastropath.slides.block_reader import local_reader, remote_reader
from gastropath.slides.block_store import BlockStore, map_blocks
from gastropath.slides.source.slide import Slide
from gastropath.slides.task import DEFAULTS, READING, SlideSettings, SlideTask, TiledSlide
from gastropath.slides.writers.outputs import FILES, SUMMARY, SlideOutputs
from gastropath.slides.writers.overlay import Overlay

WORK = ".slide-"
"""How the name of the folder of an unfinished slide begins."""


@dataclass(frozen=True)
class MappedSlide:
    """A slide and the folder with its map.

    Attributes
    ----------
    path
        The slide.
    folder
        Of its result.
    summary
        ``summary.json``.
    """

    path: Path
    folder: Path
    summary: SlideSummary

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the result."""
        return tuple(self.folder / name for name in FILES if (self.folder / name).is_file())


@dataclass(frozen=True)
class PictureMap:
    """The map of a picture in memory.

    Attributes
    ----------
    shown
        The map without legend: ``uint8`` RGB, shape (h, w, 3).
    summary
        ``summary.json``.
    files
        Content of each output, by its name.
    """

    shown: np.ndarray
    summary: SlideSummary
    files: dict[str, bytes]


def map_slide(
    slide: Path,
    out: Path,
    classifier: Classifier,
    settings: SlideSettings = DEFAULTS,
    pool: Pool = HERE,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlide:
    """Map a slide into a folder, or go on where an interrupted call stopped.

    A result of the same slide, model and settings is returned as it is.

    Parameters
    ----------
    slide
        The file.
    out
        Folder of the result.
    classifier
        The model.
    settings
        What is asked for.
    pool
        Where tiles are read and classified; see ``gastropath.parallel.pool``.
    overwrite
        Replace an older result.
    progress
        Called as blocks of tiles are done.

    Raises
    ------
    CannotReadSlide, CannotReadSpacing, CannotReadTable
        If the slide or the file of regions cannot be read.
    OutputExists
        If there is a result of other settings, or something else, in ``out``.
    CannotResume
        If an unfinished call used another model, slide or settings.
    CannotWrite
        If another process is at work on the slide, or ``out`` cannot be written.
    CannotUseCluster
        If the workers cannot do the work.
    MissingExtra
        If a package is not installed.
    """
    task = SlideTask(slide, settings, classifier.card)
    job = job_of(task, out)
    if not overwrite and (summary := _finished(job)):
        if job.has_begun:  # killed after the result was complete; or another process replaces it
            with suppress(CannotWrite), job.alone():
                job.forget()
        return MappedSlide(slide, out, summary)
    check_replaceable(out, FILES, overwrite=overwrite)
    tiled = task.open()  # whatever is wrong with the slide shows before anything is written
    with job.alone():
        if overwrite:
            job.forget()
        elif summary := _finished(job):  # by another process, in between
            return MappedSlide(slide, out, summary)
        job.begin()
        summary = _map(task, tiled, job, classifier, pool, overwrite=overwrite, progress=progress or silent)
        job.forget()
    return MappedSlide(slide, out, summary)


def map_picture(
    slide: Slide,
    classifier: Classifier,
    *,
    mask: bool = True,
    shown_px: int = 1200,
    progress: Progress | None = None,
) -> PictureMap:
    """Map a picture in memory: the same tiles, answers and files as of a slide, and nothing on the disk.

    Parameters
    ----------
    slide
        An opened picture or slide, small enough that all outputs fit into memory.
    classifier
        The model.
    mask
        Leave glass, pen and dark borders out.
    shown_px
        Most of the longer side of the map that is shown.
    progress
        Called as blocks of tiles are done.

    Raises
    ------
    CannotReadSpacing
        If a tile would be only a few pixels of the picture.
    """
    card = classifier.card
    tiled = TiledSlide.of(slide, card, SlideSettings(mask=mask))
    reader = local_reader(slide, classifier, tiled.grid)
    with SlideOutputs(tiled, card) as outputs:
        shown = Overlay(tiled, card, shown_px)
        for block in map_blocks(tiled, reader, classes=classifier.classes, progress=progress or silent):
            outputs.add(block)
            shown.add(block)
        summary = outputs.finish()
    return PictureMap(shown.map(), summary, outputs.contents)


def job_of(task: SlideTask, out: Path) -> JobFolder:
    """Return the folder of the work on a slide whose result is to lie in ``out``."""
    return JobFolder(
        result=out,
        path=out.with_name(f"{WORK}{out.name}"),
        fingerprint=task.fingerprint,
        who="gastropath slide",
        notes={"found_in": task.found_in},
        words={
            "slide": "the slide has changed since",
            READING: "another version of GastroPath read its tiles otherwise",
        },
    )


def _finished(job: JobFolder) -> SlideSummary | None:
    """Return the summary of a result that is there; nothing but that file and the slide's content is looked at."""
    if not content(job.result):
        return None
    file = job.result / SUMMARY
    try:
        summary = SlideSummary.parse(file.read_bytes(), file)
    except (OSError, CannotReadTable) as error:
        why = f" ({SUMMARY} {error.reason})" if isinstance(error, CannotReadTable) else ""
        raise OutputExists(
            f"already exists, and is not the result of a slide{why}", where=job.result, remedy="choose another `out`"
        ) from None
    made = summary.job.model_dump() if summary.job else {}
    job.check_finished({**made, READING: job.fingerprint[READING]})  # read in one way, whichever: it stands
    return summary


def _map(
    task: SlideTask,
    tiled: TiledSlide,
    job: JobFolder,
    classifier: Classifier,
    pool: Pool,
    *,
    overwrite: bool,
    progress: Progress,
) -> SlideSummary:
    """Classify what is not classified yet, and feed all blocks to the outputs, which appear complete or not at all."""
    settings, features = task.settings, task.settings.needs_features
    if pool.remote:
        reader = remote_reader(task.path, settings.mpp, classifier, tiled.grid, features)
    else:
        reader = local_reader(tiled.slide, classifier, tiled.grid, features)
    store = BlockStore(job.path, classifier.classes)
    blocks = map_blocks(tiled, reader, pool, classes=classifier.classes, store=store, progress=progress)
    with writing(job.result):
        folder = _fresh(job.path / "outputs")
    with SlideOutputs(tiled, task.card, folder, settings) as outputs:
        for block in blocks:
            with writing(job.result):
                outputs.add(block)
        with writing(job.result):
            summary = outputs.finish(MapRecord.model_validate({**job.fingerprint, **job.notes}))
    with replacing_folder(job.result, FILES, overwrite=overwrite) as final:
        for file in sorted(folder.iterdir()):
            with file.open("rb+") as written:
                os.fsync(written.fileno())
            file.rename(final / file.name)
    return summary


def _fresh(folder: Path) -> Path:
    """Make an empty folder; what a killed call left in it is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
