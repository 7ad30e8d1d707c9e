"""How are tiles best given to LiteRT, and what do activation maps cost?

    python benchmarks/calls.py

The graph of EfficientNet-Lite0 with a head is called with 1 to 16 tiles, by one interpreter a core with one thread
each, or by one interpreter with a thread a core; and without logits and activation maps. All take turns, round after
round. Also prints by how much the answers differ between these ways.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.inference.graph import Interpreters
from gastropath.inference.linear_head import Head
from gastropath.parallel import cores
from gastropath.training.network import frozen_backbone
from gastropath.training.recipe import TransferRecipe, read_recipe

TILES, ROUNDS = 128, 7
CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")

Way = Callable[[], list[dict[str, np.ndarray]]]


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    drawn = [draw_tile(c, rng, appearance=draw_appearance(rng, shifted=False)) for c in CLASSES * 2]
    tiles = np.stack(drawn * (TILES // len(drawn)))
    recipe = read_recipe("transfer")
    assert isinstance(recipe, TransferRecipe)
    backbone = frozen_backbone(recipe.backbone, recipe.weights, recipe.maps, recipe.tile_px)
    kernel = rng.normal(size=(backbone.frozen.width, len(CLASSES))).astype(np.float32)
    whole, features = (
        backbone.with_head(Head(kernel, np.zeros(len(CLASSES), np.float32))).graph(),
        backbone.frozen.graph(),
    )
    ways: dict[str, Way] = {}
    for n in (1, 2, 4, 8, 16):
        ways[f"an interpreter a core, {n} tiles a call"] = side_by_side(whole, tiles, n)
    for n in (1, 8):
        ways[f"one interpreter, a thread a core, {n} tiles a call"] = shared(whole, tiles, n)
    ways["features alone, an interpreter a core, 2 tiles a call"] = side_by_side(features, tiles, 2)
    times: dict[str, list[float]] = {name: [] for name in ways}
    answers = {name: way() for name, way in ways.items()}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(1000 * (time.perf_counter() - began) / TILES)
    first, *_ = ways
    reference = np.concatenate([part["features"] for part in answers[first]])
    print("| way | ms a tile | to the first | features differ by at most |\n|---|---|---|---|")
    for name, found in times.items():
        differ = np.abs(np.concatenate([part["features"] for part in answers[name]]) - reference).max()
        ratio = statistics.median(a / b for a, b in zip(found, times[first], strict=True))
        print(f"| {name} | {statistics.median(found):.2f} | {ratio:.2f} | {differ:.1g} |")


def side_by_side(graph: bytes, tiles: np.ndarray, n: int) -> Way:
    """Return what runs the tiles through an interpreter a core."""
    interpreters, pool = Interpreters(graph), ThreadPoolExecutor(cores())
    parts = [tiles[first : first + n] for first in range(0, len(tiles), n)]
    return lambda: [dict(answer) for answer in pool.map(interpreters.call, parts)]


def shared(graph: bytes, tiles: np.ndarray, n: int) -> Way:
    """Return what runs the tiles through one interpreter."""
    runner = Interpreter(model_content=graph, num_threads=cores()).get_signature_runner("serving_default")
    return lambda: [runner(image=tiles[first : first + n]) for first in range(0, len(tiles), n)]


if __name__ == "__main__":
    main()
