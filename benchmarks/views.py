"""How many views of a tile does a head need to learn from? Cross-validation on real tiles, by group.

    python benchmarks/views.py ../shared/data/tiles.csv

The head of the recipe `transfer` is fitted on one, two, four and eight flips and quarter turns of each tile, in ten
divisions into grouped folds, with the strength that the recipe chooses. Printed is the negative log-likelihood of tiles
left out (after temperature scaling) and their accuracy, and by how much both differ from those of eight views, with a
95 % interval that resamples groups.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from gastropath import formulas
from gastropath.data.index import find_tiles
from gastropath.inference.grouped_folds import grouped_folds
from gastropath.inference.head_strength import choose_strength, fit_views
from gastropath.inference.views import VIEWS
from gastropath.parallel import one_thread_each
from gastropath.training.features import FeatureStore, extract
from gastropath.training.network import frozen_backbone
from gastropath.training.recipe import TransferRecipe, read_recipe
from gastropath.training.tile_source import sources

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
SETS = {
    "1": (0,),
    "2 (a quarter turn)": (0, 1),
    "2 (half a turn)": (0, 2),
    "4 (turns)": (0, 1, 2, 3),
    "8": tuple(range(VIEWS)),
}
DIVISIONS = 10


def main() -> None:
    """Measure and print a row a set of views."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path)
    index = find_tiles([parser.parse_args().table], CLASSES)
    labels, (_, units) = index.numbers(CLASSES), np.unique(index.groups, return_inverse=True)
    recipe = read_recipe("transfer")
    assert isinstance(recipe, TransferRecipe)
    frozen = frozen_backbone(recipe.backbone, recipe.weights, recipe.maps, recipe.tile_px).frozen
    with tempfile.TemporaryDirectory() as cache, one_thread_each():
        features = extract(sources(index, recipe.mpp), frozen, FeatureStore(Path(cache)), views=VIEWS)
        losses, right = answers(features, labels, units)
    print("| views | NLL | against 8 | accuracy | against 8 |\n|---|---|---|---|---|")
    for name in SETS:
        cells = [
            f"{values[name].mean():.3f} | {apart(values[name] - values['8'], units)}" for values in (losses, right)
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def answers(
    features: np.ndarray, labels: np.ndarray, units: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return loss and whether it was right of each tile, averaged over divisions, for each set of views."""
    losses, right = ({name: np.zeros(len(labels)) for name in SETS} for _ in range(2))
    for seed in range(DIVISIONS):
        folds = grouped_folds(labels, units, len(CLASSES), seed=seed)
        strength, _ = choose_strength(features, labels, folds, len(CLASSES), weighting="balanced")
        for name, views in SETS.items():
            logits = np.zeros((len(labels), len(CLASSES)), np.float32)
            for train, held in folds:
                head = fit_views(features[train][:, list(views)], labels[train], len(CLASSES), strength, "balanced")
                logits[held] = head.logits(features[held, 0])
            shares = formulas.softmax(logits / formulas.fit_temperature(logits, labels))
            losses[name] -= np.log(shares[np.arange(len(labels)), labels]) / DIVISIONS
            right[name] += (logits.argmax(axis=1) == labels) / DIVISIONS
    return losses, right


def apart(gaps: np.ndarray, units: np.ndarray) -> str:
    """Return the mean of differences with its interval over groups."""
    rng, groups = np.random.default_rng(0), [np.flatnonzero(units == unit) for unit in range(units.max() + 1)]
    drawn = [
        gaps[np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])].mean() for _ in range(2000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{gaps.mean():+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
