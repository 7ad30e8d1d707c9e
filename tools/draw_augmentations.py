"""Draw what each augmentation does, for the documentation.

    python tools/draw_augmentations.py

Writes a strip a change into ``docs/pictures``: a synthetic tile, and beside it five draws.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image

from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.training.augment import Augmentation, blurred, scaled, stained, turned
from gastropath.training.recipe import FinetuneRecipe, read_recipe

DRAWS, SIDE, GAP = 5, 176, 8


def main() -> None:
    """Draw all strips."""
    recipe = read_recipe("finetune")
    assert isinstance(recipe, FinetuneRecipe)
    rng = np.random.default_rng(5)
    tile = draw_tile("NOR", rng, appearance=draw_appearance(rng, shifted=False))
    batch, seed = tf.constant(np.repeat(tile[None], DRAWS, axis=0)), tf.constant([0, 2], tf.int64)
    changes = {
        "turned": turned(batch, seed),
        "scaled": scaled(batch, seed, recipe.zoom),
        "stained": stained(batch, seed, recipe.stain),
        "blurred": blurred(batch, seed, recipe.blur_px),
        "together": Augmentation(recipe.turns, recipe.zoom, recipe.stain, recipe.blur_px)(batch, seed),
    }
    folder = Path(__file__).parents[1] / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    for name, changed in changes.items():
        strip(tile, np.asarray(changed)).save(folder / f"augmentation_{name}.jpg", quality=88)


def strip(tile: np.ndarray, changed: np.ndarray) -> Image.Image:
    """Put a tile and its changed copies side by side, the original apart from the others."""
    picture = Image.new("RGB", ((SIDE + GAP) * (len(changed) + 1) + GAP, SIDE), "white")
    for place, pixels in enumerate([tile, *changed]):
        shown = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.paste(shown, (place * (SIDE + GAP) + (2 * GAP if place else 0), 0))
    return picture


if __name__ == "__main__":
    main()
