"""``summary.json``: what the tissue map of a slide adds up to."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gastropath.results.documents import Document, Upgrade
from gastropath.results.interval import Part, Share
from gastropath.results.versions import summary_2, summary_3, summary_4, summary_5

Count = Annotated[int, Field(ge=0)]
Area = Annotated[float, Field(ge=0)]
Mpp = Annotated[float, Field(gt=0)]


class SpacingRecord(Part):
    """Micrometres per pixel of level 0, across and down, and where the values come from."""

    x: Mpp
    y: Mpp
    source: str


class ModelRecord(Part):
    """The model that classified the tiles; ``sha256`` is that of its graph, ``source`` where on the Hub it lies."""

    name: str
    sha256: str
    source: str
    synthetic: bool


class GridRecord(Part):
    """How the tiles lie: the model's field of view, and the tile and the stride in pixels of level 0, not rounded."""

    tile_px: Annotated[int, Field(gt=0)]
    tile_mpp: Mpp
    tile_level0_px: tuple[float, float]
    stride_level0_px: tuple[float, float]
    level: Count


class TileCounts(Part):
    """Tiles by what became of them.

    ``left_out`` and ``refused`` count by reason, ``accepted`` by class. ``classified`` tiles are the accepted and the
    abstained ones.
    """

    in_grid: Count
    left_out: dict[str, Count]
    refused: dict[str, Count]
    classified: Count
    abstained: Count
    accepted: dict[str, Count]

    @property
    def n_refused(self) -> int:
        """Tiles that could not be classified, whatever the reason."""
        return sum(self.refused.values())


class Areas(Part):
    """Areas of the classified tiles in mm²: of the accepted ones by class, and of those on which the model abstains."""

    classes: dict[str, Area]
    abstained: Area


class TumourStroma(Part):
    """Stroma as a share of tumour and stroma; ``None`` where there is no tumour, of which it would be the stroma."""

    stroma_share: Share | None
    definition: str


class SlideRecord(Part):
    """What identifies a slide: its name, its size and the hash of samples of its content."""

    name: str
    bytes: Count
    samples: str


class SettingsRecord(Part):
    """What the user asked for.

    ``roi`` is the SHA-256 of the GeoJSON file. ``qupath_origin`` says where the coordinates of that file and of
    ``tiles.geojson`` begin, and ``qupath_classes`` what classes are called there, where that is not their code.
    ``features``, ``stamp`` and ``anndata`` say which files with features are written.
    """

    mpp: float | None
    stride_um: float | None
    mask: bool
    roi: str | None
    features: bool
    stamp: bool
    anndata: bool
    qupath_origin: Literal["bounds", "level0"]
    qupath_classes: dict[str, str]


class MapRecord(Part):
    """What the map depends on, by which a finished one is known again; ``found_in`` is the folder of the slide.

    ``reading`` says how tiles were read where the file can be decoded smaller; empty in maps of earlier versions.
    """

    slide: SlideRecord
    found_in: str
    model: str
    reading: str = ""
    settings: SettingsRecord


class SlideSummary(Document):
    """What was seen on a slide, areas and shares, and the tumour-stroma ratio with its definition.

    Class codes stand only in ``tiles.accepted``, ``area_mm2.classes`` and ``share_of_answered_area``. ``reasons`` says
    each reason of ``tiles`` in words. ``bounds_px`` is left, top, width and height of the scanned part at level 0,
    where the slide states them. ``job`` is ``None`` for a picture that was mapped in memory.
    """

    upgrades: ClassVar[tuple[Upgrade, ...]] = (summary_2, summary_3, summary_4, summary_5)

    format_version: Literal[5] = 5
    slide: str
    kind: str
    size_px: tuple[Count, Count]
    bounds_px: tuple[int, int, Count, Count] | None
    mpp: SpacingRecord
    model: ModelRecord
    grid: GridRecord
    tiles: TileCounts
    reasons: dict[str, str]
    area_mm2: Areas
    share_of_answered_area: dict[str, Share | None]
    tumour_stroma: TumourStroma
    note: str
    warnings: list[str]
    job: MapRecord | None = None
