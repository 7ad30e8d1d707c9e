"""How fast does a bundle of EfficientNet-Lite0 answer, beside Keras on the same network and torch's ResNet-18?

    python benchmarks/serving.py [--torch PYTHON]

Each contender is loaded in a process of its own and waits; then they answer in turn, round after round, for the same
batches of 32 tiles, with both cores. Bundles answer with all that ships: logits, features, activation maps, check of
the domain. Keras answers through ``model.predict`` of the whole model, torch (an interpreter that has it, by
``--torch``) through ResNet-18 in ``inference_mode``, channels last, on tiles that are scaled and laid out already.

The second table is the time from the start of a process to its first answer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

BATCH, BATCHES, ROUNDS, STARTS = 32, 4, 9, 5
BUNDLES = ("float32", "float16", "int8")


def main() -> None:
    """Run the comparison, or be one of the contenders."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--torch", type=Path, help="Python interpreter with torch")
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.worker:
        name, folder = arguments.worker
        serve(name, Path(folder))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run([sys.executable, __file__, "--worker", "prepare", str(folder)], check=True)
        answering(folder, arguments.torch)
        starting(folder)


def answering(folder: Path, torch: Path | None) -> None:
    """Let all contenders answer in turn, and print milliseconds a tile and ratios."""
    names = {**dict.fromkeys((*BUNDLES, "keras"), Path(sys.executable)), **({"resnet18": torch} if torch else {})}
    workers = {
        name: subprocess.Popen(
            [str(python), __file__, "--worker", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, python in names.items()
    }
    found: dict[str, list[float]] = {name: [] for name in workers}
    for round_ in range(-1, ROUNDS):
        for name, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            print("go", file=worker.stdin, flush=True)
            milliseconds = 1000 * float(worker.stdout.readline()) / (BATCH * BATCHES)
            if round_ >= 0:  # the first warms up
                found[name].append(milliseconds)
    for worker in workers.values():
        worker.communicate("")
    print("| answers | ms a tile | times as fast as Keras | as ResNet-18 |\n|---|---|---|---|")
    for name, times in found.items():
        cells = [ratio(found[other], times) if other in found else "–" for other in ("keras", "resnet18")]
        print(f"| {name} | {statistics.median(times):.2f} | {' | '.join(cells)} |", flush=True)


def ratio(theirs: list[float], ours: list[float]) -> str:
    """Return the median of the ratios of each round, and their range."""
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def starting(folder: Path) -> None:
    """Print the seconds from the start of a process to its first answer; ratios are to the bundle."""
    bundle = (
        "import sys, time; began = time.monotonic(); import numpy as np, gastropath; "
        "model = gastropath.load(sys.argv[1] + '/float16'); "
        "model.predict(np.zeros((1, 224, 224, 3), np.uint8)); "
        "assert 'tensorflow' not in sys.modules; print(time.monotonic() - began)"
    )
    keras = (
        "import sys, time; began = time.monotonic(); import numpy as np, keras; "
        "model = keras.models.load_model(sys.argv[1] + '/model.keras'); "
        "model.predict(np.zeros((1, 224, 224, 3), np.uint8), verbose=0); print(time.monotonic() - began)"
    )
    found: dict[str, list[float]] = {"bundle": [], "keras": []}
    inside: dict[str, list[float]] = {"bundle": [], "keras": []}
    for _ in range(STARTS):
        for name, code in (("bundle", bundle), ("keras", keras)):
            began = time.monotonic()
            command = [sys.executable, "-c", code, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[name].append(time.monotonic() - began)
            inside[name].append(float(done.stdout))
    print("\n| first answer | s, imports included | s, with the start of Python | to the bundle |\n|---|---|---|---|")
    for name, times in found.items():
        print(
            f"| {name} | {statistics.median(inside[name]):.2f} | {statistics.median(times):.2f} | "
            f"{ratio(times, found['bundle'])} |"
        )


def serve(name: str, folder: Path) -> None:
    """Be a contender: answer whenever a line comes in, and print how many seconds it took."""
    if name == "prepare":
        prepare(folder)
        return
    tiles = np.load(folder / "tiles.npy")
    answer = (
        torch_resnet18(tiles)
        if name == "resnet18"
        else keras_model(folder)
        if name == "keras"
        else bundle(folder, name)
    )
    for _ in sys.stdin:
        began = time.monotonic()
        for first in range(0, len(tiles), BATCH):
            answer(tiles[first : first + BATCH])
        print(time.monotonic() - began, flush=True)


def bundle(folder: Path, precision: str):
    """Return what answers from a bundle."""
    from gastropath.inference.classifier import Classifier

    return Classifier.load(folder / precision).predict


def keras_model(folder: Path):
    """Return what answers from the same network in Keras."""
    import keras

    model = keras.models.load_model(folder / "model.keras")
    assert isinstance(model, keras.Model)
    return lambda tiles: model.predict(tiles, batch_size=BATCH, verbose=0)  # pyright: ignore[reportArgumentType]


def torch_resnet18(tiles: np.ndarray):
    """Return what answers from ResNet-18 in torch; the batches it answers for are made here, before the clock runs."""
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            self.shortcut = nn.Identity() if before == after else shortcut
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(self.body(x) + self.shortcut(x))

    widths = (64, 64, 64, 128, 128, 256, 256, 512, 512)
    blocks = [Block(a, b, 1 if a == b else 2) for a, b in pairwise(widths)]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 8),
    )
    model = model.eval().to(memory_format=torch.channels_last)
    torch.set_num_threads(os.cpu_count() or 1)
    ready = {
        first: torch.from_numpy(tiles[first : first + BATCH].astype(np.float32) / 255)
        .permute(0, 3, 1, 2)
        .contiguous(memory_format=torch.channels_last)
        for first in range(0, len(tiles), BATCH)
    }
    turns = iter(range(0, 1 << 40, BATCH))

    def answer(batch: np.ndarray):
        with torch.inference_mode():
            return model(ready[next(turns) % len(tiles)])

    return answer


def prepare(folder: Path) -> None:
    """Train one model on synthetic tiles, and write it as bundles of each precision and as a Keras model."""
    import gastropath
    from gastropath.data.index import find_tiles
    from gastropath.data.synthetic.tiles import write_tiles
    from gastropath.training.tile_source import sources
    from gastropath.workflows.export import export

    tiles, run, cache = write_tiles(folder / "tiles", tiles_per_class=24, seed=0), folder / "run", folder / "cache"
    table = gastropath.split(tiles, folder / "split.csv", by="random").table
    gastropath.train(tiles, run, split=table, settings={"views": 1, "strength": 10}, cache=cache)
    for precision in ("float32", "float16", "int8"):
        export(run, folder / precision, precision=precision, data=tiles, cache=cache)
    (run / "bestmodel.keras").rename(folder / "model.keras")
    some = sources(find_tiles([tiles]), 0.5)[: BATCH * BATCHES]
    np.save(folder / "tiles.npy", np.stack([tile.load(224) for tile in some]))


if __name__ == "__main__":
    main()
