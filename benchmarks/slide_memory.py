"""How much memory a slide takes as slides grow, beside what one that is held whole would take.

    python benchmarks/slide_memory.py [--model BUNDLE] [--sides 10000,30000,100000]

Draws slides of SIDE x SIDE pixels (tiled JPEG, levels 1, 4 and 16), maps each at half of the model's micrometres per
pixel by the command line, tissue mask and all output files included, and prints the most memory that its process held.
The largest slide is 2.3 GB of JPEG and takes some minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from slide_commands import map_by_ours
from slide_drawing import draw_slide

from gastropath.bundle.files import starter

MPP = 0.25


def main() -> None:
    """Print a row a slide."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter())
    parser.add_argument("--sides", default="10000,30000,100000")
    arguments = parser.parse_args()
    print("| side, px | pixels, MB | tiles classified | s | tiles/s | most memory, MB | of the pixels |")
    print("|---|---|---|---|---|---|---|")
    for side in map(int, arguments.sides.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            slide = folder / "slide.tiff"
            draw_slide(slide, side, MPP, folder / "tissue", smaller=(4, 16))
            mapped = map_by_ours(slide, MPP, arguments.model, folder / "map")
            whole = 3 * side * side / 1e6
            seconds, megabytes = mapped.timed.seconds, mapped.timed.megabytes
            print(
                f"| {side:,} | {whole:,.0f} | {mapped.tiles:,} | {seconds:.0f} | {mapped.tiles / seconds:.0f} | "
                f"{megabytes:.0f} | {megabytes / whole:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
