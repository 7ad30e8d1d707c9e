"""Tissue maps of whole slides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gastropath.progress import Progress
from gastropath.workflows.arguments import Paths, StrPath, opened, optional, paths
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier
    from gastropath.slides.cohort import MappedSlides
    from gastropath.slides.mapping import MappedSlide


def map_slide(
    slide: StrPath,
    out: StrPath = "slides",
    model: StrPath | Classifier | None = None,
    *,
    mpp: float | None = None,
    stride_um: float | None = None,
    mask: bool = True,
    roi: StrPath | None = None,
    features: bool = False,
    qupath_origin: Literal["bounds", "level0"] = "bounds",
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlide:
    """Turn a whole slide, or a large image, into a tissue map; goes on where an earlier call was interrupted.

    Parameters
    ----------
    slide
        The file.
    out
        Folder for the folder of the slide, and ``slides.csv``.
    model
        A run or bundle folder, or a model from :func:`gastropath.load`; by default the starter model.
    mpp
        Micrometres per pixel of level 0; by default what the slide states.
    stride_um
        Micrometres from one tile to the next; by default tiles touch.
    mask
        Leave glass, pen marks and dark borders out.
    roi
        GeoJSON file, as drawn in QuPath: only within these polygons.
    features
        Also write ``features.h5``.
    qupath_origin
        Where QuPath's coordinates begin, in which ``roi`` is read and ``tiles.geojson`` is written: ``"bounds"`` of the
        slide, where it states them, or ``"level0"``.
    scheduler
        Address of a Dask scheduler, on whose cluster tiles are read and classified.
    overwrite
        Replace an earlier map of the slide.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    MappedSlide
        ``summary`` holds the figures, ``folder`` and ``files`` say where the map lies.

    Raises
    ------
    MissingExtra
        If the extra ``slides`` (or ``cluster``) is not installed.
    BadBundle
        If the model cannot be used.
    CannotReadSlide, CannotReadSpacing, CannotReadTable
        If the file is not a slide, its micrometres per pixel are not known, or ``roi`` is not what it should be.
    CannotResume, OutputExists, CannotWrite
        If the map already exists with other settings, or cannot be written.
    CannotUseCluster
        If no scheduler answers, or its workers cannot do the work.

    Examples
    --------
    >>> found = gastropath.map_slide("biopsy.svs", "maps")  # doctest: +SKIP
    >>> found.summary.tumour_stroma.stroma_share            # doctest: +SKIP
    0.41
    """
    found = map_slides(
        slide, out, model, mpp=mpp, stride_um=stride_um, mask=mask, roi=roi, features=features,
        qupath_origin=qupath_origin, scheduler=scheduler, overwrite=overwrite, progress=progress,
    )  # fmt: skip
    if found.failed:
        raise found.failed[0].error
    return found.mapped[0]


def map_slides(
    slides: Paths,
    out: StrPath = "slides",
    model: StrPath | Classifier | None = None,
    *,
    mpp: float | None = None,
    stride_um: float | None = None,
    mask: bool = True,
    roi: StrPath | None = None,
    features: bool = False,
    qupath_origin: Literal["bounds", "level0"] = "bounds",
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlides:
    """Map slides one after the other, each once; one that cannot be mapped is named, and the others go on.

    Parameters are those of :func:`map_slide`. What is wrong with a slide is not raised but stands in ``failed``, and in
    ``slides.csv``.

    Returns
    -------
    MappedSlides
        What was mapped, and what was not.
    """
    if scheduler:
        need("slide --scheduler")
    need("slide --features" if features else "slide")
    from gastropath.parallel import pool
    from gastropath.slides.cohort import map_slides as mapped
    from gastropath.slides.task import SlideSettings

    classifier, settings = opened(model), SlideSettings(mpp, stride_um, mask, optional(roi), features, qupath_origin)
    with pool(scheduler) as workers:
        return mapped(paths(slides), Path(out), classifier, settings, workers, overwrite=overwrite, progress=progress)
