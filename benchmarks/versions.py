"""Is anything slower than it was? Two checkouts, in turn, on the same tiles, slide and bundles.

    python benchmarks/versions.py OLD [--new NEW] [--rounds 5] [--only answers slides evaluation]

OLD and NEW (by default this checkout) are checkouts with an environment each (`make install`). The older one makes the
bundles, so that both can read them. Measured is the time of all cores together, which depends little on what else the
machine does: answers to batches of 32 tiles in processes that wait, whole `slide` commands with an int8 bundle at the
resolution of the slide and at half of its µm/px, and whole `evaluate` commands. Above 1, NEW is faster.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from slide_drawing import draw_slide

MPP, SIDE, BATCH = 0.5, 8000, 32
ANSWERING = """
import sys, time
import numpy as np
from pathlib import Path
from gastropath.inference.classifier import Classifier
tiles, model = np.load(sys.argv[1]), Classifier.load(Path(sys.argv[2]))
for _ in sys.stdin:
    began = time.process_time()
    for first in range(0, len(tiles), 32):
        model.predict(tiles[first : first + 32])
    print((time.process_time() - began) / len(tiles), flush=True)
"""


def main() -> None:
    """Measure, and print a row for each work."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("--new", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--rounds", type=int, default=5)
    works = {"answers": answers, "slides": slides, "evaluation": evaluation}
    parser.add_argument("--only", nargs="+", choices=works, default=list(works))
    arguments = parser.parse_args()
    checkouts = {"old": arguments.old.resolve(), "new": arguments.new.resolve()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare = [
            python(checkouts["old"]),
            checkouts["old"] / "benchmarks" / "serving.py",
            "--worker",
            "prepare",
            folder,
        ]
        subprocess.run(list(map(str, prepare)), check=True, capture_output=True)
        print("| work | old, core-s | new, core-s | times as fast | rounds | load |\n|---|---|---|---|---|---|")
        for name in arguments.only:
            works[name](checkouts, folder, arguments.rounds)


def answers(checkouts: dict[str, Path], folder: Path, rounds: int) -> None:
    """Let both answer in turn; a tile."""
    for precision in ("float16", "int8"):
        workers = {
            name: subprocess.Popen(
                [python(checkout), "-c", ANSWERING, str(folder / "tiles.npy"), str(folder / precision)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name, checkout in checkouts.items()
        }

        def answered(name: str, workers: dict[str, subprocess.Popen[str]] = workers) -> float:
            worker = workers[name]
            assert worker.stdin is not None
            assert worker.stdout is not None
            print("go", file=worker.stdin, flush=True)
            return float(worker.stdout.readline())

        compare(f"answer, {precision}, a tile", answered, rounds, warm=True)
        for worker in workers.values():
            worker.communicate("")


def slides(checkouts: dict[str, Path], folder: Path, rounds: int) -> None:
    """Map a drawn slide by whole commands."""
    slide = folder / "slide.tiff"
    draw_slide(slide, SIDE, MPP, folder / "tissue")
    for mpp in (MPP, MPP / 2):
        words = ("slide", slide, "--model", folder / "int8", "--mpp", mpp)
        compare(f"slide, int8, {mpp:g} µm/px", command(checkouts, folder, words), rounds, warm=True)


def evaluation(checkouts: dict[str, Path], folder: Path, rounds: int) -> None:
    """Evaluate a run on its own tiles by whole commands."""
    split = folder / "run" / "split.csv"  # an older run does not know its tiles by their pixels, and would judge all
    words = ("evaluate", "--model", folder / "run", "--data", folder / "tiles", "--split", split)
    compare("evaluate", command(checkouts, folder, words), rounds)


def command(checkouts: dict[str, Path], folder: Path, words: tuple[object, ...]) -> Callable[[str], float]:
    """Return what runs a command of a checkout, and returns its core-seconds."""

    def run(name: str) -> float:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        program = [str(checkouts[name] / ".venv/bin/gastropath"), *map(str, words), "--out", str(out)]
        process = subprocess.Popen(program, cwd=checkouts[name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        told = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(told.decode()[-2000:])
        return used.ru_utime + used.ru_stime

    return run


def compare(work: str, measure: Callable[[str], float], rounds: int, *, warm: bool = False) -> None:
    """Measure old and new in turn, the first of them by turns, and print a row; the first round may only warm up."""
    found: dict[str, list[float]] = {"old": [], "new": []}
    for round_ in range(-int(warm), rounds):
        for name in ("old", "new") if round_ % 2 else ("new", "old"):
            seconds = measure(name)
            if round_ >= 0:
                found[name].append(seconds)
    ratios = np.array(found["old"]) / np.array(found["new"])
    resampled = np.median(np.random.default_rng(0).choice(ratios, (2000, len(ratios))), axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    old, new = (statistics.median(found[name]) for name in ("old", "new"))
    speed = f"{np.median(ratios):.2f} ({low:.2f}–{high:.2f})"
    print(f"| {work} | {old:.4g} | {new:.4g} | {speed} | {rounds} | {os.getloadavg()[0]:.1f} |", flush=True)


def python(checkout: Path) -> str:
    """Return the interpreter of a checkout."""
    return str(checkout / ".venv" / "bin" / "python")


if __name__ == "__main__":
    main()
