"""Runs the commands that need no training in places that are short of something, and prints a table.

    python -m tools.environments [--commands predict,slide] [--json FILE]

Linux only. Every command is run once as usual; then without a home folder, as another user, with few descriptors, with
umask 077, in the C locale, with another hash seed, with twice the address space of the usual run, and with half of it.
Each must end with the usual status and the same files, byte for byte (of pages, texts and wheels only that they are
there). With half the address space, which may be less than the libraries need, it may instead end with status 1, one
line of error and no file; where a library of the system ends the process itself, that is shown. Ends with status 1
where one does not.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

COMMANDS = {
    "predict": ["predict", "tiles", "--out", "OUT/predictions.csv"],
    "explain": ["explain", "tiles/TUM", "--out", "OUT/explained"],
    "audit": ["audit", "tiles", "--out", "OUT/audit"],
    "split": ["split", "tiles", "--out", "OUT/split.csv"],
    "slide": ["slide", "region.tif", "--out", "OUT/maps"],
    "evaluate": ["evaluate", "--data", "tiles", "--checks", "none", "--out", "OUT/evaluation"],
    "adapt": ["adapt", "--tiles", "tiles", "--out", "OUT/adapted"],
    "space": ["space", "--out", "OUT/space"],
    "doctor": ["doctor"],
}
TIMED = {"created", "seconds", "date", "job", "command", "report.html"}
NOBODY = 65534
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: int
    said: str
    files: dict[str, str]
    peak_bytes: int


def main() -> int:
    """Run the matrix and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commands", default=",".join(COMMANDS), help="names, separated by commas")
    parser.add_argument("--json", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    table: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o777)
        draw(folder)
        for name in arguments.commands.split(","):
            usual = run(folder, name, "usual")
            table[name] = {"usual": f"status {usual.status}, {usual.peak_bytes / 2**20:,.0f} MB of addresses"}
            print(f"{name:10}{'usual':20}{table[name]['usual']}", flush=True)
            for place, before in places(usual.peak_bytes).items():
                try:
                    found = run(folder, name, place, before)
                    table[name][place] = verdict(usual, found, may_fail=place == "half the memory")
                except PermissionError:
                    table[name][place] = "not tried: that user may not run this Python"
                print(f"{name:10}{place:20}{table[name][place]}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2))
    return any(said.startswith("NOT") for row in table.values() for said in row.values())


def places(peak_bytes: int) -> dict[str, Callable[[dict[str, str]], None]]:
    """Return what makes each place what it is: called in the new process, with its environment."""

    def limited(kind: int, most: int) -> Callable[[dict[str, str]], None]:
        return lambda _: resource.setrlimit(kind, (most, most))

    found: dict[str, Callable[[dict[str, str]], None]] = {
        "no home": lambda environment: environment.update(HOME="/proc/nowhere", XDG_CACHE_HOME="/proc/nowhere"),
        "few descriptors": limited(resource.RLIMIT_NOFILE, 48),
        "umask 077": private,
        "LANG=C": lambda environment: environment.update(LANG="C", LC_ALL="C"),
        "hash seed": lambda environment: environment.update(PYTHONHASHSEED="7"),
        "twice the memory": limited(resource.RLIMIT_AS, 2 * peak_bytes),
        "half the memory": limited(resource.RLIMIT_AS, peak_bytes // 2),
    }
    if os.geteuid() == 0 and os.access(sys.executable, os.X_OK):
        found["another user"] = lambda _: os.setuid(NOBODY)
    return found


def private(_: dict[str, str]) -> None:
    """Keep what is written from everybody else."""
    os.umask(0o077)


def draw(folder: Path) -> None:
    """Draw a few tiles of two classes, and a region."""
    dice = np.random.default_rng(0)
    for code in ("STR", "TUM"):
        (folder / "tiles" / code).mkdir(parents=True)
        for number in range(1, 9):
            pixels = dice.integers(60, 220, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "tiles" / code / f"{code}_{number}.png")
    region = dice.integers(100, 200, (600, 600, 3), dtype=np.uint8)
    Image.fromarray(region).save(folder / "region.tif", dpi=(50_800, 50_800))


def run(folder: Path, name: str, place: str, before: Callable[[dict[str, str]], None] | None = None) -> Outcome:
    """Run a command in a place, with an output folder of its own."""
    out = folder / f"{name}-{place}".replace(" ", "-").replace("=", "-")
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    cache = out.with_name(f"{out.name}-cache")
    environment = {**os.environ, "GASTROPATH_CACHE": str(cache)}
    if before and place in ("no home", "LANG=C", "hash seed"):
        before(environment)
        before = None
        if place == "no home":
            del environment["GASTROPATH_CACHE"]
    command = [sys.executable, "-m", "gastropath", *(word.replace("OUT", str(out)) for word in COMMANDS[name])]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=(lambda: before(environment)) if before else None,
    )
    peak = [0]
    watching = threading.Thread(target=watch, args=(process, peak))
    watching.start()
    try:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
        said += b"Traceback: it did not end (OpenBLAS may wait for memory without end while it is loaded)"
    watching.join()
    files = {
        str(file.relative_to(out)): hashlib.sha256(content_of(file)).hexdigest()
        for file in sorted(out.rglob("*"))
        if file.is_file()
    }
    return Outcome(process.returncode, said.decode(errors="replace"), files, peak[0])


def watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Note the most addresses that a process had."""
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak[0] = max(peak[0], int(status.split("VmPeak:")[1].split()[0]) * 1024)
        time.sleep(0.02)


def content_of(file: Path) -> bytes:
    """Return what must be the same in every run: times and the place of the output are left out."""
    if file.suffix != ".json":
        return b"" if file.suffix in (".html", ".whl", ".md", ".txt") else file.read_bytes()
    return json.dumps(timeless(json.loads(file.read_bytes())), sort_keys=True).encode()


def timeless(document: object) -> object:
    """Leave out of a document what differs from run to run."""
    if isinstance(document, dict):
        return {key: timeless(value) for key, value in document.items() if key not in TIMED}
    return [timeless(value) for value in document] if isinstance(document, list) else document


def verdict(usual: Outcome, found: Outcome, *, may_fail: bool) -> str:
    """Say whether a run ended as it must."""
    errors = [line for line in found.said.splitlines() if "error: " in line]
    if "Traceback" in found.said or "bug in GastroPath" in found.said:
        return f"NOT told as it is: {found.said.strip().splitlines()[-1][:160]}"
    if found.status == usual.status and found.files == usual.files:
        return "as usual"
    if may_fail and found.status == 1 and len(errors) == 1 and not found.files:
        return f"refused in a line: {errors[0][:120]}"
    if may_fail and found.status in (1, 127) and not errors and not found.files:
        return f"ended by a library without a line of ours: status {found.status}"
    differs = [name for name in usual.files | found.files if usual.files.get(name) != found.files.get(name)]
    return f"NOT as usual: status {found.status}, {differs[:3]} differ, {found.said.strip()[-160:]!r}"


if __name__ == "__main__":
    sys.exit(main())
