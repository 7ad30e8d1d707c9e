"""How near a whole slide comes to what the cores can do, and how fast others are on the same slide.

    python benchmarks/slides.py [--models BUNDLE ...] [--side 20000] [--wsinfer PYTHON]

Draws a slide of SIDE x SIDE pixels (tiled JPEG, one level, 0.5 µm/px), stores the same pixels in JPEG 2000 and deflate,
and takes them for slides at the model's resolution and at half of its micrometres per pixel. Measures on one core what
reading a tile costs (where it is decoded smaller also the second reading of those close to a tie, and how many they
are), and answering it. The bound is the sum of these: what would be spent if nothing were lost. Then every tile of the
slide is read and classified by all cores. "Spent" is what that took, in time of all cores together, and "share" how
much of it the bound is; both depend less on what else the machine does than tiles a second. Without `--models` a
float16 and an int8 bundle of EfficientNet-Lite0 are made of synthetic tiles first.

The second table says where the rest of a whole command goes, mask and output files included, in core-ms a tile: opening
the slide and finding tissue, tables, pictures, and all else (mostly the start of Python and of the model, which is the
same for a slide of any size).

The third table is of whole commands on that slide as JPEG, from the start of the process to the last output file, per
tile classified: `gastropath slide` with its tissue mask; `wsinfer run --speedup` of WSInfer 0.6.1 with its tissue mask,
and ResNet-18 as its model; and ResNet-18 in torch without a mask (`resnet18.py`), which reads at 0.5 µm/px only. All
take tiles of 112 µm, 224 x 224 px for the network, and may use every core. "Stage" is the part of a command that reads
and classifies tiles (WSInfer also loads and compiles its model in it).

PYTHON is the interpreter of an environment with WSInfer, which `benchmarks/wsinfer_environment.sh` makes. Without it
WSInfer and ResNet-18 are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slide_commands import TILE_PX, Mapped, map_by_ours, map_by_resnet18, map_by_wsinfer
from slide_costs import cost_of, spent
from slide_drawing import draw_codings, draw_slide

from gastropath.inference.classifier import Classifier
from gastropath.parallel import cores
from gastropath.slides.block_reader import local_reader
from gastropath.slides.block_store import map_blocks
from gastropath.slides.task import SlideSettings, SlideTask
from gastropath.slides.writers.outputs import SlideOutputs

MPP = 0.5
ROWS = (("JPEG", MPP), ("JPEG", MPP / 2), ("JPEG 2000", MPP / 2), ("deflate", MPP / 2))


def main() -> None:
    """Measure all codings, both resolutions and the others, and print three tables."""
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
        slides = draw_codings(folder, arguments.side, MPP)
        print(f"{arguments.side} x {arguments.side} px\n")
        stages = compare_with_bound(slides, bundles, folder)
        print()
        for mpp in (MPP, MPP / 2):
            alone = folder / f"alone-{mpp:g}" / "slide.tiff"
            alone.parent.mkdir()
            draw_slide(alone, arguments.side, mpp, folder / "tissue")
            compare_with_others(alone, mpp, bundles, stages, arguments.wsinfer, alone.parent / "scratch")
        if not arguments.wsinfer:
            print("WSInfer and ResNet-18 are left out; to measure them: wsinfer_environment.sh, and --wsinfer PYTHON")
        print(f"load {os.getloadavg()[0]:.1f} at the end")


def compare_with_bound(slides: dict[str, Path], bundles: list[Path], folder: Path) -> dict[tuple[str, float], float]:
    """Print the first two tables; return tiles a second of each bundle and resolution as JPEG."""
    print("| bundle | stored as | µm/px | tiles | read | read twice | again | answer | bound, core-ms | spent", end=" ")
    print("| share | tiles/s |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    rests, stages = [], {}
    for bundle in bundles:
        for coding, mpp in ROWS:
            rate, rest = measure(slides[coding], coding, mpp, bundle, folder / "command")
            rests.append(rest)
            if coding == "JPEG":
                stages[str(bundle), mpp] = rate
    print(
        "\n| bundle | stored as | µm/px | command | read and answered | opening, mask | tables | pictures | else",
        end=" ",
    )
    print("| s | MB |\n|---|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(rests))
    return stages


def measure(path: Path, coding: str, mpp: float, bundle: Path, folder: Path) -> tuple[float, str]:
    """Map every tile of a slide, print a row, and return tiles a second and a row of the second table."""
    classifier, alone = Classifier.load(bundle), Classifier.load(bundle, threads=1)
    task = SlideTask(path, SlideSettings(mpp=mpp, mask=False), classifier.card)
    opening, tiled = spent(task.open)
    cost, grid = cost_of(tiled, alone), tiled.grid
    began = time.perf_counter()
    reader = local_reader(tiled.slide, classifier, grid)
    seconds, classified = spent(lambda: list(map_blocks(tiled, reader, classes=classifier.classes)))
    rate, stage = len(grid) / (time.perf_counter() - began), 1000 * seconds / len(grid)
    row = f"| {classifier.card.precision} | {coding} | {mpp:g} |"
    print(
        f"{row} {len(grid):,} | {cost.read:.2f} | {cost.twice:.0%} | {cost.again:.2f} | {cost.answer:.2f} | "
        f"{cost.whole:.2f} | {stage:.2f} | {cost.whole / stage:.0%} | {rate:.0f} |",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as written, SlideOutputs(tiled, classifier.card, Path(written)) as outputs:
        tables = spent(lambda: [outputs.add(block) for block in classified])[0]
        pictures = spent(outputs.finish)[0]
    shutil.rmtree(folder, ignore_errors=True)
    command = map_by_ours(path, mpp, bundle, folder, everything=True).timed
    each = [1000 * part / len(grid) for part in (command.core_seconds, opening, tables, pictures)]
    rest = each[0] - stage - sum(each[1:])
    shown = " | ".join(f"{part:.2f}" for part in (each[0], stage, *each[1:], rest))
    return rate, f"{row} {shown} | {command.seconds:.0f} | {command.megabytes:.0f} |"


def compare_with_others(
    slide: Path,
    mpp: float,
    bundles: list[Path],
    stages: dict[tuple[str, float], float],
    python: Path | None,
    folder: Path,
) -> None:
    """Print the third table for a slide of one resolution."""
    folder.mkdir()
    others = [map_by_wsinfer(python, slide, folder)] if python else []
    if python and mpp == MPP:
        others.append(map_by_resnet18(python, slide, folder))
    ours = [map_by_ours(slide, mpp, bundle, folder / f"map-{number}") for number, bundle in enumerate(bundles)]
    print(f"at {mpp:g} µm/px\n\n| who | backbone | tiles classified | s | tiles/s | stage, tiles/s", end=" ")
    print("| core-ms a tile | to the fastest other |\n|---|---|---|---|---|---|---|---|")
    best = max((other.tiles / other.timed.seconds for other in others), default=None)
    for other in others:
        show(other, other.tiles / other.stage_seconds, best)
    for mapped, bundle in zip(ours, bundles, strict=True):
        show(mapped, stages[str(bundle), mpp], best)
    print(flush=True)


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
