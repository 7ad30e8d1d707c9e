"""The folder of a finished slide."""

from __future__ import annotations

from pathlib import Path

from gastropath.cluster import Progress, silent
from gastropath.images import encode_png
from gastropath.outputs import replacing_folder, write_bytes, write_json
from gastropath.slides.job import SlideJob
from gastropath.slides.overlay import draw_overlay
from gastropath.slides.tables import (
    Totals,
    read_totals,
    slides_row,
    summary,
    write_features,
    write_geojson,
    write_tiles_csv,
)

FILES = ("tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json", "features.h5")
"""What a finished slide holds."""


def write_result(job: SlideJob, *, overwrite: bool = False) -> Totals:
    """Write the outputs of a slide whose blocks are all answered, complete or not at all; return what was counted.

    Raises
    ------
    OutputExists
        If the folder is there and may not be replaced, or holds something else.
    """
    totals = Totals()
    for block in job.blocks():
        totals.add(block, job.grid)
    with replacing_folder(job.out, FILES, overwrite=overwrite) as folder:
        write_tiles_csv(job, folder / "tiles.csv")
        write_geojson(job, folder / "tiles.geojson")
        write_bytes(folder / "overlay.png", encode_png(draw_overlay(job, totals)))
        write_bytes(folder / "tissue.png", encode_png(job.mask.picture()))
        if job.settings.features:
            write_features(job, folder / "features.h5")
        write_json(folder / "summary.json", summary(job, totals))
    return totals


def finish(job: SlideJob, *, overwrite: bool = False, progress: Progress = silent) -> dict[str, object]:
    """Do all that is left of the work on a slide, and return its row of ``slides.csv``.

    Raises
    ------
    OutputExists, CannotResume, CannotWrite
        See :class:`gastropath.slides.job.SlideJob`.
    """
    if overwrite:
        job.clear()
    elif job.is_done():
        return slides_row(job, read_totals(job.out))
    job.run(progress=progress)
    totals = write_result(job, overwrite=overwrite)
    job.clear()
    return slides_row(job, totals)


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
