"""Is the input pipeline ever the bottleneck? Train on it, and on arrays in memory, in turn in one run.

    python benchmarks/input_pipeline.py

Prints seconds an epoch for both, their ratio (pipeline / memory; 1.00 means the pipeline costs nothing), and what
serving the tiles takes without any training.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from gastropath.data.index import find_tiles
from gastropath.data.synthetic.tiles import write_tiles
from gastropath.training.input_pipeline import decode_tiles, epochs_of_batches, steps
from gastropath.training.methods.cnn import compiled, specified_cnn

BATCH, PER_CLASS, ROUNDS = 32, 64, 5


def main() -> None:
    """Run the comparison."""
    with tempfile.TemporaryDirectory() as folder:
        write_tiles(Path(folder) / "tiles", tiles_per_class=PER_CLASS, seed=0)
        index = find_tiles([Path(folder) / "tiles"])
        began = time.perf_counter()
        store = decode_tiles(index, index.classes, 224, 0.5, Path(folder) / "work")
        decoding = time.perf_counter() - began
        pixels, labels = np.array(store.pixels), np.eye(8, dtype=np.float32)[store.classes]
        keras.utils.set_random_seed(0)
        model = compiled(specified_cnn(8), 0.001)

        def from_pipeline(epoch: int) -> None:
            data = epochs_of_batches(store, BATCH, 0, epoch, epoch + 1)
            model.fit(data, steps_per_epoch=steps(store, BATCH), verbose=0)  # pyright: ignore[reportArgumentType]

        def from_memory(epoch: int) -> None:
            model.fit(pixels, labels, batch_size=BATCH, verbose=0)  # pyright: ignore[reportArgumentType]

        def serving_only(epoch: int) -> None:
            for _ in epochs_of_batches(store, BATCH, 0, epoch, epoch + 1):
                pass

        seconds: dict[str, list[float]] = {"pipeline": [], "memory": [], "serving": []}
        for epoch in range(ROUNDS + 1):
            for name, work in (("pipeline", from_pipeline), ("memory", from_memory), ("serving", serving_only)):
                began = time.perf_counter()
                work(epoch)
                if epoch:  # the first round builds the graphs
                    seconds[name].append(time.perf_counter() - began)
    n = len(store)
    ratios = [a / b for a, b in zip(seconds["pipeline"], seconds["memory"], strict=True)]
    print(f"{n} tiles of 224 px, batch {BATCH}, {ROUNDS} rounds in turn; medians")
    for name, values in seconds.items():
        print(f"  {name:9s} {1000 * statistics.median(values) / n:7.2f} ms a tile")
    print(f"  decoding  {1000 * decoding / n:7.2f} ms a tile, once a run")
    print(f"ratio pipeline / memory: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
