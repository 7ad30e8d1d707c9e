"""What tells that a tile is unlike the training tiles? Methods and maps compared on real tiles and strange pictures.

    python benchmarks/domain.py ../shared/data/tiles.csv

Each tile of the eight classes is measured against the tiles of other groups (five grouped folds); strange pictures
against all. Prints for each method the area under the ROC curve, and in brackets the share of strangers that pass at
the threshold which 95 % of the tiles of other groups keep below.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_sample_images

from gastropath import formulas
from gastropath.data.index import find_tiles
from gastropath.data.split.units import kept_together
from gastropath.data.synthetic.no_tissue import NO_TISSUE
from gastropath.evaluation.ranks import auroc
from gastropath.inference.calibration import NEIGHBOURS
from gastropath.inference.grouped_folds import grouped_folds
from gastropath.inference.head_strength import fit_views
from gastropath.inference.ood import distances
from gastropath.training.features import FeatureStore, extract
from gastropath.training.network import frozen_backbone
from gastropath.training.recipe import TransferRecipe, read_recipe
from gastropath.training.tile_source import TileSource, sources

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
MAPS = (("last",), ("block_11",), ("block_11", "last"), ("block_05", "block_11", "last"))
METHODS = ("cosine k-nearest", "Mahalanobis", "energy", "max-softmax")
EACH, ACCEPTED, STRENGTH = 30, 0.95, 10.0


@dataclass(frozen=True)
class Drawn(TileSource):
    """A picture that was drawn, not read."""

    pixels: np.ndarray

    def load(self, tile_px: int) -> np.ndarray:
        """Return it."""
        return self.pixels


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path)
    table = parser.parse_args().table
    index = find_tiles([table], CLASSES)
    labels = index.numbers(CLASSES)
    folds = grouped_folds(labels, kept_together(index), len(CLASSES))
    recipe = read_recipe("transfer")
    assert isinstance(recipe, TransferRecipe)
    strangers: dict[str, list[TileSource]] = {
        name: [_drawn(draw(np.random.default_rng([number, i]))) for i in range(EACH)]
        for number, (name, draw) in enumerate(NO_TISSUE.items())
    }
    strangers["photographs"] = [_drawn(pixels) for pixels in _photographs()]
    for code in ("BACK", "OTHER"):
        strangers[code] = sources(find_tiles([table], [code]), recipe.mpp)
    print(f"| maps | method | {' | '.join(strangers)} |\n|{'---|' * (len(strangers) + 2)}")
    with tempfile.TemporaryDirectory() as cache:
        for maps in MAPS:
            frozen = frozen_backbone(recipe.backbone, recipe.weights, maps, recipe.tile_px).frozen
            own = extract(sources(index, recipe.mpp), frozen, FeatureStore(Path(cache)))[:, 0]
            other = {name: extract(tiles, frozen, FeatureStore(Path(cache)))[:, 0] for name, tiles in strangers.items()}
            for method in METHODS:
                known = np.empty(len(labels))
                for train, held in folds:
                    known[held] = _strange(method, own[train], labels[train], own[held])
                threshold = np.quantile(known, ACCEPTED, method="higher")
                cells = []
                for features in other.values():
                    away = _strange(method, own, labels, features)
                    is_strange = np.repeat([False, True], [len(known), len(away)])
                    area = auroc(is_strange, np.concatenate([known, away]))
                    cells.append(f"{area:.2f} ({(away <= threshold).mean():.2f})")
                print(f"| {', '.join(maps)} | {method} | {' | '.join(cells)} |", flush=True)


def _strange(method: str, train: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    if method == "cosine k-nearest":
        return distances(asked, train, NEIGHBOURS)
    if method == "Mahalanobis":
        means = np.stack([train[labels == number].mean(axis=0) for number in range(len(CLASSES))])
        precision = LedoitWolf().fit(train - means[labels]).precision_
        gaps = asked[:, None] - means
        return ((gaps @ precision) * gaps).sum(axis=2).min(axis=1)
    logits = fit_views(train[:, None], labels, len(CLASSES), STRENGTH, "balanced").logits(asked).astype(np.float64)
    if method == "energy":
        return -np.log(np.exp(logits).sum(axis=1))
    return -formulas.softmax(logits).max(axis=1)


def _drawn(pixels: np.ndarray) -> Drawn:
    return Drawn(Path(), None, pixels)


def _photographs() -> list[np.ndarray]:
    rng, found = np.random.default_rng(0), []
    for picture in load_sample_images().images:
        for _ in range(EACH // 2):
            top, left = (rng.integers(0, side - 224) for side in picture.shape[:2])
            found.append(picture[top : top + 224, left : left + 224])
    return found


if __name__ == "__main__":
    main()
