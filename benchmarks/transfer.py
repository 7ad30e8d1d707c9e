"""What transfer learning costs on the full data set's size, and how that grows.

    python benchmarks/transfer.py [--tiles FOLDER] [--sizes 1000,4000,16000,31096]
    python benchmarks/transfer.py --against OLD --table ../shared/data/tiles.csv [--rounds 3] [--drawn 6000]

Draws synthetic tiles where no folder is named (31,096 of them take about 20 minutes and 2 GB), and trains the recipe
`transfer` with one view on parts of growing size, each in a process of its own with a fresh cache: features, strength,
head, export. Then again with other settings, which finds the features in the cache. The largest is also interrupted
after its first minute, and gone on with. Last, the whole command `gastropath train`, audit and evaluation included.

With `--against`, an older checkout with an environment of its own (`make install`) and this one take turns at the whole
command with its defaults and a fresh cache: on 160 tiles of a table, twenty of each class, and on drawn ones. Measured
are the time of all cores together, which depends little on what else the machine does, and the peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from gastropath.data.index import TileIndex, find_tiles
from gastropath.parallel import cores

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
VIEWS = ("views=1",)
INTERRUPTED_AFTER_S = 60


def main() -> None:
    """Run all sizes, or be one of the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiles", type=Path)
    parser.add_argument("--sizes", default="1000,4000,16000,31096")
    parser.add_argument("--against", type=Path, metavar="OLD")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--drawn", type=int, default=6000, help="0 for none")
    parser.add_argument("--child", nargs=2, metavar=("LISTING", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.child:
        listing, folder = map(Path, arguments.child)
        print(json.dumps(train(listing, folder)))
        return
    if arguments.against:
        against(arguments.against.resolve(), arguments.table, arguments.tiles, arguments.drawn, arguments.rounds)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        index = find_tiles([arguments.tiles or drawn(work / "tiles")])
        order = np.random.default_rng(0).permutation(len(index))
        print(f"{cores()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
        print("| tiles | s | of these, features of the training part | ms a tile | MB | s with other settings |")
        print("|---|---|---|---|---|---|")
        listing = work / "tiles.csv"
        n = 0
        for size in arguments.sizes.split(","):
            n = min(int(size), len(index))
            table(index, order[:n], listing)
            first = measured(listing, work / str(n))
            again = measured(listing, work / str(n), "strength=3")
            print(
                f"| {n:,} | {first['seconds']:.0f} | {first['features']:.0f} | {1000 * first['seconds'] / n:.1f} | "
                f"{first['megabytes']:.0f} | {again['seconds']:.0f} |",
                flush=True,
            )
        interrupted(listing, work / "interrupted", n)
        for name, settings in (("the whole command", ()), ("with other settings", ("strength=3",))):
            print(
                f"{name}, {n:,} tiles: {command(listing, work / name, work / str(n) / 'whole', settings)}", flush=True
            )


def against(old: Path, real: Path | None, tiles: Path | None, drawn_tiles: int, rounds: int) -> None:
    """Let an older checkout and this one train in turn, and print a row for each set of tiles."""
    from gastropath.data.synthetic.tiles import write_tiles

    ways = {
        "old": (old, ()),
        "new": (Path(__file__).parents[1], ()),
        "new, quick": (Path(__file__).parents[1], ("--checks", "quick")),
    }
    with tempfile.TemporaryDirectory() as scratch:
        work, sets = Path(scratch), {}
        if real:
            sets["160 real tiles"] = work / "real.csv"
            of_each_class(real, 20, sets["160 real tiles"])
        if tiles:
            sets[f"{len(find_tiles([tiles])):,} drawn tiles"] = tiles.resolve()
        elif drawn_tiles:
            sets[f"{drawn_tiles:,} drawn tiles"] = write_tiles(
                work / "drawn", tiles_per_class=drawn_tiles // len(CLASSES), seed=0
            )
        print("| tiles | run | core-s | MB | times fewer core-s | rounds | load |\n|---|---|---|---|---|---|---|")
        for name, data in sets.items():
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for round_ in range(rounds):
                for way in list(ways)[:: 1 if round_ % 2 else -1]:
                    checkout, options = ways[way]
                    found[way].append(whole(checkout, data, work / "out", options))
                    print(f"{name}, {way}: {found[way][-1]}", file=sys.stderr, flush=True)
            for way, figures in found.items():
                seconds, megabytes = np.median(figures, axis=0)
                fewer = np.median([a / b for (a, _), (b, _) in zip(found["old"], figures, strict=True)])
                load = os.getloadavg()[0]
                print(
                    f"| {name} | {way} | {seconds:.1f} | {megabytes:.0f} | {fewer:.2f} | {rounds} | {load:.1f} |",
                    flush=True,
                )


def whole(checkout: Path, data: Path, out: Path, options: tuple[str, ...]) -> tuple[float, float]:
    """Run the whole command of a checkout; return core-seconds and peak memory in MB."""
    shutil.rmtree(out, ignore_errors=True)
    words = ["train", str(data), "--out", str(out / "run"), "--cache", str(out / "cache"), *options]
    process = subprocess.Popen(
        [str(checkout / ".venv/bin/gastropath"), *words],
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{checkout}: gastropath train ended with status {status}"
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def of_each_class(real: Path, n: int, file: Path) -> None:
    """List the first tiles of each class of a table, with their groups."""
    index = find_tiles([real], CLASSES)
    rows = [row for code in CLASSES for row in np.flatnonzero(np.array(index.labels) == code)[:n]]
    lines = [f"{index.root / index.paths[row]},{index.labels[row]},{index.groups[row]}" for row in rows]
    file.write_text("\n".join(["path,label,group", *lines]) + "\n")


def train(listing: Path, folder: Path) -> dict[str, float]:
    """Train in this process: seconds in all and until the features of the training part, peak memory."""
    from gastropath.data.split.split import Split
    from gastropath.training.context import TrainingContext
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import read_recipe

    began = time.monotonic()
    index = find_tiles([listing])
    parts = np.random.default_rng(1).choice(["train", "val", "test"], len(index), p=[0.85, 0.1, 0.05])
    settings = (folder / "settings").read_text().split()
    recipe = read_recipe("transfer", settings)
    ends: dict[str, float] = {}

    def progress(what: str, done: int, of: int) -> None:
        ends[what] = time.monotonic() - began

    split = Split(index, tuple(parts.tolist()), "file", None)
    recipe.train(TrainingContext(split, folder, FeatureStore(folder), progress))
    return {
        "seconds": time.monotonic() - began,
        "features": ends["features"],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(listing: Path, folder: Path, *settings: str) -> dict[str, float]:
    """Train in a process of its own."""
    return json.loads(subprocess.run(child(listing, folder, settings), check=True, capture_output=True).stdout)


def child(listing: Path, folder: Path, settings: tuple[str, ...]) -> list[str]:
    """Return the command of a process that trains."""
    folder.mkdir(exist_ok=True)
    (folder / "settings").write_text(" ".join((*VIEWS, *settings)))
    return [sys.executable, __file__, "--child", str(listing), str(folder)]


def interrupted(listing: Path, folder: Path, n: int) -> None:
    """Kill a training in its first minute, go on, and print what was lost."""
    process = subprocess.Popen(child(listing, folder, ()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(INTERRUPTED_AFTER_S)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = sum(len(np.load(file, mmap_mode="r")) for file in (folder / "features").rglob("*.npy"))
    rest = measured(listing, folder)
    after = f"killed after {INTERRUPTED_AFTER_S} s of {n:,} tiles"
    print(f"\n{after}: {kept:,} features kept, {rest['seconds']:.0f} s for the rest", flush=True)


def command(listing: Path, run: Path, cache: Path, settings: tuple[str, ...]) -> str:
    """Run the whole command and return its time and peak memory."""
    words = [word for setting in (*VIEWS, *settings) for word in ("--set", setting)]
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "gastropath", "train", str(listing), "--out", str(run), "--cache", str(cache), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"gastropath train ended with status {status}"
    return f"{time.monotonic() - began:.0f} s, {usage.ru_maxrss / 1024:.0f} MB"


def table(index: TileIndex, rows: np.ndarray, file: Path) -> None:
    """List some tiles in a CSV."""
    lines = [f"{index.root / index.paths[row]},{index.labels[row]}" for row in rows]
    file.write_text("\n".join(["path,label", *lines]) + "\n")


def drawn(folder: Path) -> Path:
    """Draw as many synthetic tiles as the full data set has."""
    from gastropath.data.synthetic.tiles import write_tiles

    return write_tiles(folder, tiles_per_class=3887, seed=0)


if __name__ == "__main__":
    main()
