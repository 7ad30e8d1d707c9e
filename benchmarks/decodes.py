"""How often each command decodes a tile, and where.

    python benchmarks/decodes.py DATA [--checkout OTHER] [--views 1]

Gives `audit`, `split`, `train` and `evaluate` in turn to the same tiles, with a cache that is empty at first, then
`train` once more with another strength. Every file that is decoded is noted with the module that asked for it; printed
are the decodings a tile of each command and of each module, the core-seconds and the peak memory. `--checkout` measures
another checkout with an environment of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

COUNTER = """
import os, sys
from gastropath import decoding

log = os.environ["DECODINGS"]
within, skipped = decoding._open, ("gastropath.decoding", "gastropath.images", "gastropath.parallel")

def counted(source, max_pixels):
    if isinstance(source, (str, os.PathLike)):
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__", "") in skipped:
            frame = frame.f_back
        line = f"{frame.f_globals['__name__']}\\t{os.path.abspath(os.fspath(source))}\\n".encode()
        out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(out, line)
        os.close(out)
    return within(source, max_pixels)

decoding._open = counted
"""


def main() -> None:
    """Run the commands in turn, and print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--checkout", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--views", default="0", help="of a training tile; 0 leaves them to the recipe")
    arguments = parser.parse_args()
    data, views = str(arguments.data.resolve()), f"views={arguments.views}"
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "sitecustomize.py").write_text(COUNTER)
        run, again = str(work / "run"), str(work / "again")
        commands = {
            "audit": ("audit", data, "--out", str(work / "audit")),
            "split": ("split", data, "--out", str(work / "split.csv")),
            "train": ("train", data, "--out", run, "--set", views),
            "train, another strength": ("train", data, "--out", again, "--set", views, "--set", "strength=3"),
            "evaluate": ("evaluate", "--model", run, "--data", data, "--out", str(work / "evaluation")),
        }
        print("| command | decodings a tile | by module | core-s | MB |\n|---|---|---|---|---|")
        for name, words in commands.items():
            log, (seconds, megabytes) = work / "log", measured(arguments.checkout.resolve(), words, work)
            rows = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
            tiles = len(list(arguments.data.rglob("*.*")))
            by_module = Counter(module.removeprefix("gastropath.") for module, _ in rows)
            shares = ", ".join(f"{module} {n / tiles:.2f}" for module, n in by_module.most_common())
            print(f"| {name} | {len(rows) / tiles:.2f} | {shares} | {seconds:.1f} | {megabytes:.0f} |", flush=True)
            log.unlink(missing_ok=True)


def measured(checkout: Path, words: tuple[str, ...], work: Path) -> tuple[float, float]:
    """Run a command of a checkout; return core-seconds and peak memory in MB."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(work),
        "DECODINGS": str(work / "log"),
        "GASTROPATH_CACHE": str(work / "cache"),
    }
    process = subprocess.Popen(
        [str(checkout / ".venv/bin/gastropath"), *words],
        cwd=checkout,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, status, used = os.wait4(process.pid, 0)
    assert status in (0, 3), f"{words[0]} ended with status {status}: {process.stderr and process.stderr.read()!r}"
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
