"""How many slides an hour a cluster maps, and from where on its storage is the limit: the table of docs/cluster.md.

    python benchmarks/sizing.py [--model BUNDLE] [--side 12000]

Measures on this computer, on a drawn slide at half of the model's micrometres per pixel (as a scan at 40x): what a tile
costs a core to read and to answer (those close to a tie twice), the bytes of the file it needs, and what the calling
process does alone for a slide (opening, mask, pictures; tables), per slide and per tile. The table is computed from
these for a slide of TILES tiles: workers of CORES cores each share the tiles; the rest of a slide is done by the one
process that calls. Cores as fast as these are assumed, and storage that reads at the rates named, by the network
between it and all workers together.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from slide_costs import cost_of, spent
from slide_drawing import draw_slide

from gastropath.bundle.files import starter
from gastropath.inference.classifier import Classifier
from gastropath.slides.block_reader import local_reader
from gastropath.slides.block_store import map_blocks
from gastropath.slides.task import SlideSettings, SlideTask
from gastropath.slides.writers.outputs import SlideOutputs

MPP, CORES, TILES = 0.25, 2, 12_000
WORKERS = (1, 2, 4, 8, 16, 32, 64)
STORAGE = {"1 Gbit/s": 110e6, "10 Gbit/s": 1100e6}


def main() -> None:
    """Measure, then print what was measured and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter())
    parser.add_argument("--side", type=int, default=12_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "slide.tiff"
        draw_slide(path, arguments.side, MPP, folder / "tissue", smaller=(4, 16))
        core_seconds, size, fixed, alone = measure(path, arguments.model, folder)
    print(
        f"load {os.getloadavg()[0]:.1f}; a tile: {1000 * core_seconds:.1f} core-ms, {size / 1e3:.0f} kB of the file; "
        f"the calling process alone: {fixed:.1f} s a slide, {1000 * alone:.2f} ms a tile\n"
    )
    print(f"| workers of {CORES} cores | tiles/s | slides/h | read, MB/s |", " | ".join(STORAGE), "|")
    print("|---|---|---|---|" + "---|" * len(STORAGE))
    for workers in WORKERS:
        rate = workers * CORES / core_seconds
        print(f"| {workers} | {rate:,.0f} | {hourly(rate, fixed, alone):,.0f} | {rate * size / 1e6:,.0f} |", end="")
        for bandwidth in STORAGE.values():
            limited = min(rate, bandwidth / size)
            print(f" {hourly(limited, fixed, alone):,.0f}{' (storage)' if limited < rate else ''} |", end="")
        print()


def measure(path: Path, model: Path, folder: Path) -> tuple[float, float, float, float]:
    """Return core-seconds and bytes of a tile, and what the calling process does alone: seconds a slide, and a tile."""
    classifier = Classifier.load(model, threads=1)
    task = SlideTask(path, SlideSettings(mpp=MPP, mask=False), classifier.card)
    opening, tiled = spent(task.open)
    cost, n = cost_of(tiled, classifier), len(tiled.grid)
    classified = list(map_blocks(tiled, local_reader(tiled.slide, classifier, tiled.grid), classes=classifier.classes))
    folder.mkdir(exist_ok=True)
    with SlideOutputs(tiled, classifier.card, folder) as outputs:
        writing, _ = spent(lambda: [outputs.add(block) for block in classified])
        fixed = opening + spent(outputs.finish)[0]
    return cost.whole / 1000, path.stat().st_size / n, fixed, writing / n


def hourly(rate: float, fixed: float, alone: float) -> float:
    """Return slides an hour where ``rate`` tiles a second are answered, and the caller adds its own part."""
    return 3600 / (TILES / rate + fixed + TILES * alone)


if __name__ == "__main__":
    main()
