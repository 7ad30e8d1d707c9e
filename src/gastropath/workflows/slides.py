"""Tissue maps of whole slides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gastropath.errors import OutputExists
from gastropath.progress import Progress
from gastropath.workflows.arguments import Paths, StrPath, opened, optional, paths, qupath_names
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
    stamp: bool = False,
    anndata: bool = False,
    qupath_origin: Literal["bounds", "level0"] = "bounds",
    qupath_classes: StrPath | Mapping[str, str] | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlide:
    """Turn a whole slide, or a large image, into a tissue map; goes on where an earlier call was interrupted.

    Parameters
    ----------
    slide
        The file; of a DICOM slide any of its files, or their folder.
    out
        Folder for the folder of the slide, and ``slides.csv``.
    model
        A run or bundle folder, or a model from ``gastropath.load``; by default the starter model.
    mpp
        Micrometres per pixel of level 0; by default what the slide states.
    stride_um
        Micrometres from one tile to the next; by default tiles touch.
    mask
        Leave glass, pen marks and dark borders out.
    roi
        GeoJSON file, as drawn in QuPath: only within these polygons.
    features
        Also write ``features.h5``: features and places as TRIDENT and CLAM read them.
    stamp
        Also write ``stamp.h5``: the same as STAMP reads it.
    anndata
        Also write ``tiles.h5ad``: features, places and answers as AnnData, for scanpy, squidpy and their like.
    qupath_origin
        Where QuPath's coordinates begin, in which ``roi`` is read and ``tiles.geojson`` is written: ``"bounds"`` of the
        slide, where it states them, or ``"level0"``.
    qupath_classes
        What classes are called in QuPath, by code, or a CSV file ``code,name`` that says it.
    threads
        Processor cores to use at most; by default all.
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
        If the file is not a slide, its micrometres per pixel are not known, or ``roi`` or ``qupath_classes`` is not
        what it should be.
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
        stamp=stamp, anndata=anndata, qupath_origin=qupath_origin, qupath_classes=qupath_classes, threads=threads,
        scheduler=scheduler, overwrite=overwrite, progress=progress,
    )  # fmt: skip
    if found.failed:
        raise found.failed[0].error
    if not found.mapped:
        path, other = found.same[0]
        raise OutputExists(f"is the same slide as {other}, which is mapped", where=path, remedy="choose another `out`")
    return found.mapped[0]


def map_slides(
    slides: Paths,
    out: StrPath = "slides",
    model: StrPath | Classifier | None = None,
    *,
    mpp: float | StrPath | None = None,
    stride_um: float | None = None,
    mask: bool = True,
    roi: StrPath | None = None,
    features: bool = False,
    stamp: bool = False,
    anndata: bool = False,
    qupath_origin: Literal["bounds", "level0"] = "bounds",
    qupath_classes: StrPath | Mapping[str, str] | None = None,
    cases: StrPath | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MappedSlides:
    """Map slides one after the other, each once; one that cannot be mapped is named, and the others go on.

    Parameters are those of ``map_slide``, and these. What is wrong with a slide is not raised but stands in
    ``failed``, and in ``slides.csv``.

    Parameters
    ----------
    slides
        Files, and folders for all slides in them.
    mpp
        Also a CSV file ``slide,mpp`` for slides that do not state it, or state it wrong.
    cases
        CSV file ``slide,case``: ``cases.csv`` then holds the sums of each case.

    Returns
    -------
    MappedSlides
        What was mapped, and what was not.
    """
    if scheduler:
        need("slide --scheduler")
    need("slide --features" if features or stamp or anndata else "slide")
    from gastropath.parallel import at_most, pool
    from gastropath.slides.cases import write_cases
    from gastropath.slides.cohort import map_slides as mapped
    from gastropath.slides.lookup import SlideTable, read_mpp_table
    from gastropath.slides.task import SlideSettings

    each_mpp = None if mpp is None or isinstance(mpp, float | int) else read_mpp_table(Path(mpp))
    of_cases = SlideTable.read(Path(cases), "case") if cases is not None else None
    with at_most(threads):
        classifier = opened(model)
        names = qupath_names(qupath_classes, classifier.classes)
        one_mpp = float(mpp) if isinstance(mpp, float | int) else None
        settings = SlideSettings(
            one_mpp, stride_um, mask, optional(roi), features, qupath_origin, names, stamp, anndata,
        )  # fmt: skip
        with pool(scheduler) as workers:
            found = mapped(
                paths(slides), Path(out), classifier, settings, workers, mpp=each_mpp, overwrite=overwrite,
                progress=progress,
            )  # fmt: skip
    return replace(found, cases=write_cases(found.out, of_cases, classifier.classes)) if of_cases else found
