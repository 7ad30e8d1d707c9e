"""Commands that classify the tiles of a slide, ours and others, each timed as a whole."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

RESNET18 = Path(__file__).with_name("resnet18.py")
TILE_PX, MPP = 224, 0.5


@dataclass(frozen=True)
class Timed:
    """What a command took, its processes together.

    Attributes
    ----------
    seconds
        From its start to its end.
    core_seconds
        Of all cores.
    megabytes
        Of its largest process.
    lines
        Of its output, with the second at which each came.
    """

    seconds: float
    core_seconds: float
    megabytes: float
    lines: tuple[tuple[float, str], ...]

    def between(self, first: str, last: str) -> float:
        """Return the seconds from the line that holds one text to the line that holds another."""
        return next(at for at, line in self.lines if last in line) - next(
            at for at, line in self.lines if first in line
        )


@dataclass(frozen=True)
class Mapped:
    """A slide that was classified.

    Attributes
    ----------
    who, backbone
        In words.
    tiles
        How many tiles were classified.
    timed
        The whole command.
    stage_seconds
        Of these for reading and classifying tiles; NaN where the command does not tell.
    """

    who: str
    backbone: str
    tiles: int
    timed: Timed
    stage_seconds: float


_MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
of = resource.getrusage(resource.RUSAGE_CHILDREN)
print(of.ru_utime + of.ru_stime, of.ru_maxrss / 1000)
sys.exit(code)
"""
"""Runs a command and tells its core seconds and megabytes: a child's peak of memory begins at that of its parent, which
therefore must be small."""


def timed(command: list[str], environment: dict[str, str] | None = None) -> Timed:
    """Run a command, and fail with what it said if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _MEASURED, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
    )
    assert process.stdout is not None
    lines = [(time.perf_counter() - began, line.rstrip()) for line in process.stdout]
    if code := process.wait():
        said = "\n".join(line for _, line in lines[-20:])
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{said}")
    seconds = time.perf_counter() - began
    core_seconds, megabytes = map(float, lines.pop()[1].split())
    return Timed(seconds, core_seconds, megabytes, tuple(lines))


def map_by_ours(slide: Path, mpp: float, bundle: Path, out: Path, *, everything: bool = False) -> Mapped:
    """Run ``gastropath slide``; with its tissue mask unless everything is wanted."""
    command = [sys.executable, "-m", "gastropath", "slide", str(slide), "--mpp", str(mpp), "--model", str(bundle)]
    took = timed([*command, "--out", str(out), *(["--no-mask"] if everything else [])])
    card = json.loads((bundle / "card.json").read_text("utf-8"))
    tiles = json.loads((out / slide.stem / "summary.json").read_text("utf-8"))["tiles"]["classified"]
    return Mapped("gastropath slide", f"EfficientNet-Lite0, {card['precision']}", tiles, took, math.nan)


def map_by_wsinfer(python: Path, slide: Path, scratch: Path) -> Mapped:
    """Run ``wsinfer run --speedup`` with ResNet-18 at 0.5 µm/px; the folder of the slide must hold nothing else.

    WSInfer asks for the list of its published models even where a local one is named: it gets an empty list, in a home
    folder of its own.
    """
    home, results = scratch / "home", scratch / "wsinfer"
    registry = home / ".wsinfer-zoo" / "wsinfer-zoo-registry.json"
    registry.parent.mkdir(parents=True)
    registry.write_text('{"models": {}}')
    network, settings = scratch / "resnet18.pt", scratch / "resnet18.json"
    timed([str(python), str(RESNET18), "script", str(network)])
    of_imagenet = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    document = {
        "spec_version": "1.0",
        "architecture": "resnet18",
        "num_classes": 8,
        "class_names": [str(number) for number in range(8)],
        "patch_size_pixels": TILE_PX,
        "spacing_um_px": MPP,
        "transform": [
            {"name": "Resize", "arguments": {"size": TILE_PX}},
            {"name": "ToTensor"},
            {"name": "Normalize", "arguments": of_imagenet},
        ],
    }
    settings.write_text(json.dumps(document))
    command = [str(python), "-m", "wsinfer", "run", "--wsi-dir", str(slide.parent), "--results-dir", str(results)]
    took = timed(
        [*command, "--config", str(settings), "--model-path", str(network), "--speedup"],
        {"HOME": str(home), "HF_HUB_OFFLINE": "1", "WSINFER_FORCE_CPU": "1"},
    )
    tiles = _rows(results / "model-outputs-csv" / f"{slide.stem}.csv")
    stage = took.between("Running model inference", "Saving metadata about run")
    return Mapped("WSInfer 0.6.1 --speedup", "ResNet-18, float32", tiles, took, stage)


def map_by_resnet18(python: Path, slide: Path, scratch: Path) -> Mapped:
    """Run ``resnet18.py`` on every tile of a slide."""
    out = scratch / "resnet18.csv"
    took = timed([str(python), str(RESNET18), "map", str(slide), str(out)])
    stage = took.between("classifying", "done")
    return Mapped("ResNet-18 in torch", "ResNet-18, float32", _rows(out), took, stage)


def _rows(table: Path) -> int:
    with table.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file))
