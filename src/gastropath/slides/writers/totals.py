"""Tiles and areas, added up."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gastropath.results.card import Card
from gastropath.results.summary import (
    Areas,
    GridRecord,
    MapRecord,
    ModelRecord,
    SlideSummary,
    SpacingRecord,
    TileCounts,
    TumourStroma,
)
from gastropath.results.versions import DAMAGED, DAMAGED_SENTENCE
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide
from gastropath.slides.tissue_mask import SENTENCES

STROMA, TUMOUR = "STR", "TUM"


class Totals:
    """Counts tiles and areas while the blocks go by.

    Attributes
    ----------
    left_out, refused
        Tiles that the mask left out, and tiles that have no answer, by reason.
    reasons
        The sentence of each reason.
    tiles, area_px
        Accepted tiles, and their area in pixels of level 0, by class code.
    abstained, abstained_px
        Tiles on which the model abstains, and their area.
    """

    def __init__(self, tiled: TiledSlide, card: Card) -> None:
        self._tiled, self._card = tiled, card
        self.left_out: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self.tiles = dict.fromkeys(card.codes, 0)
        self.area_px = dict.fromkeys(card.codes, 0)
        self.abstained = self.abstained_px = 0

    def add(self, block: Block) -> None:
        """Count a block. Overlapping tiles each stand for their stride only, so that no place is counted twice."""
        self.left_out.update(block.left_out)
        self.reasons |= {code: SENTENCES[code] for code in block.left_out}
        answers = block.predictions
        for refusal in filter(None, answers.refusals):
            self.refused[refusal.code] += 1
            self.reasons[refusal.code] = DAMAGED_SENTENCE if refusal.code == DAMAGED else refusal.sentence
        areas = self._tiled.grid.areas_px(block.numbers)
        abstained = answers.decisions == "abstained"
        self.abstained += int(abstained.sum())
        self.abstained_px += int(areas[abstained].sum())
        accepted = answers.decisions == "accepted"
        for code in np.unique(answers.labels[accepted]).tolist():
            those = accepted & (answers.labels == code)
            self.tiles[code] += int(those.sum())
            self.area_px[code] += int(areas[those].sum())

    @property
    def classified_px(self) -> int:
        """Area of all tiles that have an answer, in pixels of level 0."""
        return sum(self.area_px.values()) + self.abstained_px

    def summary(self, job: MapRecord | None = None) -> SlideSummary:
        """Return what was counted: areas, shares, and the tumour-stroma ratio with its definition.

        Parameters
        ----------
        job
            What the map depends on; ``None`` for a picture in memory.
        """
        slide, grid, card = self._tiled.slide, self._tiled.grid, self._card
        mm2 = slide.spacing.x * slide.spacing.y / 1e6
        total = sum(self.area_px.values())
        stroma, tumour = self.area_px.get(STROMA, 0), self.area_px.get(TUMOUR, 0)
        return SlideSummary(
            slide=slide.path.name,
            kind=slide.kind,
            size_px=slide.size_px,
            bounds_px=slide.bounds_px,
            mpp=SpacingRecord(x=slide.spacing.x, y=slide.spacing.y, source=slide.spacing.source),
            model=ModelRecord(
                name=card.name,
                sha256=card.files.get("model.tflite", ""),
                source=card.source,
                synthetic=card.training_data.synthetic,
            ),
            grid=GridRecord(
                tile_px=card.input.tile_px,
                tile_mpp=card.input.mpp,
                tile_level0_px=grid.tile,
                stride_level0_px=grid.stride,
                level=grid.level,
            ),
            tiles=TileCounts(
                in_grid=len(grid),
                left_out=dict(sorted(self.left_out.items())),
                refused=dict(sorted(self.refused.items())),
                classified=sum(self.tiles.values()) + self.abstained,
                abstained=self.abstained,
                accepted=self.tiles,
            ),
            reasons=dict(sorted(self.reasons.items())),
            area_mm2=Areas(
                classes={code: round(px * mm2, 6) for code, px in self.area_px.items()},
                abstained=round(self.abstained_px * mm2, 6),
            ),
            share_of_answered_area={code: _ratio(px, total) for code, px in self.area_px.items()},
            tumour_stroma=TumourStroma(
                stroma_share=_ratio(stroma, stroma + tumour) if tumour else None,
                definition="area of accepted STR tiles / area of accepted STR and TUM tiles; none without tumour",
            ),
            note="Areas are those of tiles, not of cells. For research and education only.",
            warnings=list(self._tiled.warnings),
            job=job,
        )


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
