"""Fixtures of the pages' tests, driven as in other rooms; a small model of three colours, and pictures for slides."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.bundle.files import GRAPH, REFERENCES, write_bundle
from gastropath.inference.graph import Interpreters
from gastropath.inference.linear_head import fit_head
from gastropath.inference.ood import references_npz
from gastropath.inference.selftest import with_self_test
from gastropath.results.card import Abstention, Card, CardClass, CardInput, Domain, TrainingData
from gastropath.results.interval import Interval
from gastropath.tissue_classes import tissue_class
from gastropath.training.lite0 import lite0, with_features, with_head
from gastropath.training.lite0_graph import write_graph

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))
sys.path.insert(0, str(Path(__file__).parents[1] / "slides"))

import page_driver  # pyright: ignore[reportMissingImports]  (on the path by the lines above)
import view_driver

browser = page_driver.browser
visit = page_driver.visit
squares = view_driver.squares
squares_map = view_driver.squares_map
starter_map = view_driver.starter_map

SIDE = 64
COLOURS = {"LYM": (90, 60, 150), "STR": (230, 150, 190), "TUM": (150, 70, 120), "MUC": (150, 190, 220)}
KNOWN = ("LYM", "STR", "TUM")


def tile(code: str, rng: np.random.Generator, shift: int = 0) -> np.ndarray:
    """Draw a tile: its colour, darker by some grey values, with noise."""
    noise = rng.normal(0, 18, (SIDE, SIDE, 3)) + rng.normal(0, 10, 3)
    return np.clip(np.array(COLOURS[code]) - shift + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a bundle that tells three colours apart, and carries labelled features of the tiles it learned from."""
    rng = np.random.default_rng(5)
    labels = np.arange(90) % 3
    tiles = np.stack([tile(KNOWN[number], rng) for number in labels])
    layers = with_features(lite0(SIDE), ("block_05", "last"))
    features = Interpreters(write_graph(layers)).call(tiles)["features"]
    head = fit_head(features, labels, 3, 10.0)
    graph = write_graph(with_head(layers, head.kernel, head.bias))
    card = Card(
        name="three colours",
        created="2026-01-01",
        classes=tuple(CardClass(code=code, name=code, color=tissue_class(code).color) for code in KNOWN),
        input=CardInput(tile_px=SIDE, mpp=0.5),
        precision="float32",
        abstention=Abstention(
            threshold=0.5, target="accuracy", target_value=0.8, state="met", coverage=1.0,
            selective_accuracy=Interval(value=1.0), fitted_on="validation", n=90,
        ),
        domain=Domain(threshold=0.5, neighbours=5, references=90, accepted_share=0.95, fitted_on="validation", n=90),
        training_data=TrainingData(name="colours", n_tiles=90, licence="CC0-1.0", sha256="0" * 64, synthetic=True),
        files={},
        versions={},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "colours"
    files = {GRAPH: graph, REFERENCES: references_npz(features, labels, np.arange(90) // 9)}
    write_bundle(folder, with_self_test(card, graph), files)
    return folder


@pytest.fixture
def write_slide(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture of four by four tiles: ``write_slide("a.png", "LYM" * 16 of codes, shift=60)`` returns it."""

    def write(name: str, codes: tuple[str, ...], *, shift: int = 0, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        rows = [np.hstack([tile(code, rng, shift) for code in codes[first : first + 4]]) for first in range(0, 16, 4)]
        Image.fromarray(np.vstack(rows)).save(tmp_path / name)
        return tmp_path / name

    return write
