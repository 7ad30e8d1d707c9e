"""Drawn pictures that show no tissue: a model should find each of them out-of-distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE_PX = 224


def flat(rng: np.random.Generator) -> np.ndarray:
    """Draw one colour throughout."""
    return np.full((TILE_PX, TILE_PX, 3), rng.integers(0, 256, 3), np.uint8)


def glass(rng: np.random.Generator) -> np.ndarray:
    """Draw what a scanner sees beside the tissue: nearly white, a little uneven, a little noise."""
    slope = np.linspace(0, rng.uniform(-6, 6), TILE_PX)[:, None, None]
    shade = rng.integers(222, 252) + rng.integers(-4, 5, 3) + slope
    grain = rng.normal(0, rng.uniform(0.3, 2.5), (TILE_PX, TILE_PX, 1)) + rng.normal(0, 0.7, (TILE_PX, TILE_PX, 3))
    return _pixels(shade + grain)


def noise(rng: np.random.Generator) -> np.ndarray:
    """Draw independent pixels around one shade."""
    return _pixels(rng.normal(rng.uniform(40, 215), rng.uniform(8, 90), (TILE_PX, TILE_PX, 3)))


def text(rng: np.random.Generator) -> np.ndarray:
    """Draw lines of letters on paper."""
    page = Image.new("RGB", (TILE_PX, TILE_PX), tuple(int(value) for value in rng.integers(225, 256, 3)))
    pen, size = ImageDraw.Draw(page), int(rng.integers(9, 26))
    for y in range(4, TILE_PX - 4, size + 5):
        words = "".join(rng.choice(list("abcdefghij klmno pqrst uvwxyz"), 40))
        pen.text((4, y), words, fill=(20, 20, 30), font=ImageFont.load_default(size))
    return np.asarray(page)


NO_TISSUE: Mapping[str, Callable[[np.random.Generator], np.ndarray]] = {
    "flat colours": flat,
    "glass": glass,
    "noise": noise,
    "text": text,
}
"""Each draws one picture: ``uint8``, shape (224, 224, 3)."""


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)
