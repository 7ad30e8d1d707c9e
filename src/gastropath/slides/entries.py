"""Which slides are meant by the files and folders that a call names: a DICOM slide is one, of however many files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gastropath.debris import is_debris
from gastropath.errors import CannotParse, CannotReadSlide, MissingExtra
from gastropath.kept_process import in_kept_process

SUFFIXES = frozenset({
    ".svs", ".tif", ".tiff", ".btf", ".ndpi", ".mrxs", ".scn", ".bif", ".svslide", ".vms", ".vmu", ".czi", ".vsi",
})  # fmt: skip
"""File names that are taken for slides when a folder is searched, beside those of DICOM."""

_DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
_DICOM_MARK_AT, _DICOM_MARK = 128, b"DICM"
_SECONDS = 120.0
_MOST_FILES = 20_000
_TAGS = ("SeriesInstanceUID", "SOPClassUID", "ImageType", "TotalPixelMatrixColumns", "TotalPixelMatrixRows")
_SLIDE_MICROSCOPY = "1.2.840.10008.5.1.4.1.1.77.1.6"
_VOLUME = "VOLUME"


@dataclass(frozen=True)
class Entry:
    """A slide that a call means.

    Attributes
    ----------
    path
        The file to open.
    error
        Why there is none; ``None`` where there is.
    """

    path: Path
    error: CannotReadSlide | None = None


@dataclass(frozen=True)
class DicomFile:
    """A file of a DICOM series.

    Attributes
    ----------
    series
        UID of the series.
    kind
        Third value of its image type: ``"VOLUME"`` of a level of the slide, or such as ``"LABEL"``.
    pixels
        Columns times rows of the level.
    is_slide_microscopy
        Whether it is of that kind of DICOM at all.
    """

    series: str
    kind: str
    pixels: int
    is_slide_microscopy: bool


def find_slides(given: Iterable[Path]) -> list[Entry]:
    """Find the slides that files and folders stand for, in the order given; a folder's in the order of their names.

    Parameters
    ----------
    given
        Files and folders. Folders are searched with all that lies in them; of a DICOM series any file stands for it.

    Returns
    -------
    list of Entry
        Each slide once. Labels and overviews beside a slide are left out; one alone is an error, as is a folder without
        a slide.
    """
    folders: dict[Path, Mapping[str, DicomFile] | CannotReadSlide] = {}
    found: dict[Path, Entry] = {}
    beside: list[Entry] = []
    for path in given:
        if path.is_dir():
            inside = _in_folder(path)
            if not inside:
                what = "holds no slide (a file such as .svs, .tif, .ndpi, .mrxs or .dcm)"
                found.setdefault(path, Entry(path, CannotReadSlide(what, where=path)))
        else:
            inside = [path]
        for file in inside:
            if not is_dicom(file):
                found.setdefault(file, Entry(file))
                continue
            folder = file.parent
            if folder not in folders:
                folders[folder] = _dicom_files(folder)
            entry = _of_series(file, folders[folder])
            if entry.error is None:
                found.setdefault(entry.path, entry)
            else:
                beside.append(entry)
    with_slides = {entry.path.parent for entry in found.values() if entry.error is None}
    lonely = [entry for entry in beside if entry.path.parent not in with_slides]
    return [*found.values(), *{entry.path: entry for entry in lonely}.values()]


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(_DICOM_MARK_AT + 4)[_DICOM_MARK_AT:] == _DICOM_MARK
    except OSError:
        return False


def _in_folder(folder: Path) -> list[Path]:
    """Return the slides in a folder and in those below it; what the system left there, and links, are passed over."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_debris(name))
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            file = Path(place) / name
            if is_debris(name):
                continue
            if suffix in SUFFIXES or ((suffix in _DICOM_SUFFIXES or not suffix) and is_dicom(file)):
                found.append(file)
    return found


def _of_series(file: Path, files: Mapping[str, DicomFile] | CannotReadSlide) -> Entry:
    """Return the slide that a file of a DICOM series belongs to: the largest level of it, whichever file was named."""
    if isinstance(files, CannotReadSlide):
        return Entry(file, files)
    own = files.get(file.name)
    if own is None:
        return Entry(file, CannotReadSlide("is a damaged DICOM file: its header cannot be read"))
    levels = [
        (-other.pixels, name)
        for name, other in files.items()
        if other.series == own.series and other.kind == _VOLUME and other.is_slide_microscopy
    ]
    if levels:
        return Entry(file.with_name(min(levels)[1]))
    if not own.is_slide_microscopy:
        return Entry(file, CannotReadSlide("is a DICOM file, but no slide (VL Whole Slide Microscopy Image)"))
    what = f"is the {own.kind.lower()} of a slide (DICOM image type {own.kind}), not the slide"
    return Entry(file, CannotReadSlide(what, remedy="give the files of image type VOLUME, or their folder"))


def _dicom_files(folder: Path) -> Mapping[str, DicomFile] | CannotReadSlide:
    try:
        return in_kept_process(read_dicom_folder, folder.absolute(), seconds=_SECONDS)
    except CannotParse as error:
        return CannotReadSlide(f"lies in a folder of DICOM files that cannot be looked through: {error.what}")


def read_dicom_folder(folder: Path) -> dict[str, DicomFile]:
    """Read the headers of the DICOM files in a folder, by their names; call it where it can be ended.

    Raises
    ------
    MissingExtra
        If pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise MissingExtra("reading DICOM slides", "slides", "pydicom") from None
    found = {}
    for file in sorted(folder.iterdir())[:_MOST_FILES]:
        if not file.is_file() or not is_dicom(file):
            continue
        try:
            header: Any = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
            kinds = [str(value).upper() for value in header.get("ImageType", [])]
            found[file.name] = DicomFile(
                series=str(header.get("SeriesInstanceUID", file.name)),
                kind=kinds[2] if len(kinds) > 2 else "UNKNOWN",
                pixels=int(header.get("TotalPixelMatrixColumns", 0)) * int(header.get("TotalPixelMatrixRows", 0)),
                is_slide_microscopy=str(header.get("SOPClassUID", "")) == _SLIDE_MICROSCOPY,
            )
        except Exception:  # a damaged file beside others is no reason to refuse them
            continue
    return found
