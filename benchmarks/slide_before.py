"""What reading slides costs, beside the same with the code of an earlier commit, in the same run.

    python benchmarks/slide_before.py [--before 3a3dd13] [--side 8000] [--models BUNDLE ...] [--rounds 3]

Draws one slide of SIDE x SIDE pixels in JPEG, JPEG 2000 (as Aperio stores it) and deflate, and takes it for one at 0.5
and at 0.25 µm/px. The earlier commit is taken from git into a folder of its own and run by the same interpreter with
the same packages. Both are measured in turn, as user time of one process, which depends little on what else the machine
does; the least of ROUNDS is printed. Then whole commands with each bundle, in core-seconds; both are given the bundle's
graph with the card of the earlier commit's starter model, which both can read, without its domain.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from slide_commands import timed
from slide_drawing import draw_codings

from gastropath.bundle.files import starter

_READING = """
import resource, sys
from pathlib import Path
from gastropath.slides.blocks import grid_blocks
from gastropath.slides.grid import TileGrid
from gastropath.slides.source.slide import open_slide
from gastropath.slides.tiles import read_tiles

slide = open_slide(Path(sys.argv[1]), float(sys.argv[2]), check_brightfield=False)
grid = TileGrid.over(slide, 224, 0.5)
blocks = list(grid_blocks(grid))
blocks = blocks[:: max(1, len(blocks) // 12)]
read_tiles(slide, grid, blocks[0])
began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
tiles = sum(len(read_tiles(slide, grid, block).pixels) for block in blocks)
print(1000 * (resource.getrusage(resource.RUSAGE_SELF).ru_utime - began) / tiles)
"""


def main() -> None:
    """Print a table of reading, and one of whole commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", default="3a3dd13", metavar="COMMIT")
    parser.add_argument("--side", type=int, default=8000)
    parser.add_argument("--models", type=Path, nargs="+", default=[starter()], metavar="BUNDLE")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        before = {"PYTHONPATH": str(_source(arguments.before, folder / "before"))}
        slides = draw_codings(folder, arguments.side, 0.5)
        print(f"load {os.getloadavg()[0]:.1f} at the start, {arguments.side} x {arguments.side} px")
        print("| stored as | µm/px | read now, core-ms a tile | before | ratio |\n|---|---|---|---|---|")
        for name, mpp in [("JPEG", 0.5), ("JPEG", 0.25), ("JPEG 2000", 0.25), ("deflate", 0.25)]:
            command = [sys.executable, "-c", _READING, str(slides[name]), str(mpp)]
            now, then = least(command, before, arguments.rounds, lambda took: float(took.lines[-1][1]))
            print(f"| {name} | {mpp:g} | {now:.2f} | {then:.2f} | {then / now:.1f} |", flush=True)
        print("| model | µm/px | command now, core-s | before | ratio |\n|---|---|---|---|---|")
        for model in arguments.models:
            known_to_both = _with_card_of(
                folder / "before" / "src" / "gastropath" / "starter", model, folder / model.name
            )
            for mpp in (0.5, 0.25):
                what = [
                    str(slides["JPEG"]),
                    "--mpp",
                    str(mpp),
                    "--no-mask",
                    "--overwrite",
                    "--out",
                    str(folder / "map"),
                ]
                command = [sys.executable, "-m", "gastropath", "slide", *what, "--model", str(known_to_both)]
                now, then = least(command, before, arguments.rounds, lambda took: took.core_seconds)
                print(f"| {model.name} | {mpp:g} | {now:.1f} | {then:.1f} | {then / now:.2f} |", flush=True)
        print(f"load {os.getloadavg()[0]:.1f} at the end")


def least(command: list[str], before: dict[str, str], rounds: int, value) -> tuple[float, float]:
    """Run a command with the code of today and of before in turn, and return the least value of each."""
    both = [(value(timed(command)), value(timed(command, before))) for _ in range(rounds)]
    return min(now for now, _ in both), min(then for _, then in both)


def _with_card_of(old: Path, model: Path, folder: Path) -> Path:
    """Write a bundle of the graph of one model and the card of an older one."""
    folder.mkdir()
    graph = (model / "model.tflite").read_bytes()
    card = json.loads((old / "card.json").read_text("utf-8"))
    precision = json.loads((model / "card.json").read_text("utf-8"))["precision"]
    card |= {"domain": None, "precision": precision, "files": {"model.tflite": hashlib.sha256(graph).hexdigest()}}
    (folder / "model.tflite").write_bytes(graph)
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


def _source(commit: str, folder: Path) -> Path:
    """Take the package as it was at a commit."""
    root = Path(__file__).parents[1]
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=root, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


if __name__ == "__main__":
    main()
