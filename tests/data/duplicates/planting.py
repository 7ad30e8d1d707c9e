"""Copies of tiles as they turn up in collections, made on purpose so that it is known which tile each was made of.

The tests and ``benchmarks/near_duplicates.py`` measure by them how many copies are found again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from gastropath.data.duplicates.keypoints import oriented
from gastropath.decoding import decode
from gastropath.images import encode_jpeg

Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]

FARTHEST_SHIFT = 16 / 224
"""Of the side: a tile of 224 px is shifted by up to 16 px."""

MOST_ZOOM = 0.10

_GLASS = 240
_CUBIC = Image.Resampling.BICUBIC

# Optical densities of haematoxylin, eosin and DAB in red, green, blue (Ruifrok and Johnston 2001).
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])


def flipped_or_turned(tile: np.ndarray, orientation: int) -> np.ndarray:
    """Flip or turn a tile, pixel by pixel: one of the eight of :func:`keypoints.oriented`."""
    return np.ascontiguousarray(np.moveaxis(oriented(np.moveaxis(tile, -1, 0), orientation), 0, -1))


def reencoded(tile: np.ndarray, quality: int) -> np.ndarray:
    """Return what a JPEG file of this quality holds of a tile."""
    return decode(encode_jpeg(tile, quality))


def brighter(tile: np.ndarray, factor: float) -> np.ndarray:
    """Multiply all grey levels."""
    return np.clip(np.rint(tile * factor), 0, 255).astype(np.uint8)


def restained(tile: np.ndarray, factors: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Change the concentration of each stain to ``factor * concentration + offset`` (Tellez et al. 2018)."""
    density = -np.log((tile.astype(np.float64) + 1) / 256)
    concentration = density @ np.linalg.inv(_STAINS) * factors + offsets
    return np.clip(np.rint(256 * np.exp(-concentration @ _STAINS) - 1), 0, 255).astype(np.uint8)


def shifted(tile: np.ndarray, right: int, down: int, *, glass: bool = False) -> np.ndarray:
    """Move a tile's window over the slide; what comes into view is mirrored tissue, or white."""
    height, width = tile.shape[:2]
    reach = max(abs(right), abs(down))
    margin = [(reach, reach), (reach, reach), (0, 0)]
    wide = np.pad(tile, margin, constant_values=_GLASS) if glass else np.pad(tile, margin, mode="reflect")
    return wide[reach + down : reach + down + height, reach + right : reach + right + width]


def zoomed(tile: np.ndarray, zoom: float) -> np.ndarray:
    """Show the tissue ``zoom`` times as large in as many pixels, so that less of it (or mirrored tissue) is seen."""
    height, width = tile.shape[:2]
    margin_y, margin_x = (side * (1 - 1 / zoom) / 2 for side in (height, width))
    reach = max(0, -int(np.floor(min(margin_y, margin_x))))
    wide = np.pad(tile, [(reach, reach), (reach, reach), (0, 0)], mode="reflect")
    box = margin_x + reach, margin_y + reach, width - margin_x + reach, height - margin_y + reach
    return np.asarray(Image.fromarray(wide).resize((width, height), _CUBIC, box=box))


def resized(tile: np.ndarray, factor: float) -> np.ndarray:
    """Save the same field of view in more or fewer pixels."""
    height, width = tile.shape[:2]
    return np.asarray(Image.fromarray(tile).resize((round(width * factor), round(height * factor)), _CUBIC))


def _any_brighter(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return brighter(tile, rng.uniform(0.85, 1.15))


def _any_restained(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return restained(tile, rng.uniform(0.9, 1.1, 3), rng.uniform(-0.02, 0.02, 3))


def _any_flipped_or_turned(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return flipped_or_turned(tile, int(rng.integers(1, 8)))


def _any_shifted(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    reach = round(FARTHEST_SHIFT * min(tile.shape[:2]))
    right, down = (int(value) for value in rng.integers(-reach, reach + 1, 2))
    return shifted(tile, right, down)


def _shifted_to_a_corner(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    reach = round(FARTHEST_SHIFT * min(tile.shape[:2]))
    right, down = (int(value) for value in rng.choice([-reach, reach], 2))
    return shifted(tile, right, down, glass=True)


def _any_zoomed(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return zoomed(tile, rng.uniform(1 - MOST_ZOOM, 1 + MOST_ZOOM))


def _any_resized(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return resized(tile, rng.uniform(1 - MOST_ZOOM, 1 + MOST_ZOOM))


def _combined(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a copy at which everything was done, but by less than its most."""
    moved = shifted(_any_restained(tile, rng), *(int(value) for value in rng.integers(-8, 9, 2)))
    return reencoded(flipped_or_turned(zoomed(moved, rng.uniform(0.95, 1.05)), int(rng.integers(8))), 75)


KINDS: dict[str, Make] = {
    "jpeg90": lambda tile, _: reencoded(tile, 90),
    "jpeg75": lambda tile, _: reencoded(tile, 75),
    "jpeg50": lambda tile, _: reencoded(tile, 50),
    "brighter": _any_brighter,
    "stain": _any_restained,
    "flipped or turned": _any_flipped_or_turned,
    "flipped and jpeg75": lambda tile, rng: reencoded(_any_flipped_or_turned(tile, rng), 75),
    "shifted": _any_shifted,
    "shifted to a corner": _shifted_to_a_corner,
    "rescaled": _any_zoomed,
    "resized": _any_resized,
    "combined": _combined,
}
"""What can be done to a tile, by the name of it."""


def copy_of(tile: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Make a copy of a tile.

    Parameters
    ----------
    tile
        ``uint8``, shape (height, width, 3).
    kind
        One of :data:`KINDS`.
    rng
        Decides how bright, how far, which way.
    """
    return KINDS[kind](tile, rng)
