"""How much memory a slide takes as slides grow, beside what one that is held whole would take.

    python benchmarks/slide_memory.py [--model BUNDLE] [--sides 10000,30000,100000] [--few-answers] [--picture]

Draws slides of SIDE x SIDE pixels (tiled JPEG, levels 1, 4 and 16), maps each at half of the model's micrometres per
pixel by the command line, tissue mask and all output files included, and prints the most memory that its process
held. The largest slide is 2.3 GB of JPEG and takes some minutes; with `--few-answers` only its first 400 tiles are
answered by the network, and the others, which are read all the same, are given one of these answers. With `--picture`
the last row is a plain JPEG of 200 megapixels, the largest that is taken, which has to be decoded whole; drawing it
takes as much memory again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from multiprocessing import Process
from pathlib import Path

from slide_commands import map_by_ours, timed
from slide_drawing import draw_picture, draw_slide

from gastropath.bundle.files import starter
from gastropath.slides.source.picture import MAX_PICTURE_PIXELS

MPP = 0.25

_FEW_ANSWERS = """
import sys
import numpy as np
from gastropath.__main__ import main
from gastropath.inference.classifier import Classifier

predict, seen, kept = Classifier.predict, 0, None

def first_few(self, tiles, **options):
    global seen, kept
    if kept is None or seen < 400:
        found = predict(self, tiles, **options)
        seen += len(found)
        sure = np.flatnonzero(found.probabilities.max(axis=1) > 0.7)  # not close to a tie: none is read twice
        kept = found[sure[:1]] if len(sure) else kept
        return found
    return kept[np.zeros(len(tiles), int)]

Classifier.predict = first_few
sys.argv[1:1] = ["slide"]
main()
"""
"""The command, with the network's answers for the first tiles only."""


def main() -> None:
    """Print a row a slide."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter())
    parser.add_argument("--sides", default="10000,30000,100000")
    parser.add_argument("--picture", action="store_true", help="also a plain JPEG of 200 megapixels")
    parser.add_argument("--few-answers", action="store_true", help="only 400 tiles are answered by the network")
    arguments = parser.parse_args()
    print("| | side, px | pixels, MB | tiles classified | s | tiles/s | most memory, MB | of the pixels |")
    print("|---|---|---|---|---|---|---|---|")
    for side in map(int, arguments.sides.split(",")):
        draw = partial(draw_slide, side_px=side, mpp=MPP, smaller=(4, 16))
        measure("slide", side, "slide.tiff", draw, arguments.model, few=arguments.few_answers)
    if arguments.picture:
        side = math.isqrt(MAX_PICTURE_PIXELS)
        measure("picture", side, "picture.jpg", partial(draw_picture, side_px=side), arguments.model)


def measure(what: str, side: int, name: str, draw: Callable[..., None], model: Path, *, few: bool = False) -> None:
    """Draw, map, and print a row."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        drawing = Process(target=draw, kwargs={"path": folder / name, "scratch": folder / "tissue"})
        drawing.start()  # in a process of its own: what it holds is not counted
        drawing.join()
        if few:
            options = ["--mpp", str(MPP), "--model", str(model), "--out", str(folder / "map")]
            took = timed([sys.executable, "-c", _FEW_ANSWERS, str(folder / name), *options])
            summary = json.loads((folder / "map" / Path(name).stem / "summary.json").read_text("utf-8"))
            tiles = summary["tiles"]["classified"]
        else:
            mapped = map_by_ours(folder / name, MPP, model, folder / "map")
            took, tiles = mapped.timed, mapped.tiles
        whole = 3 * side * side / 1e6
        seconds, megabytes = took.seconds, took.megabytes
        print(
            f"| {what} | {side:,} | {whole:,.0f} | {tiles:,} | {seconds:.0f} | {tiles / seconds:.0f} | "
            f"{megabytes:.0f} | {megabytes / whole:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
