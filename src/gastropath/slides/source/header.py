"""What kind of slide a file is, found out where it can be ended: by the one kept process, within bounds.

Every parser of headers meets a file here first. Only what has passed is opened again for its pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gastropath.errors import CannotParse, CannotReadSlide, MissingExtra
from gastropath.kept_process import in_kept_process
from gastropath.slides.source.tiff_directory import TiffDirectory
from gastropath.slides.source.tiff_layout import TiffLayout, check_upright, find_slide, is_level
from gastropath.slides.source.tiff_pages import TiffPage, is_tiff, read_pages

Source = TypeVar("Source", bound=Path | bytes)
Result = TypeVar("Result")

OPENSLIDE, TIFF, PICTURE = "openslide", "tiff", "picture"
"""What reads the pixels of a slide: OpenSlide, tifffile, or Pillow."""

_OF_TIFF = ("generic-tiff", "aperio", "philips", "trestle", "ventana", "leica", "argos")
"""Formats of OpenSlide that are TIFFs, whose words for a compression can be looked up."""

_BY_PILLOW = (1, 5, 7, 8, 32773, 32946)
"""Compressions of a TIFF that Pillow decodes: none, LZW, JPEG, deflate and PackBits."""

_BITS = (8, 16)

_CLOSED = {
    ".vsi": "is only the preview of an Olympus slide, whose pixels lie in .ets files; these are not read",
    ".ets": "holds pixels of an Olympus slide; these are not read",
    ".isyntax": "is a Philips iSyntax slide, which is not read",
    ".sdpc": "is an SDPC slide, which is not read",
    ".kfb": "is a KFBio slide, which is not read",
    ".lif": "is a Leica LIF file, which is not read",
    ".oir": "is an Olympus OIR file, which is not read",
    ".ndpis": "names the channels of a Hamamatsu fluorescence slide; expected one brightfield slide",
    ".afi": "names the channels of an Aperio fluorescence slide; expected one brightfield slide",
}
"""What is said of a format that is not read, by the suffix of the file."""

_NO_SUCH_FILE = re.compile(r"(?:open|access) (.+): No such file")
"""What OpenSlide says of a file that another one names."""

_EXPORT = "export the slide as OME-TIFF or SVS with the scanner's software"


@dataclass(frozen=True)
class Header:
    """What the header of a slide says.

    Attributes
    ----------
    reader
        :data:`OPENSLIDE`, :data:`TIFF` or :data:`PICTURE`.
    levels
        For OpenSlide: the numbers of its levels that show the slide.
    layout
        For tifffile: the pages that are the slide; also for OpenSlide, where the file is a plain TIFF.
    properties
        Scale of a TIFF, as OpenSlide names such properties.
    directories
        Where the chunks of its pictures lie: of a TIFF, those of plain pictures in chunks.
    """

    reader: str
    levels: tuple[int, ...] = ()
    layout: TiffLayout | None = None
    properties: dict[str, str] = field(default_factory=dict)
    directories: tuple[TiffDirectory, ...] = ()


def read_header(path: Path) -> Header:
    """Find out what kind of slide a file is.

    Raises
    ------
    CannotReadSlide
        If it is none that can be read, with the reason; it does not say where: call ``at``.
    MissingExtra
        If OpenSlide is not installed.
    """
    return _bounded(_read_header, path, "slide")


def check_picture(source: Path | bytes) -> None:
    """Refuse a TIFF, or the content of one, that holds channels or several pictures; any other picture passes.

    Raises
    ------
    CannotReadSlide
        If it is one of these, or its header cannot be read within bounds.
    """
    if is_tiff(source):  # nothing else holds several pictures unnoticed, and content need not travel for nothing
        _bounded(_check_picture, source, "picture")


def _bounded(function: Callable[[Source], Result], source: Source, word: str) -> Result:
    if isinstance(source, Path):
        source = source.absolute()  # the process may have been started in another folder
    try:
        return in_kept_process(function, source)
    except CannotParse as error:
        said = (
            error.what.replace(f"{source}: ", "").replace(str(source), "the file")
            if isinstance(source, Path)
            else error.what
        )
        what = f"is a damaged {word}: {said}" if error.code == "damaged" else f"{said}: a damaged {word}?"
        raise CannotReadSlide(what) from None


def _check_picture(source: Path | bytes) -> None:
    try:
        pages, description = read_pages(source)
    except CannotReadSlide:
        raise
    except Exception:  # damaged: decoding says what is wrong with it
        return
    find_slide(pages, description)


def _read_header(path: Path) -> Header:
    try:
        import imagecodecs  # noqa: F401  # so that no chunk is the first to meet its absence
        import openslide
        import simplejpeg  # noqa: F401
    except ImportError as error:
        raise MissingExtra("reading slides", "slides", error.name or "openslide") from None
    suffix = path.suffix.lower()
    if suffix in _CLOSED:
        raise CannotReadSlide(_CLOSED[suffix], remedy=_EXPORT)
    if not path.stat().st_size:
        raise CannotReadSlide("is empty (0 bytes)")
    vendor = openslide.OpenSlide.detect_format(str(path))
    if vendor is None:
        if suffix == ".mrxs":
            raise _orphan(path)
        return _unknown_to_openslide(path)
    try:
        with openslide.OpenSlide(str(path)) as handle:
            sizes = handle.level_dimensions
            planes = handle.properties.get("dicom.TotalPixelMatrixFocalPlanes", "1")
    except openslide.OpenSlideError as error:
        if vendor == "generic-tiff" or (vendor in _OF_TIFF and "compression" in str(error)):
            layout = _layout(path)
            if not layout.main.is_cut_off:
                return _by_tifffile(layout)
        if lacking := _NO_SUCH_FILE.search(str(error)):
            raise CannotReadSlide(
                f"is one part of a slide of several files; {Path(lacking[1]).name!r}, which it names, is missing",
                remedy="put all files of the slide side by side again",
            ) from None
        raise
    if planes not in ("", "0", "1"):
        raise CannotReadSlide(f"holds {planes} focal planes; expected one", remedy="export one of them")
    levels = tuple(number for number, size in enumerate(sizes) if number == 0 or is_level(sizes[0], size))
    try:
        pages, description = read_pages(path) if vendor in _OF_TIFF else ((), "")
    except CannotReadSlide:
        raise
    except Exception:  # what OpenSlide reads may be odd to tifffile
        pages, description = (), ""
    if vendor != "generic-tiff" or not pages:
        if pages:
            check_upright(pages[0])
        return Header(OPENSLIDE, levels, directories=_directories(pages))
    layout = find_slide(pages, description)
    if layout.main.place != (0,) or any(len(level.place) > 1 for level in layout.levels):
        return _by_tifffile(layout)
    if layout.main.bits > max(_BITS):  # OpenSlide opens it, and reads no tile
        what = f"has values of {layout.main.bits} bits, as measurements and pictures of floating-point numbers have"
        raise CannotReadSlide(f"{what}; expected RGB of 8 bits", remedy="save it as 8-bit RGB")
    shown = {level.size for level in layout.levels}
    if not shown <= set(sizes):  # copies that are not marked as such, or another scene: OpenSlide passes over them
        with suppress(CannotReadSlide):
            return _by_tifffile(layout)
    levels = tuple(number for number in levels if sizes[number] in shown)
    return Header(OPENSLIDE, levels, layout, _ome(layout), _directories(layout.levels))


def _directories(pages: Iterable[TiffPage]) -> tuple[TiffDirectory, ...]:
    return tuple(page.directory for page in pages if page.directory is not None)


def _unknown_to_openslide(path: Path) -> Header:
    if not is_tiff(path):
        return Header(PICTURE)
    try:
        pages, description = read_pages(path)
    except CannotReadSlide:
        raise
    except Exception:  # damaged: Pillow says what is wrong with it
        return Header(PICTURE)
    alone = len(pages) == 1 and not pages[0].smaller
    if alone and not pages[0].is_tiled and pages[0].compression in _BY_PILLOW:
        _ = find_slide(pages, description) if pages[0].orientation == 1 else None  # Pillow turns the picture
        return Header(PICTURE)
    return _by_tifffile(find_slide(pages, description))


def _layout(path: Path) -> TiffLayout:
    return find_slide(*read_pages(path))


def _by_tifffile(layout: TiffLayout) -> Header:
    main = layout.main
    if not main.is_decodable:
        raise CannotReadSlide(
            f"is compressed as {main.compression_word}, which is not read", remedy="convert it, e.g. to JPEG or deflate"
        )
    if main.photometric not in (2, 6) or main.samples not in (3, 4) or main.bits not in _BITS:
        what = f"has {main.samples} values of {main.bits} bits a pixel (photometric {main.photometric})"
        raise CannotReadSlide(f"{what}; expected RGB of 8 bits", remedy="save it as 8-bit RGB")
    if main.photometric == 6 and not _decodes_to_rgb(main):
        what = f"holds YCbCr compressed as {main.compression_word}, which is not read"
        raise CannotReadSlide(what, remedy="save it as RGB")
    x, y, unit = main.resolution
    scale = {"tiff.XResolution": x, "tiff.YResolution": y, "tiff.ResolutionUnit": unit}
    return Header(TIFF, (), layout, scale | _ome(layout), _directories(layout.levels))


def _decodes_to_rgb(page: TiffPage) -> bool:
    return page.compression_word in ("JPEG", "JPEG 2000", "JPEG XL", "JPEG XR", "WebP")


def _ome(layout: TiffLayout) -> dict[str, str]:
    return {} if layout.mpp is None else {"ome.mpp-x": str(layout.mpp[0]), "ome.mpp-y": str(layout.mpp[1])}


def _orphan(path: Path) -> CannotReadSlide:
    folder = path.with_suffix("")
    lacks = f"the folder {folder.name!r}" if not folder.is_dir() else f"Slidedat.ini in the folder {folder.name!r}"
    return CannotReadSlide(
        f"is one part of a MIRAX slide; {lacks} beside it, where its pixels lie, is missing",
        remedy="put the .mrxs file and its folder side by side again",
    )
