"""How long an evaluation takes, everything included, beside the prediction it starts from.

    python benchmarks/evaluation.py [--tiles FOLDER] [--judged 6000]

Draws synthetic tiles where no folder is named (8,000 of them take about 4 minutes), gives 2,000 to the training part
and lets the starter model be judged on 6,000: predictions, intervals, colour baseline, pictures without tissue, changed
tiles, activation maps, report. Prints the seconds of each step, and of all but the prediction.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split
from gastropath.data.synthetic.tiles import write_tiles
from gastropath.evaluation.assessment import assess
from gastropath.evaluation.report import write_evaluation
from gastropath.inference.classifier import Classifier
from gastropath.parallel import cores

TRAINING = 2000
PREDICTING = "classifying"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiles", type=Path)
    parser.add_argument("--judged", type=int, default=6000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.tiles
        if folder is None:
            folder = Path(scratch) / "tiles"
            write_tiles(folder, tiles_per_class=-(-(arguments.judged + TRAINING) // 8), seed=0)
        index = find_tiles([folder])
        order = np.random.default_rng(0).permutation(len(index))[: arguments.judged + TRAINING]
        parts = ("train",) * TRAINING + ("test",) * arguments.judged
        split = Split(index.take(order), parts, "random", 0)
        print(f"{cores()} cores, load {os.getloadavg()[0]:.1f} at the start")
        measure(split, Path(scratch) / "evaluation")


def measure(split: Split, out: Path) -> None:
    """Evaluate, and print what each step took."""
    classifier = Classifier.load()
    steps, watch = timed()
    began = time.perf_counter()
    assessment = assess(classifier, split.index, split, progress=watch)
    watch("intervals", 1, 1)
    out.mkdir()
    write_evaluation(assessment, classifier, out)
    watch("report and charts", 1, 1)
    seconds = time.perf_counter() - began
    for what, took in steps.items():
        print(f"{took:7.1f} s  {what}")
    rest = seconds - steps[PREDICTING]
    print(
        f"{seconds:7.1f} s  in all; {rest:.1f} s without the prediction, "
        f"{rest / steps[PREDICTING]:.2f} times as long as it"
    )


def timed() -> tuple[dict[str, float], Callable[[str, int, int], None]]:
    """Return a record of seconds by step, and the progress function that fills it."""
    steps: dict[str, float] = {}
    last = time.perf_counter()

    def watch(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        steps[what] = steps.get(what, 0.0) + now - last
        last = now

    return steps, watch


if __name__ == "__main__":
    main()
