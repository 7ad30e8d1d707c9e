"""Which pictures of a TIFF are the slide and its levels, and which are a macro photograph, a label or another scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gastropath.errors import CannotReadSlide
from gastropath.slides.source.ome import OmeImage, read_ome
from gastropath.slides.source.tiff_pages import TiffPage

_ODD_SHAPE = 0.02
"""Difference of the downsamples across and down from which a smaller picture is no level."""

_BESIDE_SHARE = 4
"""A picture that is at most so many times smaller than the slide is taken for another scene, not for its label."""

_GREY, _COLOUR_BITS = (0, 1), 8
_TURNED = {
    2: "mirrored", 3: "upside down", 4: "mirrored and upside down",
    5: "mirrored and turned", 6: "turned by 90 degrees", 7: "mirrored and turned", 8: "turned by 270 degrees",
}  # fmt: skip
"""What the orientation tags of TIFF mean."""


@dataclass(frozen=True)
class TiffLayout:
    """The slide in a TIFF.

    Attributes
    ----------
    levels
        The slide and its smaller copies, largest first.
    mpp
        Micrometres per pixel that an OME-XML states; ``None`` where none does.
    """

    levels: tuple[TiffPage, ...]
    mpp: tuple[float, float] | None = None

    @property
    def main(self) -> TiffPage:
        """The slide at its full size."""
        return self.levels[0]


def is_level(full: tuple[int, int], part: tuple[int, int]) -> bool:
    """Tell whether a picture of size ``part`` has the shape of one of size ``full``, and is no larger.

    Examples
    --------
    >>> is_level((2220, 2967), (555, 741)), is_level((2240, 2240), (2100, 900))
    (True, False)
    """
    if min(*full, *part) < 1 or part[0] > full[0] or part[1] > full[1]:
        return False
    across, down = full[0] / part[0], full[1] / part[1]
    return abs(across / down - 1) <= _ODD_SHAPE + 1.5 / part[0] + 1.5 / part[1]


def find_slide(pages: Sequence[TiffPage], description: str = "") -> TiffLayout:
    """Find the slide among the pictures of a TIFF.

    Raises
    ------
    CannotReadSlide
        If it holds several slides, or planes of one, or none in colour.
    """
    pictures = [page for page in pages if not page.is_mask]
    if not pictures:
        raise CannotReadSlide("holds no picture; expected a slide")
    images = [image for image in read_ome(description) if image.page is not None and image.page < len(pages)]
    layout = _of_ome(pages, images) if images else _of_pages(pictures)
    _check_colour(layout.main)
    if layout.main.depth > 1:
        raise _planes(layout.main.depth, "focal planes", layout.main)
    check_upright(layout.main)
    return layout


def check_upright(page: TiffPage) -> None:
    """Refuse a slide that is to be turned before it is shown.

    Raises
    ------
    CannotReadSlide
        Names its orientation.
    """
    if page.orientation != 1:
        how = _TURNED.get(page.orientation, f"with orientation {page.orientation}")
        what = f"is stored {how} (orientation tag {page.orientation}); expected a slide that is stored upright"
        raise CannotReadSlide(what, remedy="turn its pixels and save it with orientation 1")


def check_no_scene(main: TiffPage, page: TiffPage) -> None:
    """Refuse a slide beside which there is a picture of its shape that shows something else, and may be meant too.

    Raises
    ------
    CannotReadSlide
        Names the sizes of both.
    """
    if not page.is_reduced and _is_scene(main, page):
        raise _scenes([("", main), ("", page)])


def _of_ome(pages: Sequence[TiffPage], images: Sequence[OmeImage]) -> TiffLayout:
    def page(image: OmeImage) -> TiffPage:
        return pages[image.page or 0]

    slides = [image for image in images if not image.goes_beside] or list(images)
    chosen = max(slides, key=lambda image: page(image).pixels)
    main = page(chosen)
    others = [image for image in slides if image is not chosen and not _is_copy(main, page(image))]
    if scenes := [image for image in others if _is_scene(main, page(image))]:
        raise _scenes([(image.name, page(image)) for image in (chosen, *scenes)])
    z, channels, t = chosen.planes
    if channels > 1 and main.samples == 1:
        raise _channels(channels, main)
    for n, word in ((z, "focal planes"), (t, "time points"), (channels, "channels")):
        if n > 1:
            raise _planes(n, word, main)
    copies = [page(image) for image in slides if image is not chosen and _is_copy(main, page(image))]
    return TiffLayout(_levels(main, copies), chosen.mpp)


def _of_pages(pictures: Sequence[TiffPage]) -> TiffLayout:
    largest = max(pictures, key=lambda page: page.pixels)  # of equals the first
    pictures = [page for page in pictures if page is largest or not page.goes_beside]
    full = [page for page in pictures if not page.is_reduced] or list(pictures)
    main = max(full, key=lambda page: page.pixels)
    twins = [page for page in full if page.size == main.size]
    if len(twins) > 1:
        if main.samples == 1 and main.photometric in _GREY:
            raise _channels(len(twins), main)
        raise _planes(len(twins), "pictures", main)
    if scenes := [page for page in full if page is not main and _is_scene(main, page) and not _is_copy(main, page)]:
        raise _scenes([("", page) for page in (main, *scenes)])
    return TiffLayout(_levels(main, [page for page in pictures if _is_copy(main, page)]))


def _is_copy(main: TiffPage, page: TiffPage) -> bool:
    like = (page.samples, page.bits) == (main.samples, main.bits)
    return page is not main and page.pixels < main.pixels and like and is_level(main.size, page.size)


def _is_scene(main: TiffPage, page: TiffPage) -> bool:
    return max(page.size) * _BESIDE_SHARE >= max(main.size)


def _levels(main: TiffPage, copies: Sequence[TiffPage]) -> tuple[TiffPage, ...]:
    """Return the slide, and its copies that are cut like it and of different sizes."""
    found = {page.size: page for page in (*copies, *(page for page in main.smaller if _is_copy(main, page)))}
    found = {size: page for size, page in found.items() if page.is_decodable and page.orientation == main.orientation}
    return (main, *sorted(found.values(), key=lambda page: -page.pixels))


def _check_colour(main: TiffPage) -> None:
    if main.photometric in _GREY and main.samples == 1 and main.is_tiled:
        raise CannotReadSlide("is a grey picture; expected a brightfield slide in RGB")
    if (main.photometric in _GREY and main.samples > 1) or (main.is_planar and main.bits > _COLOUR_BITS):
        raise _channels(main.samples, main)


def _channels(n: int, main: TiffPage) -> CannotReadSlide:
    return CannotReadSlide(
        f"has {n} channels of {main.bits} bits as separate grey pictures, as a fluorescence image has; expected a "
        "brightfield slide in RGB",
        remedy="if they are the colours of an H&E slide, save it as RGB",
    )


def _planes(n: int, word: str, main: TiffPage) -> CannotReadSlide:
    of_what = "" if word != "pictures" else ", as focal planes or time points are kept"
    return CannotReadSlide(
        f"holds {n} {word} of {main.size[0]:,} x {main.size[1]:,} pixels{of_what}; expected one",
        remedy="save the one that is meant as a file of its own",
    )


def _scenes(found: Sequence[tuple[str, TiffPage]]) -> CannotReadSlide:
    named = ", ".join(f"{name!r} of {p.size[0]:,} x {p.size[1]:,}" if name else f"{p.size[0]:,} x {p.size[1]:,}"
                      for name, p in found[:4])  # fmt: skip
    return CannotReadSlide(
        f"holds {len(found)} pictures that may each be the slide ({named} pixels); expected one",
        remedy="save each as a file of its own",
    )
