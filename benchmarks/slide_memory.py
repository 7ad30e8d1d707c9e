"""How much memory a slide takes as slides grow, beside what one that is held whole would take.

    python benchmarks/slide_memory.py [--model BUNDLE] [--sides 10000,30000,100000] [--picture]

Draws slides of SIDE x SIDE pixels (tiled JPEG, levels 1, 4 and 16), maps each at half of the model's micrometres per
pixel by the command line, tissue mask and all output files included, and prints the most memory that its process held.
The largest slide is 2.3 GB of JPEG and takes some minutes. With `--picture` the last row is a plain JPEG of 200
megapixels, the largest that is taken, which has to be decoded whole; drawing it takes as much memory again.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from functools import partial
from multiprocessing import Process
from pathlib import Path

from slide_commands import map_by_ours
from slide_drawing import draw_picture, draw_slide

from gastropath.bundle.files import starter
from gastropath.slides.source.picture import MAX_PICTURE_PIXELS

MPP = 0.25


def main() -> None:
    """Print a row a slide."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter())
    parser.add_argument("--sides", default="10000,30000,100000")
    parser.add_argument("--picture", action="store_true", help="also a plain JPEG of 200 megapixels")
    arguments = parser.parse_args()
    print("| | side, px | pixels, MB | tiles classified | s | tiles/s | most memory, MB | of the pixels |")
    print("|---|---|---|---|---|---|---|---|")
    for side in map(int, arguments.sides.split(",")):
        draw = partial(draw_slide, side_px=side, mpp=MPP, smaller=(4, 16))
        measure("slide", side, "slide.tiff", draw, arguments.model)
    if arguments.picture:
        side = math.isqrt(MAX_PICTURE_PIXELS)
        measure("picture", side, "picture.jpg", partial(draw_picture, side_px=side), arguments.model)


def measure(what: str, side: int, name: str, draw: Callable[..., None], model: Path) -> None:
    """Draw, map, and print a row."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        drawing = Process(target=draw, kwargs={"path": folder / name, "scratch": folder / "tissue"})
        drawing.start()  # in a process of its own: what it holds is not counted
        drawing.join()
        mapped = map_by_ours(folder / name, MPP, model, folder / "map")
        whole = 3 * side * side / 1e6
        seconds, megabytes = mapped.timed.seconds, mapped.timed.megabytes
        print(
            f"| {what} | {side:,} | {whole:,.0f} | {mapped.tiles:,} | {seconds:.0f} | {mapped.tiles / seconds:.0f} | "
            f"{megabytes:.0f} | {megabytes / whole:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
