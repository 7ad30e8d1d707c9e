"""How near a whole slide comes to what the cores can do, and how fast others are on the same slide.

    python benchmarks/slides.py [--models BUNDLE ...] [--side 20000] [--wsinfer PYTHON]

Draws a slide of SIDE x SIDE pixels (tiled JPEG, one level, 0.5 µm/px), and takes it for one at the model's resolution,
then for one at half of its micrometres per pixel. Measures what reading a tile, and answering one, costs a single core;
the bound is what all cores would do if nothing were lost. Then maps every tile of the slide, and prints tiles a second,
their share of the bound, and what the whole command takes, overview and output files included. Without `--models` a
float16 and an int8 bundle of EfficientNet-Lite0 are made of synthetic tiles first.

The second table is of whole commands on that slide at its own resolution, from the start of the process to the last
output file, per tile classified: `gastropath slide` with its tissue mask; `wsinfer run --speedup` of WSInfer 0.6.1 with
its tissue mask, and ResNet-18 as its model; and ResNet-18 in torch without a mask (`resnet18.py`). All take tiles of
224 x 224 px as they lie at level 0, and may use every core. "Stage" is the part of a command that reads and classifies
tiles (WSInfer also loads and compiles its model in it); for ours it is what the first table says. "Core-ms a tile" is
the time of all cores together over the whole command, which hardly depends on what else the machine does.

PYTHON is the interpreter of an environment with WSInfer, which `benchmarks/wsinfer_environment.sh` makes. Without it
WSInfer and ResNet-18 are left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from slide_commands import TILE_PX, Mapped, map_by_ours, map_by_resnet18, map_by_wsinfer
from slide_drawing import draw_slide

from gastropath.inference.classifier import Classifier
from gastropath.parallel import cores
from gastropath.slides.block_reader import local_reader
from gastropath.slides.block_store import map_blocks
from gastropath.slides.blocks import grid_blocks
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import open_slide
from gastropath.slides.task import SlideSettings, TiledSlide
from gastropath.slides.tiles import read_tiles

MPP, MEASURED_BLOCKS = 0.5, 12


def main() -> None:
    """Measure both resolutions and the others, and print two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, nargs="+", default=[], metavar="BUNDLE")
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--wsinfer", type=Path, metavar="PYTHON", help="interpreter with WSInfer and torch")
    arguments = parser.parse_args()
    if arguments.wsinfer and not arguments.wsinfer.is_file():
        parser.error(f"--wsinfer: there is no {arguments.wsinfer}; wsinfer_environment.sh makes that environment")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        print(f"{cores()} cores, load {os.getloadavg()[0]:.1f} at the start")
        bundles = arguments.models or _made(folder / "bundles")
        for bundle in bundles:
            _check(bundle)
        slide = folder / "slide" / "slide.tiff"
        slide.parent.mkdir()
        draw_slide(slide, arguments.side, MPP, folder / "tissue")
        print(f"{arguments.side} x {arguments.side} px, {slide.stat().st_size / 1e6:.0f} MB of JPEG\n")
        reached = compare_with_bound(slide, bundles, folder)
        print()
        compare_with_others(slide, bundles, reached, arguments.wsinfer, folder)


def compare_with_bound(slide: Path, bundles: list[Path], folder: Path) -> list[float]:
    """Print the first table; return tiles a second of each bundle at the resolution of the slide."""
    print("| bundle | µm/px | tiles | read, core-ms | answer, core-ms | bound, tiles/s | reached | share", end=" ")
    print("| command, s | MB |\n|---|---|---|---|---|---|---|---|---|---|")
    reached = []
    for number, bundle in enumerate(bundles):
        reached.append(measure(slide, MPP, bundle, folder / f"whole-{number}"))
        measure(slide, MPP / 2, bundle, folder / f"half-{number}")
    return reached


def measure(path: Path, mpp: float, bundle: Path, folder: Path) -> float:
    """Map every tile of the slide at one resolution, print a row, and return tiles a second."""
    classifier, alone = Classifier.load(bundle), Classifier.load(bundle, threads=1)
    slide = open_slide(path, mpp)
    grid = TileGrid.over(slide, classifier.tile_px, classifier.card.input.mpp)
    blocks = list(grid_blocks(grid))
    blocks = blocks[:: max(1, len(blocks) // MEASURED_BLOCKS)]
    began = time.process_time()
    tiles = [read_tiles(slide, grid, block).pixels for block in blocks]
    n = sum(map(len, tiles))
    reading = 1000 * (time.process_time() - began) / n
    some = np.concatenate(tiles)[:256]
    alone.predict(some[:4])
    began = time.process_time()
    alone.predict(some)
    answering = 1000 * (time.process_time() - began) / len(some)
    bound = 1000 * cores() / (reading + answering)
    tiled = TiledSlide.of(slide, classifier.card, SlideSettings(mpp=mpp, mask=False))
    began = time.perf_counter()
    for _ in map_blocks(tiled, local_reader(slide, classifier, grid), classes=classifier.classes):
        pass
    reached = len(grid) / (time.perf_counter() - began)
    whole = map_by_ours(path, mpp, bundle, folder / "command", everything=True).timed
    print(
        f"| {classifier.card.precision} | {mpp:g} | {len(grid):,} | {reading:.2f} | {answering:.2f} | {bound:.0f} | "
        f"{reached:.0f} | {reached / bound:.0%} | {whole.seconds:.0f} | {whole.megabytes:.0f} |",
        flush=True,
    )
    return reached


def compare_with_others(
    slide: Path, bundles: list[Path], reached: list[float], python: Path | None, folder: Path
) -> None:
    """Print the second table."""
    others = [map_by_wsinfer(python, slide, MPP, folder), map_by_resnet18(python, slide, folder)] if python else []
    ours = [map_by_ours(slide, MPP, bundle, folder / f"map-{number}") for number, bundle in enumerate(bundles)]
    print("| who | backbone | tiles classified | s | tiles/s | stage, tiles/s | core-ms a tile", end=" ")
    print("| to the fastest other |\n|---|---|---|---|---|---|---|---|")
    best = max((other.tiles / other.timed.seconds for other in others), default=None)
    for other in others:
        show(other, other.tiles / other.stage_seconds, best)
    for mapped, stage in zip(ours, reached, strict=True):
        show(mapped, stage, best)
    if not python:
        print("WSInfer and ResNet-18 are left out; to measure them: wsinfer_environment.sh, and --wsinfer PYTHON")


def show(mapped: Mapped, stage: float, best: float | None) -> None:
    """Print a row of the second table."""
    speed = mapped.tiles / mapped.timed.seconds
    print(
        f"| {mapped.who} | {mapped.backbone} | {mapped.tiles:,} | {mapped.timed.seconds:.1f} | {speed:.1f} | "
        f"{stage:.1f} | {1000 * mapped.timed.core_seconds / mapped.tiles:.1f} | "
        f"{f'{speed / best:.2f}' if best else '–'} |"
    )


def _check(bundle: Path) -> None:
    """Refuse a bundle that would take other tiles than the others do."""
    wanted = Classifier.load(bundle).card.input
    if (wanted.tile_px, wanted.mpp) != (TILE_PX, MPP):
        raise SystemExit(
            f"{bundle}: takes tiles of {wanted.tile_px} px at {wanted.mpp:g} µm/px; expected {TILE_PX} px at {MPP:g}, "
            "as the others take"
        )


def _made(folder: Path) -> list[Path]:
    """Make bundles as `serving.py` does, in a process of their own, for that needs TensorFlow."""
    folder.mkdir()
    serving = Path(__file__).with_name("serving.py")
    subprocess.run([sys.executable, str(serving), "--worker", "prepare", str(folder)], check=True, capture_output=True)
    return [folder / "float16", folder / "int8"]


if __name__ == "__main__":
    main()
