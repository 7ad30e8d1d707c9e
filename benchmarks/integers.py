"""What do 8-bit integers cost, and what do they gain? Cross-validation of the same recipe in float and in integers.

    python benchmarks/integers.py ../shared/data/tiles.csv

In each of five grouped folds the recipe `transfer` is trained; its backbone is then quantised on training tiles, and
head, calibration and domain are fitted anew on what the integer network gives. Both answer for the fold that neither
has seen.
Milliseconds a tile are taken in turn, round after round, in one process, with all cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from gastropath import formulas
from gastropath.data.audit.audit import audit_tiles
from gastropath.data.index import find_tiles
from gastropath.data.split.division import make_split
from gastropath.inference.classifier import Classifier
from gastropath.training.context import TrainingContext
from gastropath.training.cross_validation import cross_validate
from gastropath.training.draft_card import draft_card
from gastropath.training.features import FeatureStore
from gastropath.training.recipe import TransferRecipe, read_recipe
from gastropath.training.tile_source import sources
from gastropath.training.trained import Trained

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
ROUNDS, TILES = 9, 64


@dataclass
class Contender:
    """A classifier of each fold, in the order of the folds, and their bytes."""

    classifiers: list[Classifier] = field(default_factory=list)
    megabytes: float = 0.0


def _in_keras(trained: Trained, folder: Path) -> keras.Model:
    """Return what was trained as Keras opens it."""
    trained.network.save(folder / "model.keras")
    model = keras.models.load_model(folder / "model.keras", compile=False)
    assert isinstance(model, keras.Model)
    return model


def main() -> None:
    """Cross-validate both and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path)
    index = find_tiles([parser.parse_args().table], CLASSES)
    recipe = read_recipe("transfer", ["views=8"])
    assert isinstance(recipe, TransferRecipe)
    split = make_split(audit_tiles(index), "group", folds=5)
    draft = draft_card(split, recipe, name="fold", created="")
    contenders = {"float32": Contender(), "int8": Contender()}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)

        def in_floats(number: int, part) -> Classifier:
            context = TrainingContext(part, cache, FeatureStore(cache))
            trained = recipe.train(context)
            integers = recipe.quantise(_in_keras(trained, cache), context)
            for name, model in (("float32", trained), ("int8", integers)):
                card = model.calibrated(draft, recipe.abstain_by, recipe.abstain_at, recipe.in_domain)
                contenders[name].classifiers.append(model.classifier(card))
                contenders[name].megabytes = len(model.graph) / 1e6
            return contenders["float32"].classifiers[-1]

        floats = cross_validate(split, in_floats, with_validation=False)
        integers = cross_validate(split, lambda n, part: contenders["int8"].classifiers[n], with_validation=False)
    tiles = np.stack([tile.load(recipe.tile_px) for tile in sources(floats.index, recipe.mpp)[:TILES]])
    times = _times(contenders, tiles)
    labels, groups = floats.index.numbers(CLASSES), np.array(floats.index.groups)
    print(f"{len(labels)} tiles, five grouped folds, {platform.processor() or platform.machine()}; VNNI: {_vnni()}\n")
    print("| graph | accuracy | macro-F1 | answers | right among these | MB | ms a tile | times as fast |")
    print("|---|---|---|---|---|---|---|---|")
    for name, answers in (("float32", floats.predictions), ("int8", integers.predictions)):
        figures = partial(_figures, labels, answers.numbers)
        value, (low, high) = figures(np.arange(len(labels))), formulas.bootstrap(figures, groups)
        answered = answers.is_accepted
        right = (answers.numbers == labels)[answered].mean()
        ratios = [a / b for a, b in zip(times["float32"], times[name], strict=True)]
        print(
            f"| {name} | {value[0]:.3f} ({low[0]:.3f}–{high[0]:.3f}) | {value[1]:.3f} ({low[1]:.3f}–{high[1]:.3f}) | "
            f"{answered.mean():.3f} | {right:.3f} | {contenders[name].megabytes:.1f} | "
            f"{statistics.median(times[name]):.2f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f}–{max(ratios):.2f}) |"
        )
    same = (floats.predictions.numbers == integers.predictions.numbers).mean()
    print(f"\nBoth give the same class for {same:.3f} of the tiles.")


def _figures(labels: np.ndarray, answers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    matrix = formulas.confusion_matrix(labels[rows], answers[rows], len(CLASSES))
    return np.array([formulas.accuracy(matrix), formulas.macro(formulas.f1(matrix), matrix)])


def _times(contenders: dict[str, Contender], tiles: np.ndarray) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(-1, ROUNDS):
        for name, contender in contenders.items():
            began = time.perf_counter()
            contender.classifiers[0].graph.run(tiles)
            if round_ >= 0:  # the first warms up
                found[name].append(1000 * (time.perf_counter() - began) / len(tiles))
    return found


def _vnni() -> str:
    file = Path("/proc/cpuinfo")
    return ("yes" if "vnni" in file.read_text() else "no") if file.exists() else "unknown"


if __name__ == "__main__":
    main()
