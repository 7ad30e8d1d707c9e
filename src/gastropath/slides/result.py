"""The folder of a finished slide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gastropath.cluster import HERE, Pool, Progress, silent
from gastropath.images import encode_png
from gastropath.outputs import replacing_folder, write_bytes, write_json, write_pieces
from gastropath.slides.job import SlideJob
from gastropath.slides.overlay import draw_overlay
from gastropath.slides.tables import Totals, geojson, summary, tile_columns, tile_rows, write_features
from gastropath.tables import write_table

FILES = ("tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json", "features.h5")
"""What a finished slide holds."""


def finish(job: SlideJob, pool: Pool = HERE, *, overwrite: bool = False, progress: Progress = silent) -> dict[str, Any]:
    """Do all that is left of the work on a slide, and return its ``summary.json``.

    Raises
    ------
    CannotReadSlide, CannotReadTable, OutputExists, CannotResume, CannotUseCluster, CannotWrite
        See :class:`gastropath.slides.job.SlideJob`.
    """
    if not overwrite and (document := job.finished()):
        return document
    job.open()
    with job.alone():
        if overwrite:
            job.forget()
        elif document := job.finished():  # by another process, in between
            return document
        job.run(pool, progress=progress)
        document = _write(job, overwrite=overwrite)
        job.forget()
    return document


def _write(job: SlideJob, *, overwrite: bool) -> dict[str, Any]:
    """Write the outputs of a slide whose blocks are all answered, complete or not at all."""
    answered = job.answered()
    totals = Totals.of(answered)
    document = {**summary(answered, totals), "job": job.fingerprint()}
    with replacing_folder(job.out, FILES, overwrite=overwrite) as folder:
        write_table(folder / "tiles.csv", tile_columns(answered.card), tile_rows(answered))
        write_pieces(folder / "tiles.geojson", geojson(answered))
        write_bytes(folder / "overlay.png", encode_png(draw_overlay(answered, totals)))
        write_bytes(folder / "tissue.png", encode_png(answered.mask.picture(answered.slide)))
        if job.settings.features:
            write_features(answered, folder / "features.h5")
        write_json(folder / "summary.json", document)
    return document


def folder_names(paths: list[Path]) -> list[str]:
    """Return a folder name for each slide: its stem, with a number where several slides have the same."""
    names: list[str] = []
    for path in paths:
        stem, name, n = path.stem or path.name, path.stem or path.name, 1
        while name in names:
            n += 1
            name = f"{stem}-{n}"
        names.append(name)
    return names
