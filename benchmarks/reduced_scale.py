"""Whether a slide at half of the model's micrometres per pixel is answered alike, decoded whole and decoded smaller.

    python benchmarks/reduced_scale.py [--model BUNDLE] [--data ../shared/data] [--mpp 0.25,0.2527]

Enlarges real tiles so far that they would come from a slide of MPP micrometres per pixel, and stores them as slides of
JPEG in two qualities and two subsamplings, and of pixels without loss, each tile amid its mirror image. Every tile is
read as `gastropath slide` reads it (one that is close to a tie a second time, whole), and again with chunks decoded
whole and resampled once. Prints the share of tiles that are given the same class by the first reading alone; the share
that is read twice; the share that is given the same class in the end, of all and of those that are accepted both times;
the cosine of their features; the mean difference of the pixels of the first reading in grey values. The last row tells
what so small a difference does: the tiles that were decoded whole, against the same with half of their values changed
by one.

The tiles are few and come from few slides: the figures say whether ways of decoding agree, nothing about right answers.
"""

from __future__ import annotations

import argparse
import io
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from gastropath.bundle.files import starter
from gastropath.inference.classifier import Classifier
from gastropath.results.predictions import Predictions
from gastropath.slides.block_reader import is_close
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import open_slide
from gastropath.slides.tiles import read_tiles

CHUNK_PX, TILE_PX, MARGIN_PX, MPP = 256, 224, 16, 0.5
CODINGS = [(quality, subsampling) for quality in (80, 90) for subsampling in ("4:2:0", "4:4:4")]


@dataclass(frozen=True)
class Agreement:
    """How two ways of reading the same tiles compare.

    Attributes
    ----------
    tiles, accepted
        How many there are, and how many are accepted both times.
    read_twice
        Share that is close to a tie, and decoded whole in the end.
    same_at_first, same_class, same_class_of_accepted
        Share that is given the same class: by the first reading alone, and in the end.
    mean_cosine, least_cosine
        Of the features of a tile read in both ways.
    grey_values
        Mean difference of their pixels.
    """

    tiles: int
    accepted: int
    read_twice: float
    same_at_first: float
    same_class: float
    same_class_of_accepted: float
    mean_cosine: float
    least_cosine: float
    grey_values: float

    def __str__(self) -> str:
        return (
            f"{self.tiles} | {self.same_at_first:.1%} | {self.read_twice:.1%} | {self.same_class:.1%} | "
            f"{self.accepted} | {self.same_class_of_accepted:.1%} | "
            f"{self.mean_cosine:.5f} | {self.least_cosine:.4f} | {self.grey_values:.2f} |"
        )


def main() -> None:
    """Print a row for each way of storing the slide."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter())
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--mpp", default="0.25,0.2527")
    arguments = parser.parse_args()
    tiles = find_tiles(arguments.data)
    if not tiles:
        parser.error(f"--data: no tiles in {arguments.data}")
    classifier = Classifier.load(arguments.model)
    print(
        "| stored as | µm/px | tiles | same class at first | read twice | same class | accepted | same class | "
        "cosine, mean | least | grey values |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    whole = np.empty(0)
    for mpp in map(float, arguments.mpp.split(",")):
        for coding in (*CODINGS, None):
            quick, whole = read_both_ways(tiles, mpp, coding)
            name = f"JPEG {coding[0]}, {coding[1]}" if coding else "without loss"
            print(f"| {name} | {mpp:g} | {compare(classifier, quick, whole)}", flush=True)
    rng = np.random.default_rng(0)
    changed = whole + rng.choice(np.array([-1, 0, 0, 1]), whole.shape)
    print(f"| changed by one | | {compare(classifier, np.clip(changed, 0, 255).astype(np.uint8), whole)}")


def find_tiles(data: Path) -> list[Path]:
    """Return the real tiles."""
    return sorted([*data.glob("tiles/*/*/*.png"), *data.glob("more/*/*/*.png")])


def read_both_ways(tiles: list[Path], mpp: float, coding: tuple[int, str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Store tiles as a slide, and read them decoded smaller, and decoded whole and resampled once.

    Parameters
    ----------
    tiles
        Pictures; each is taken for one field of view of the model.
    mpp
        Micrometres per pixel of the slide.
    coding
        Quality and subsampling of JPEG; ``None`` to store it without loss.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "slide.tiff"
        columns = write_tiles(path, tiles, mpp, coding)
        slide = open_slide(path, mpp, check_brightfield=False)
        quick = TileGrid.over(slide, TILE_PX, MPP, (TILE_PX + 2 * MARGIN_PX) * MPP)
        assert quick.smaller > 1
        whole = quick.unreduced(slide)
        row, column = np.divmod(np.arange(len(tiles)), columns)
        numbers = np.array_split(row * quick.shape[0] + column, len(tiles) // 16 + 1)
        found = [np.concatenate([read_tiles(slide, way, some).pixels for some in numbers]) for way in (quick, whole)]
    return found[0], found[1]


def compare(classifier: Classifier, first: np.ndarray, second: np.ndarray) -> Agreement:
    """Answer tiles that were read in two ways, ``uint8``, shape (n, 224, 224, 3)."""
    quick, whole = (classifier.predict(pixels, features=True) for pixels in (first, second))
    twice = is_close(quick)
    n = len(twice)
    found = [Predictions.joined([quick, whole], quick.classes)[np.where(twice, n, 0) + np.arange(n)], whole]
    one, other = (np.asarray(answers.features, np.float64) for answers in found)
    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    same = found[0].probabilities.argmax(axis=1) == found[1].probabilities.argmax(axis=1)
    accepted = np.logical_and(*(answers.decisions == "accepted" for answers in found))
    at_first = quick.probabilities.argmax(axis=1) == whole.probabilities.argmax(axis=1)
    gap = np.abs(first.astype(np.int16) - second).mean()
    return Agreement(
        n, int(accepted.sum()), twice.mean(), at_first.mean(), same.mean(), same[accepted].mean(), cosines.mean(),
        cosines.min(), float(gap),
    )  # fmt: skip


def write_tiles(path: Path, tiles: list[Path], mpp: float, coding: tuple[int, str] | None) -> int:
    """Write enlarged tiles amid their mirror images, row by row; return how many stand in a row."""
    columns = math.isqrt(len(tiles)) + 1
    rows, cell = -(-len(tiles) // columns), TILE_PX + 2 * MARGIN_PX
    canvas = np.zeros((rows * cell, columns * cell, 3), np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (place * cell for place in divmod(number, columns))
        with Image.open(tile) as picture:
            pixels = np.asarray(picture.convert("RGB").resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC))
        canvas[top : top + cell, left : left + cell] = np.pad(pixels, (*2 * [2 * (MARGIN_PX,)], (0, 0)), "symmetric")
    shown = Image.fromarray(canvas[MARGIN_PX:, MARGIN_PX:])
    size = (round(shown.width * MPP / mpp), round(shown.height * MPP / mpp))
    large = np.asarray(shown.resize(size, Image.Resampling.BICUBIC))
    filled = np.pad(large, ((0, -large.shape[0] % CHUNK_PX), (0, -large.shape[1] % CHUNK_PX), (0, 0)), "edge")
    chunks = (
        np.ascontiguousarray(filled[top : top + CHUNK_PX, left : left + CHUNK_PX])
        for top in range(0, filled.shape[0], CHUNK_PX)
        for left in range(0, filled.shape[1], CHUNK_PX)
    )
    tifffile.imwrite(
        path,
        (_jpeg(chunk, *coding) for chunk in chunks) if coding else chunks,
        shape=large.shape,
        dtype=np.uint8,
        tile=(CHUNK_PX, CHUNK_PX),
        compression="jpeg" if coding else "zlib",
        photometric="ycbcr" if coding else "rgb",
        metadata=None,
    )
    return columns


def _jpeg(chunk: np.ndarray, quality: int, subsampling: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(chunk).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
