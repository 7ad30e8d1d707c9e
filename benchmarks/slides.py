"""How near a whole slide comes to what two cores can do.

    python benchmarks/slides.py [--model BUNDLE] [--side 20000]

Draws a slide of SIDE x SIDE pixels (tiled JPEG, one level), and takes it for one at the model's resolution, then for
one at half of its micrometres per pixel. Measures what reading a tile, and answering one, costs a single core; the
bound is what all cores would do if nothing were lost. Then maps the slide, every tile of it, and prints tiles a
second, their share of the bound, and what the whole command takes, overview and output files included. Without
`--model` the starter model answers.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from gastropath.cluster import cores
from gastropath.data.synthetic.tiles import write_tiles
from gastropath.inference.classifier import Classifier
from gastropath.slides.grid import TileGrid
from gastropath.slides.job import SlideJob, SlideSettings
from gastropath.slides.reading import read_tiles
from gastropath.slides.slide import open_slide

CHUNK, QUALITY, MEASURED_BLOCKS = 256, 80, 12


def main() -> None:
    """Measure both resolutions and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--side", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = draw(folder, arguments.side)
        print(
            f"{cores()} cores, load {os.getloadavg()[0]:.1f} at the start; {path.stat().st_size / 1e6:.0f} MB of JPEG"
        )
        print(
            "| µm/px | tiles | read, core-ms | answer, core-ms | bound, tiles/s | reached | share | command, s | MB |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for mpp in (0.5, 0.25):
            measure(path, mpp, arguments.model, folder)


def measure(path: Path, mpp: float, model: Path | None, folder: Path) -> None:
    """Map the slide at one resolution and print a row."""
    classifier, alone = Classifier.load(model), Classifier.load(model, threads=1)
    slide = open_slide(path, mpp)
    grid = TileGrid.over(slide, classifier.tile_px, classifier.card.input.mpp)
    blocks = list(grid.blocks())[:: max(1, len(list(grid.blocks())) // MEASURED_BLOCKS)]
    began = time.process_time()
    tiles = [read_tiles(slide, grid, block).pixels for block in blocks]
    n = sum(map(len, tiles))
    reading = 1000 * (time.process_time() - began) / n
    some = np.concatenate(tiles)[:256]
    alone.answer(some[:4])
    began = time.process_time()
    alone.answer(some)
    answering = 1000 * (time.process_time() - began) / len(some)
    bound = 1000 * cores() / (reading + answering)
    job = SlideJob(path, folder / f"map-{mpp}", classifier, SlideSettings(mpp=mpp, everything=True))
    began = time.perf_counter()
    job.run()
    reached = len(grid) / (time.perf_counter() - began)
    seconds, memory = whole_command(path, mpp, model, folder)
    print(
        f"| {mpp:g} | {len(grid):,} | {reading:.2f} | {answering:.2f} | {bound:.0f} | {reached:.0f} | "
        f"{reached / bound:.0%} | {seconds:.0f} | {memory:.0f} |",
        flush=True,
    )


def whole_command(path: Path, mpp: float, model: Path | None, folder: Path) -> tuple[float, float]:
    """Map the slide by the command line, outputs included; return seconds, and the most megabytes of a child so far."""
    command = [sys.executable, "-m", "gastropath", "slide", str(path), "--mpp", str(mpp), "--no-mask"]
    command += ["--out", str(folder / f"command-{mpp}"), *(["--model", str(model)] if model else [])]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def draw(folder: Path, side: int) -> Path:
    """Write a slide of synthetic tissue as tiled JPEG."""
    write_tiles(folder / "tiles", tiles_per_class=6, seed=0)
    pictures = [np.asarray(Image.open(file).resize((CHUNK, CHUNK))) for file in sorted(folder.glob("tiles/*/*.png"))]
    encoded = [_jpeg(picture) for picture in pictures]
    rng, across = np.random.default_rng(0), -(-side // CHUNK)

    def chunks() -> Iterator[bytes]:
        for _ in range(across * across):
            yield encoded[rng.integers(len(encoded))]

    path = folder / "slide.tiff"
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        tiff.write(
            chunks(), shape=(side, side, 3), dtype=np.uint8, tile=(CHUNK, CHUNK), photometric="ycbcr",
            subsampling=(2, 2), compression="jpeg", metadata=None,
        )  # fmt: skip
    return path


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
