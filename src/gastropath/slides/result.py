"""The folder of a finished slide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gastropath.images import encode_png
from gastropath.outputs import check_replaceable, replacing_folder, write_bytes, write_json, write_pieces
from gastropath.parallel import HERE, Pool
from gastropath.progress import Progress, silent
from gastropath.slides.job import SlideJob
from gastropath.slides.overlay import draw_overlay
from gastropath.slides.tables import Totals, geojson, summary, tile_columns, tile_rows, write_features
from gastropath.tables import read_table, write_table

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
    check_replaceable(job.out, FILES, overwrite=overwrite)
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


def earlier_rows(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read the columns and rows of ``slides.csv``; none where there is no such file yet.

    Raises
    ------
    CannotReadTable
        If there is a file of that name which is no such table.
    """
    return read_table(table, ("slide", "folder", "status")) if table.is_file() else ([], [])


def add_to_table(table: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write ``slides.csv``: the rows of this call, and those of results that earlier calls left beside them."""
    known, earlier = earlier_rows(table)
    done = {row["folder"] for row in earlier if row["status"] == "done"}
    # A result that is there stays in the table when another call on its slide is refused.
    new = [row for row in rows if row["status"] == "done" or row["folder"] not in done]
    replaced = {row[column] for row in new for column in ("folder", "slide")} - {""}
    kept = [row for row in earlier if row["folder"] not in replaced and row["slide"] not in replaced]
    write_table(table, [*columns, *(c for c in known if c not in columns)], [*kept, *map(_in_digits, new)])


def _in_digits(row: Mapping[str, object]) -> dict[str, object]:
    return {column: f"{value:.6f}" if isinstance(value, float) else value for column, value in row.items()}
