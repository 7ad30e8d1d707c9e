"""Fixtures of the slides' tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawing import PALETTE

from gastropath.bundle.card import Card, CardClass, CardInput, TrainingData
from gastropath.inference.predictions import Predictions

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

    def answer(self, tiles: np.ndarray) -> tuple[Predictions, np.ndarray]:
        self.seen.append(tiles)
        gaps = np.abs(tiles[:, :, :, None].astype(int) - PALETTE).sum(axis=-1)
        nearest = np.where(tiles.min(axis=-1) > 240, -1, gaps.argmin(axis=-1)).reshape(len(tiles), -1)  # -1: no slide
        counts = np.stack([(nearest == i).sum(axis=1) for i in range(len(PALETTE))], axis=1)
        shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).astype(np.float32)
        doubts = tuple("low confidence" if share < 0.6 else "" for share in shares.max(axis=1))
        n = len(tiles)
        return Predictions(CODES, shares, ("",) * n, doubts, np.zeros(n, bool), np.zeros(n)), shares


@pytest.fixture
def by_colour() -> ByColour:
    return ByColour()


@pytest.fixture(scope="session")
def real_slide() -> Path:
    """A slide of OpenSlide's test data, where it is present."""
    path = Path(__file__).parents[2].parent / "shared" / "data" / "slides" / "CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"no slide at {path}")
    return path
