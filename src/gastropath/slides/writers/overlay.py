"""The map of a slide as a picture: tiles in the colours of their classes, with legend and scale bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gastropath.results.card import Card
from gastropath.slides.block_store import Block
from gastropath.slides.source.pyramid import DRAWN
from gastropath.slides.task import TiledSlide
from gastropath.slides.writers.legend import ABSTAINED_COLOUR, abstained_name, rgb
from gastropath.slides.writers.totals import Totals

_OPACITY = 0.45
_LEGEND_PX, _LINE_PX, _MARGIN_PX, _LETTER_PX, _BOX_PX = 300, 26, 14, 14, 16
_HIGH_PX = 900
"""Height of a picture up to which the legend has these sizes; with higher ones it grows."""

_NICE_UM = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
_PICTURE_PX = 2000
_ROOM_FOR_LETTERS_PX, _LETTER_SHARE = 44, 0.22
"""Width of a tile on the map from which its code is written on it, and height of a letter to that width."""
_MODEL_NOTE, _SLIDE_NOTE = "model of synthetic tiles", "synthetic slide"
_UNMET_NOTE = "model below its accuracy target"
_INK = "#1c2330"


class Overlay:
    """Draws the map over the slide while the blocks go by.

    Attributes
    ----------
    um_per_pixel
        Micrometres of a pixel of the map, across.
    """

    def __init__(self, tiled: TiledSlide, card: Card, most_px: int = _PICTURE_PX) -> None:
        """Begin with the slide, at most ``most_px`` long."""
        self._tiled, self._card = tiled, card
        self._base = Image.fromarray(tiled.slide.overview(most_px).pixels)
        self._scale = np.array(tiled.slide.size_px) / self._base.size
        self.um_per_pixel = float(self._scale[0]) * tiled.slide.spacing.x
        self._tile_px = float(min(np.minimum(tiled.grid.stride, tiled.grid.tile) / self._scale))
        self._veil, self._cover = Image.new("P", self._base.size), Image.new("L", self._base.size)
        colours = [_ABSTAINED, *(rgb(entry.color) for entry in card.classes)]
        self._veil.putpalette([part for colour in colours for part in colour])
        self._paint, self._mask = ImageDraw.Draw(self._veil), ImageDraw.Draw(self._cover)
        self._numbers = {entry.code: number for number, entry in enumerate(card.classes, start=1)}
        self._letters: list[tuple[float, float, str]] = []

    def add(self, block: Block) -> None:
        """Draw the tiles of a block."""
        places = self._tiled.grid.middles(block.numbers)
        first = np.rint(places[:, :2] / self._scale).astype(int)
        last = np.maximum(np.rint((places[:, :2] + places[:, 2:]) / self._scale).astype(int) - 1, first)
        boxes = np.concatenate([first, last], axis=1).tolist()
        answers = block.predictions
        for box, label, decision in zip(boxes, answers.labels.tolist(), answers.decisions.tolist(), strict=True):
            if decision == "refused":
                continue
            is_named = decision == "accepted"
            self._paint.rectangle(box, fill=self._numbers[label] if is_named else 0)
            self._mask.rectangle(box, fill=round(255 * _OPACITY))
            x0, y0, x1, y1 = box
            if self._tile_px >= _ROOM_FOR_LETTERS_PX and min(x1 - x0, y1 - y0) >= self._tile_px / 2:
                self._letters.append(((x0 + x1) / 2, (y0 + y1) / 2, label if is_named else "?"))

    def map(self) -> np.ndarray:
        """Return the map alone: ``uint8`` RGB, shape (h, w, 3)."""
        return np.asarray(self._drawn())

    def _drawn(self) -> Image.Image:
        drawn = self._base.copy()
        drawn.paste(self._veil.convert("RGB"), (0, 0), self._cover)
        pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(max(_LETTER_PX, _LETTER_SHARE * self._tile_px))
        for x, y, code in self._letters:  # colour is never the only mark where there is room for another
            pen.text((x, y), code, fill=_INK, font=font, anchor="mm", stroke_width=2, stroke_fill="#ffffff")
        return drawn

    def picture(self, totals: Totals) -> Image.Image:
        """Return the map with a legend to its right and a scale bar below that.

        Parameters
        ----------
        totals
            What was counted, for the legend.
        """
        notes = [_MODEL_NOTE] if self._card.training_data.synthetic else []
        notes += [_UNMET_NOTE] if self._card.abstention and self._card.abstention.state == "unmet" else []
        notes += [_SLIDE_NOTE] if self._tiled.slide.kind == DRAWN else []
        legend = [
            (rgb(entry.color), f"{entry.code}  {entry.name}", totals.area_px[entry.code])
            for entry in self._card.classes
        ]
        legend.append((_ABSTAINED, abstained_name(self._card.codes), totals.abstained_px))
        return _framed(self._drawn(), legend, totals.classified_px, self.um_per_pixel, notes)


_ABSTAINED = rgb(ABSTAINED_COLOUR)

_Line = tuple[tuple[int, int, int], str, int]
"""Colour, text and area of a line of the legend."""


def _framed(
    picture: Image.Image, legend: Sequence[_Line], classified_px: int, um_per_pixel: float, notes: Sequence[str]
) -> Image.Image:
    """Put a legend, a scale bar and notes to the right of the map."""
    unit = max(1.0, picture.height / _HIGH_PX)
    width, line, margin, letter, box = (
        round(size * unit) for size in (_LEGEND_PX, _LINE_PX, _MARGIN_PX, _LETTER_PX, _BOX_PX)
    )
    page = Image.new(
        "RGB", (picture.width + width, max(picture.height, 2 * margin + line * (len(legend) + len(notes) + 4))), "white"
    )
    page.paste(picture, (0, 0))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(letter)
    left, y = picture.width + margin, margin
    for colour, text, area_px in legend:
        pen.rectangle([left, y, left + box, y + box], fill=colour, outline=_INK)
        share = f"{area_px / classified_px:.0%}" if classified_px else "–"
        pen.text((left + 1.5 * box, y), text, fill=_INK, font=font)
        pen.text((page.width - margin, y), share, fill=_INK, font=font, anchor="ra")
        y += line
    length = max((um for um in _NICE_UM if um / um_per_pixel <= width - 2 * margin), default=_NICE_UM[0])
    y += line
    pen.rectangle([left, y, left + length / um_per_pixel, y + box / 3], fill=_INK)
    pen.text((left, y + box / 2), f"{length / 1000:g} mm", fill=_INK, font=font)
    y += line
    for note in notes:
        y += line
        pen.text((left, y), note, fill=_INK, font=font)
    return page
