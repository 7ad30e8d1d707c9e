"""What labels are worth on the demo's slide of a foreign stain, and what suggested ones are beside random ones.

    make demo && python benchmarks/simulated_user.py [--demo gastropath-demo] [--seeds 10]

The slide's truth is known: it labels tiles as a user would. Once five tiles of each class, drawn at random; once tiles
drawn at random from all; once those that are suggested, each after the model has learned from the one before. Accuracy
is that on all tiles of the slide which were not labelled, whatever the model is sure of, and on classes averaged.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.data.synthetic.truth import class_of, read_truth
from gastropath.inference.classifier import Classifier
from gastropath.inference.linear_head import Head
from gastropath.parallel import one_thread_each
from gastropath.teach.adapted import base_of
from gastropath.teach.examples import Examples
from gastropath.teach.lesson.heads import chances, fitted
from gastropath.teach.lesson.pool import TileFeatures
from gastropath.teach.lesson.suggest import suggest
from gastropath.teach.refit import Base
from gastropath.workflows.slides import map_slides

BUDGETS = (8, 16, 24, 40)
EACH = 5


@dataclass(frozen=True)
class Tiles:
    """Features and true classes of the tiles of a slide, and the model that is taught."""

    features: np.ndarray
    truth: np.ndarray
    model: Classifier
    base: Base

    @classmethod
    def of(cls, slide: Path, model: Classifier, folder: Path) -> Tiles:
        """Map a slide; tiles of glass alone have no class and are left out."""
        map_slides(slide, folder, model, features=True)
        pool = TileFeatures.read(folder / slide.stem, model.graph.n_features)
        plan = read_truth(slide.with_name("truth.png"))
        truth = np.array([class_of(plan, *box) for box in pool.shown.grid.rectangles(pool.numbers).tolist()])
        return cls(pool.features[truth != ""].astype(np.float32), truth[truth != ""], model, base_of(model))

    def learned(self, rows: np.ndarray | list[int], start: Head | None = None) -> Head:
        """Return the head after these rows were labelled."""
        n = len(rows)
        examples = Examples(
            self.features[rows], tuple(self.truth[rows]), ("slide",) * n, ("slide",) * n, ("own",) * n, ("",) * n,
            (None,) * n,
        )  # fmt: skip
        return fitted(self.base, examples, self.model.classes, start)

    def right(self, head: Head, labelled: np.ndarray | list[int]) -> tuple[float, float]:
        """Return the accuracy on the other tiles, and its mean over their classes."""
        others = np.setdiff1d(np.arange(len(self.truth)), labelled)
        answers = np.array(self.model.classes)[head.logits(self.features[others]).argmax(axis=1)]
        right, truth = answers == self.truth[others], self.truth[others]
        return float(right.mean()), float(np.mean([right[truth == code].mean() for code in np.unique(truth)]))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--demo", type=Path, default=Path("gastropath-demo"))
    parser.add_argument("--model", type=Path, help="by default the demo's")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    model = Classifier.load(arguments.model or arguments.demo / "run")
    with tempfile.TemporaryDirectory() as scratch, one_thread_each():
        tiles = Tiles.of(arguments.demo / "foreign-slide" / "drawn.tif", model, Path(scratch))
        print(f"{model.card.name}: {len(tiles.truth)} tiles; mean of {arguments.seeds} draws (and their spread)")
        five = [five_of_each(tiles, seed) for seed in range(arguments.seeds)]
        print("| labels | chosen | accuracy before | accuracy after | mean over classes, after |")
        print("|---|---|---|---|---|")
        print(f"| {EACH} a class | at random | {row(five)} |")
        for name, choose in (("at random", at_random), ("suggested", suggested)):
            found = [choose(tiles, seed) for seed in range(arguments.seeds)]
            for place, budget in enumerate(BUDGETS):
                print(f"| {budget} | {name} | {row([one[place] for one in found])} |", flush=True)


Found = tuple[float, float, float]
"""Accuracy before and after, and after over classes, on the tiles that were not labelled."""


def five_of_each(tiles: Tiles, seed: int) -> Found:
    """Label as many tiles of each class."""
    order = np.random.default_rng(seed).permutation(len(tiles.truth))
    rows = np.concatenate([order[tiles.truth[order] == code][:EACH] for code in np.unique(tiles.truth)])
    return judged(tiles, tiles.learned(rows), rows)


def at_random(tiles: Tiles, seed: int) -> list[Found]:
    """Label tiles as they come."""
    order = np.random.default_rng(seed).permutation(len(tiles.truth))
    return [judged(tiles, tiles.learned(order[:budget]), order[:budget]) for budget in BUDGETS]


def suggested(tiles: Tiles, seed: int) -> list[Found]:
    """Label one tile as it comes, and then what is suggested."""
    rows = [int(np.random.default_rng(seed).permutation(len(tiles.truth))[0])]
    temperature = tiles.model.card.calibration.temperature
    head, found = tiles.learned(rows), []
    while len(rows) < BUDGETS[-1]:
        rest = np.setdiff1d(np.arange(len(tiles.truth)), rows)
        answers = chances(head, tiles.features[rest], temperature)
        rows.append(int(rest[suggest(tiles.features[rest], answers, tiles.features[rows], most=1)[0]]))
        head = tiles.learned(rows, head)
        if len(rows) in BUDGETS:
            found.append(judged(tiles, head, rows))
    return found


def judged(tiles: Tiles, head: Head, rows: np.ndarray | list[int]) -> Found:
    """Judge a head on the tiles that it did not learn from, beside the model that is taught."""
    return (tiles.right(tiles.base.head, rows)[0], *tiles.right(head, rows))


def row(found: list[Found]) -> str:
    """Write means, and the spread of draws."""
    columns = [np.array(values) for values in zip(*found, strict=True)]
    return " | ".join(f"{values.mean():.3f} (±{values.std():.3f})" for values in columns)


if __name__ == "__main__":
    main()
