"""Slides with known truth, written without GastroPath, and a classifier that errs only where a place is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile

from gastropath.results.card import Card, CardClass, CardInput, TrainingData
from gastropath.results.predictions import Predictions

PALETTE = np.array([[200, 60, 160], [90, 60, 170], [240, 150, 190], [150, 40, 60]], np.uint8)
CHUNK = 256


class Squares:
    """A slide of squares, each of one colour of the palette, ``side`` pixels of level 0 apart."""

    def __init__(self, width: int, height: int, side: float, seed: int = 0) -> None:
        self.width, self.height, self.side = width, height, side
        shape = (int(height / side) + 2, int(width / side) + 2)
        self.colours = np.random.default_rng(seed).integers(0, len(PALETTE), shape)

    def number(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the colour at positions of level 0."""
        return self.colours[(y / self.side).astype(int), (x / self.side).astype(int)]

    def render(self, x: int, y: int, width: int, height: int, downsample: float = 1.0) -> np.ndarray:
        """Draw pixels of a level, each the colour at its centre."""
        columns = np.minimum((x + np.arange(width) + 0.5) * downsample, self.width - 1e-6)
        rows = np.minimum((y + np.arange(height) + 0.5) * downsample, self.height - 1e-6)
        return PALETTE[self.number(*np.meshgrid(columns, rows))]

    def write(self, path: Path, mpp: float | None, downsamples: Sequence[float] = (1.0,)) -> Path:
        """Write a tiled pyramid, chunk by chunk."""
        resolution = (10_000 / mpp, 10_000 / mpp) if mpp else (72, 72)
        with tifffile.TiffWriter(path, bigtiff=True) as tiff:
            for level, downsample in enumerate(downsamples):
                width, height = round(self.width / downsample), round(self.height / downsample)
                tiff.write(
                    self._chunks(width, height, downsample),
                    shape=(height, width, 3),
                    dtype=np.uint8,
                    tile=(CHUNK, CHUNK),
                    photometric="rgb",
                    compression="zlib",
                    subfiletype=1 if level else 0,
                    resolution=(resolution[0] / downsample, resolution[1] / downsample),
                    resolutionunit="CENTIMETER" if mpp else "INCH",
                    metadata=None,
                )
        return path

    def _chunks(self, width: int, height: int, downsample: float) -> Iterator[np.ndarray]:
        for y in range(0, height, CHUNK):
            for x in range(0, width, CHUNK):
                yield self.render(x, y, CHUNK, CHUNK, downsample)


CODES = ("TUM", "LYM", "STR", "NOR")


class ByColour:
    """Answers with the colour that most of a tile has: a classifier whose every error is one of place."""

    def __init__(self) -> None:
        self.card = Card(
            name="by colour",
            created="2026-01-01",
            classes=tuple(
                CardClass(code=code, name=code, color="#" + "".join(f"{value:02x}" for value in colour))
                for code, colour in zip(CODES, PALETTE, strict=True)
            ),
            input=CardInput(tile_px=64, mpp=0.5),
            precision="float32",
            training_data=TrainingData(name="", n_tiles=0, licence="", sha256="", synthetic=True),
            files={"model.tflite": "0" * 64},
            versions={},
        )
        self.classes = CODES
        self.seen: list[np.ndarray] = []

    def predict(self, tiles: np.ndarray, *, features: bool = False) -> Predictions:
        self.seen.append(tiles)
        gaps = np.abs(tiles[:, :, :, None].astype(int) - PALETTE).sum(axis=-1)
        nearest = np.where(tiles.min(axis=-1) > 240, -1, gaps.argmin(axis=-1)).reshape(len(tiles), -1)  # -1: no slide
        counts = np.stack([(nearest == i).sum(axis=1) for i in range(len(PALETTE))], axis=1)
        shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).astype(np.float32)
        unsure = shares.max(axis=1) < 0.6
        return Predictions.of(CODES, shares, is_low_confidence=unsure, features=shares if features else None)
