"""What an OME-XML says about the pictures of its TIFF, and their scale. No file that it names is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

_UM = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "pm": 1e-6, "Å": 1e-4}
"""Micrometres of a unit of length, as OME writes it; both signs for micro are in use."""

_BESIDE = ("macro", "label", "overview", "thumbnail")
"""Words in the names of pictures that go with a slide."""


@dataclass(frozen=True)
class OmeImage:
    """A picture, or a stack of pictures, that an OME-XML describes.

    Attributes
    ----------
    name
        As it is called.
    page
        Number of its first page in the file; ``None`` where its pixels lie in another file.
    size
        Width and height in pixels.
    planes
        How many focal planes, channels of their own, and time points it has.
    mpp
        Micrometres per pixel, across and down; ``None`` where they are not stated.
    """

    name: str
    page: int | None
    size: tuple[int, int]
    planes: tuple[int, int, int]
    mpp: tuple[float, float] | None

    @property
    def goes_beside(self) -> bool:
        """Whether it is a macro photograph, a label or a small copy, by its name."""
        return any(word in self.name.lower() for word in _BESIDE)


def read_ome(description: str) -> tuple[OmeImage, ...]:
    """Return the pictures that the image description of a TIFF states; none where it is no OME-XML.

    Examples
    --------
    >>> read_ome('<OME><Image Name="a"><Pixels SizeX="9" SizeY="5" PhysicalSizeX="250" PhysicalSizeXUnit="nm"'
    ...          ' PhysicalSizeY="250" PhysicalSizeYUnit="nm"/></Image></OME>')[0].mpp
    (0.25, 0.25)
    """
    if "<OME" not in description[:4096]:
        return ()
    try:
        root = ElementTree.fromstring(description)
        return tuple(_images(root))
    except Exception:  # whoever wrote it: the TIFF says enough without it
        return ()


def _images(root: ElementTree.Element) -> Iterator[OmeImage]:
    own, next_page = root.get("UUID", "").lower(), 0
    for image in _named(root, "Image"):
        pixels = next(_named(image, "Pixels"))
        z, channels, t = (int(pixels.get(f"Size{axis}", 1)) for axis in "ZCT")
        samples = [int(channel.get("SamplesPerPixel", 1)) for channel in _named(pixels, "Channel")]
        separate = channels if not samples or max(samples) == 1 else max(1, channels // max(samples))
        page: int | None = next_page
        data = list(_named(pixels, "TiffData"))
        if data:
            first = min(data, key=lambda entry: sum(int(entry.get(f"First{axis}", 0)) for axis in "ZCT"))
            elsewhere = next((e.text or "" for e in _named(first, "UUID")), "").strip().lower()
            page = int(first.get("IFD", next_page)) if not own or elsewhere in ("", own) else None
        if page is not None:
            next_page = page + z * separate * t
        x, y = (_length(pixels, axis) for axis in "XY")
        yield OmeImage(
            image.get("Name", ""),
            page,
            (int(pixels.get("SizeX", 0)), int(pixels.get("SizeY", 0))),
            (z, separate, t),
            (x, y or x) if x else None,
        )


def _named(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (child for child in element if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name)


def _length(pixels: ElementTree.Element, axis: str) -> float | None:
    """Return a pixel's side in micrometres; ``None`` where it, or a unit that is a length, is not stated."""
    try:
        value = float(pixels.get(f"PhysicalSize{axis}", ""))
    except ValueError:
        return None
    unit = _UM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    return value * unit if unit and 0 < value < float("inf") else None
