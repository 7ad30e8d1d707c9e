"""The map of a slide as a picture: tiles in the colours of their classes, with legend and scale bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gastropath.results.card import Card
from gastropath.slides.block import Answered
from gastropath.slides.slide import DRAWN
from gastropath.slides.tables import NOT_SURE, NOT_SURE_COLOUR, Totals, rgb

_OPACITY = 0.45
_LEGEND_PX, _LINE_PX, _MARGIN_PX, _LETTER_PX, _BOX_PX = 300, 26, 14, 14, 16
_HIGH_PX = 900
"""Height of a picture up to which the legend has these sizes; with higher ones it grows."""

_NICE_UM = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
_PICTURE_PX = 2000
_ROOM_FOR_LETTERS_PX, _LETTER_SHARE = 44, 0.22
"""Width of a tile on the map from which its code is written on it, and height of a letter to that width."""
_MODEL_NOTE, _SLIDE_NOTE = "model of synthetic tiles", "synthetic slide"


def draw_overlay(answered: Answered, totals: Totals) -> np.ndarray:
    """Draw the map over the slide: ``uint8`` RGB, with a legend to its right and a scale bar below that.

    Parameters
    ----------
    answered
        The slide.
    totals
        What was counted, for the legend.
    """
    base, um_per_pixel = draw_map(answered, _PICTURE_PX)
    notes = [_MODEL_NOTE] if answered.card.training_data.synthetic else []
    notes += [_SLIDE_NOTE] if answered.slide.kind == DRAWN else []
    return np.asarray(_framed(Image.fromarray(base), answered.card, totals, um_per_pixel, notes))


def draw_map(answered: Answered, most_px: int) -> tuple[np.ndarray, float]:
    """Draw the map alone: ``uint8`` RGB, at most ``most_px`` long; also return the micrometres of one of its pixels."""
    base = Image.fromarray(answered.slide.overview(most_px).pixels)
    scale = np.array(answered.slide.size_px) / base.size
    colours = _colours(answered.card)
    letters: list[tuple[float, float, str]] = []
    tile_px = float(min(np.minimum(answered.grid.stride, answered.grid.tile) / scale))
    veil, cover = Image.new("RGB", base.size), Image.new("L", base.size)
    paint, mask = ImageDraw.Draw(veil), ImageDraw.Draw(cover)
    for block in answered.blocks():
        places = answered.grid.middles(block.numbers)
        first = np.rint(places[:, :2] / scale).astype(int)
        last = np.maximum(np.rint((places[:, :2] + places[:, 2:]) / scale).astype(int) - 1, first)
        boxes = np.concatenate([first, last], axis=1).tolist()
        answers = block.predictions
        for i, (label, decision) in enumerate(zip(answers.labels, answers.decisions, strict=True)):
            if decision == "refused":
                continue
            named = label if decision == "accepted" else NOT_SURE
            paint.rectangle(boxes[i], fill=colours[named])
            mask.rectangle(boxes[i], fill=round(255 * _OPACITY))
            x0, y0, x1, y1 = boxes[i]
            if tile_px >= _ROOM_FOR_LETTERS_PX and min(x1 - x0, y1 - y0) >= tile_px / 2:
                letters.append(((x0 + x1) / 2, (y0 + y1) / 2, "?" if named == NOT_SURE else named))
    base.paste(veil, (0, 0), cover)
    pen, font = ImageDraw.Draw(base), ImageFont.load_default(max(_LETTER_PX, _LETTER_SHARE * tile_px))
    for x, y, code in letters:  # colour is never the only mark where there is room for another
        pen.text((x, y), code, fill="#1c2330", font=font, anchor="mm", stroke_width=2, stroke_fill="#ffffff")
    um_per_pixel = float(scale[0]) * answered.slide.spacing.x
    return np.asarray(base), um_per_pixel


def _colours(card: Card) -> Mapping[str, tuple[int, int, int]]:
    named = {entry.code: entry.color for entry in card.classes} | {NOT_SURE: NOT_SURE_COLOUR}
    return {code: tuple(rgb(color)) for code, color in named.items()}  # pyright: ignore[reportReturnType]  # three numbers


def _framed(picture: Image.Image, card: Card, totals: Totals, um_per_pixel: float, notes: Sequence[str]) -> Image.Image:
    """Put a legend, a scale bar and notes to the right of the map."""
    unit = max(1.0, picture.height / _HIGH_PX)
    width, line, margin, letter, box = (
        round(size * unit) for size in (_LEGEND_PX, _LINE_PX, _MARGIN_PX, _LETTER_PX, _BOX_PX)
    )
    lines: Sequence[tuple[str, str]] = [(entry.code, f"{entry.code}  {entry.name}") for entry in card.classes]
    lines = [*lines, (NOT_SURE, NOT_SURE)]
    page = Image.new(
        "RGB", (picture.width + width, max(picture.height, 2 * margin + line * (len(lines) + len(notes) + 4))), "white"
    )
    page.paste(picture, (0, 0))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(letter)
    colours, answered = _colours(card), sum(totals.area_px.values())
    left, y = picture.width + margin, margin
    for code, text in lines:
        pen.rectangle([left, y, left + box, y + box], fill=colours[code], outline="#1c2330")
        share = f"{totals.area_px[code] / answered:.0%}" if answered else "–"
        pen.text((left + 1.5 * box, y), text, fill="#1c2330", font=font)
        pen.text((page.width - margin, y), share, fill="#1c2330", font=font, anchor="ra")
        y += line
    length = max((um for um in _NICE_UM if um / um_per_pixel <= width - 2 * margin), default=_NICE_UM[0])
    y += line
    pen.rectangle([left, y, left + length / um_per_pixel, y + box / 3], fill="#1c2330")
    pen.text((left, y + box / 2), f"{length / 1000:g} mm", fill="#1c2330", font=font)
    y += line
    for note in notes:
        y += line
        pen.text((left, y), note, fill="#1c2330", font=font)
    return page
