"""The full data set, rehearsed: an archive of its size and layout goes through every command from `fetch` to `space`.

    python benchmarks/full_data_set.py WORK [--tiles 31096] [--pool FOLDER]
    python benchmarks/full_data_set.py WORK [--tiles 31096] --write

HMU-GC-HE-30K itself may not be at hand, so an archive like it is made: as many tiles of 224 px in the same folders,
about the same bytes, 932 of them copies of another. Each shows a drawn tile or a quarter of one enlarged, with noise,
so that all differ and none but the copies are alike. A server on this computer offers it as figshare does. Measured of
each command are the time, the time of all cores together, the memory of all its processes at its peak and the disk its
result takes. Last, the recipes `finetune` and `baseline` train for ten steps, from which an epoch follows.

Each step is noted in `WORK/steps.json` when it is done; the same call goes on at the first that is not. `--write` takes
no step: it puts the table into `docs/full-data-set.md`, with what is measured by then.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from gastropath.data.fetch.published import ARTICLE, COUNTS, FILE, NAME
from gastropath.data.index import find_tiles
from gastropath.parallel import cores, each

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/full-data-set.md"
START, END = "<!-- rehearsal: written by benchmarks/full_data_set.py -->", "<!-- end of the rehearsal -->"
SIDE_PX, COPIES, NOISE = 224, 932, 6
WINDOWS = ((0, 0, 224), (0, 0, 112), (112, 0, 112), (0, 112, 112), (112, 112, 112), (56, 56, 112))
"""Left, top and side of what a tile of the archive shows of a drawn one."""
STEPS, WARM_UP = 10, 2
RECIPES = ("finetune", "baseline")


def main() -> None:
    """Take the steps that are not done yet, or be one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--tiles", type=int, default=sum(COUNTS.values()))
    parser.add_argument("--pool", type=Path, help="drawn tiles, where there are some already")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--ten-steps", choices=RECIPES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if arguments.ten_steps:
        print(json.dumps(ten_steps(work, arguments.ten_steps)))
        return
    notes = Notes(work / "steps.json", arguments.tiles)
    if arguments.write:
        before, rest = PAGE.read_text().split(START)
        PAGE.write_text(f"{before}{START}\n{notes.table()}\n{END}{rest.split(END)[1]}")
        return
    archive, data, run = work / f"{NAME}.zip", work / "data", work / "run"
    notes.step("archive", lambda: made(archive, arguments.tiles // len(COUNTS), arguments.pool, work))
    if "fetch" not in notes.steps:
        with served(archive) as api:
            notes.command("fetch", work, data, "--out", data, "--api", api)
    notes.command("audit", work, work / "audit", data, "--out", work / "audit")
    notes.command("split", work, work / "split.csv", data, "--out", work / "split.csv")
    notes.command("train", work, run, data, "--split", work / "split.csv", "--out", run)
    notes.command("evaluate", work, work / "evaluation", "--model", run, "--data", data, "--out", work / "evaluation")
    notes.command("space", work, work / "space", "--model", run, "--examples", data, "--out", work / "space")
    for recipe in RECIPES:
        notes.step(recipe, lambda recipe=recipe: in_a_process_of_its_own(work, recipe))
    print(notes.table())


class Notes:
    """What was measured so far, kept in a file."""

    def __init__(self, file: Path, tiles: int) -> None:
        self.file, self.tiles = file, tiles
        self.steps: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.exists() else {}

    def step(self, name: str, function: Callable[[], dict[str, float]]) -> None:
        """Take a step that is not done yet."""
        if name not in self.steps:
            print(f"{name} …", file=sys.stderr, flush=True)
            self.steps[name] = {**function(), "load": os.getloadavg()[0]}
            self.file.write_text(json.dumps(self.steps, indent=1))
            print(f"{name}: {self.steps[name]}", file=sys.stderr, flush=True)

    def command(self, name: str, work: Path, out: Path, *words: object) -> None:
        """Run a command of GastroPath that is not done yet, from the start."""

        def run() -> dict[str, float]:
            shutil.rmtree(out, ignore_errors=True)
            found = measured([ROOT / ".venv/bin/gastropath", name, *words], work)
            return {**found, "bytes": size(out)}

        self.step(name, run)

    def table(self) -> str:
        """Return what is known, in words and as a table."""
        n, archive = self.tiles, self.steps.get("archive", {})
        rows = [
            f"Rehearsed with {n:,} made-up tiles of 224 px in an archive of {archive.get('bytes', 0) / 1e9:.1f} GB,",
            f"{int(archive.get('copies', 0))} of them copies, on {cores()} cores of a server processor without a GPU.",
            "Other work ran beside it, so the time of all cores together says more than the minutes.",
            "",
            "| command | minutes | core-minutes | memory at its peak, MB | disk, MB |",
            "|---|---|---|---|---|",
        ]
        for name in ("fetch", "audit", "split", "train", "evaluate", "space"):
            if found := self.steps.get(name):
                figures = found["seconds"] / 60, found["core_s"] / 60, found["megabytes"], found["bytes"] / 1e6
                rows.append("| `{}` | {:.1f} | {:.1f} | {:,.0f} | {:,.0f} |".format(name, *figures))
            else:
                rows.append(f"| `{name}` | not measured | | | |")
        rows += ["", "| recipe | s a step of 32 tiles | minutes an epoch | hours, all epochs |", "|---|---|---|---|"]
        for name in RECIPES:
            if found := self.steps.get(name):
                free, busy = found["step_core_s"] / cores(), found["step_s"]
                minutes = " to ".join(f"{step * found['steps_an_epoch'] / 60:.0f}" for step in (free, busy))
                hours = " to ".join(
                    f"{step * found['steps_an_epoch'] * found['epochs'] / 3600:.1f}" for step in (free, busy)
                )
                rows.append(
                    f"| `{name}` | {free:.2f} to {busy:.2f} | {minutes} | {hours} ({found['epochs']:.0f} epochs) |"
                )
            else:
                rows.append(f"| `{name}` | not measured | | |")
        return "\n".join(rows)


def made(archive: Path, per_class: int, pool: Path | None, work: Path) -> dict[str, float]:
    """Write the archive, and return its size and number of copies."""
    drawn = -(-per_class // len(WINDOWS))
    if pool is None:
        from gastropath.data.synthetic.tiles import write_tiles

        pool = write_tiles(work / "pool", tiles_per_class=drawn, seed=0)
    originals = {code: sorted((pool / code).iterdir()) for code in COUNTS}
    numbers = [(code, number) for code in COUNTS for number in range(per_class)]
    copied = set(
        np.linspace(1, len(numbers) - 1, max(1, round(COPIES * len(numbers) / sum(COUNTS.values()))), dtype=int)
    )
    copies = {numbers[i]: numbers[i - 1][1] for i in map(int, copied) if numbers[i][1]}

    def tile(place: tuple[str, int]) -> bytes:
        code, number = place[0], copies.get(place, place[1])
        return varied(
            originals[code][number % drawn], number // drawn, np.random.default_rng([list(COUNTS).index(code), number])
        )

    began, partial = time.monotonic(), archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as file:
        for (code, number), content in zip(numbers, each(tile, numbers), strict=True):
            file.writestr(f"{NAME}/all_image/{code}/{code}_{number + 1}.png", content)
    partial.replace(archive)
    return {"seconds": time.monotonic() - began, "bytes": archive.stat().st_size, "copies": len(copies)}


def varied(original: Path, window: int, rng: np.random.Generator) -> bytes:
    """Return a window of a drawn tile as a PNG of 224 px, with noise."""
    left, top, side = WINDOWS[window]
    with Image.open(original) as image:
        shown = image.convert("RGB").crop((left, top, left + side, top + side))
    pixels = np.asarray(shown.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)).astype(np.int16)
    pixels += rng.integers(-NOISE, NOISE, pixels.shape, np.int16, endpoint=True)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@contextmanager
def served(archive: Path) -> Iterator[str]:
    """Offer the archive as figshare does, on this computer, until the block ends."""
    with archive.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    entry = {"id": FILE, "name": archive.name, "size": archive.stat().st_size, "computed_md5": md5}
    record = json.dumps({"id": ARTICLE, "license": {"name": "CC BY 4.0"}, "files": [entry]}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_record = not self.path.endswith(str(FILE))
            start = 0 if is_record else int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            whole = len(record) if is_record else entry["size"]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(whole - start))
            self.send_header("Content-Type", "application/json" if is_record else "application/zip")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.end_headers()
            with io.BytesIO(record) if is_record else archive.open("rb") as content, suppress(ConnectionError):
                content.seek(start)
                shutil.copyfileobj(content, self.wfile)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def measured(words: list[object], work: Path, stdout: int | io.TextIOBase = subprocess.DEVNULL) -> dict[str, float]:
    """Run a command; return its seconds, core-seconds, and the memory of all its processes at its peak."""
    environment = {**os.environ, "GASTROPATH_CACHE": str(work / "cache"), "no_proxy": "127.0.0.1"}
    began, peak, log = time.monotonic(), 0.0, (work / "log").open("w")
    process = subprocess.Popen(list(map(str, words)), env=environment, stdout=log, stderr=log, start_new_session=True)
    ended = threading.Event()
    used: list[tuple[int, resource.struct_rusage]] = []

    def wait() -> None:
        _, status, usage = os.wait4(process.pid, 0)
        used.append((status, usage))
        ended.set()

    threading.Thread(target=wait).start()
    while not ended.wait(1):
        peak = max(peak, memory_of_session(process.pid))
    status, usage = used[0]
    log.close()
    assert os.waitstatus_to_exitcode(status) in (0, 3), f"{words}: {(work / 'log').read_text()[-2000:]}"
    return {
        "seconds": time.monotonic() - began,
        "core_s": usage.ru_utime + usage.ru_stime,
        "megabytes": max(peak, usage.ru_maxrss / 1024),
    }


def memory_of_session(session: int) -> float:
    """Return the memory in MB of all processes that a command started, what they share counted once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getsid(int(folder.name)) == session:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def size(place: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files if file.is_file())


def in_a_process_of_its_own(work: Path, recipe: str) -> dict[str, float]:
    """Take ten steps of a recipe, and return what they cost."""
    measured([sys.executable, __file__, work, "--ten-steps", recipe], work)
    return json.loads((work / "log").read_text().splitlines()[-1])


class Enough(Exception):
    """Ten steps are taken."""


def ten_steps(work: Path, name: str) -> dict[str, float]:
    """Train on a few tiles until ten steps are timed, after two that build the graphs."""
    from gastropath.data.split.split import Split
    from gastropath.training.context import TrainingContext
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import EpochSettings, read_recipe

    recipe, index = read_recipe(name), find_tiles([work / "data"])
    assert isinstance(recipe, EpochSettings)
    n_train = (WARM_UP + STEPS + 1) * recipe.batch_size
    rows = np.random.default_rng(0).permutation(len(index))[: n_train + recipe.batch_size]
    parts = ("train",) * n_train + ("val",) * (len(rows) - n_train)
    times: list[tuple[float, float]] = []

    def progress(what: str, done: int, of: int) -> None:
        if str(getattr(what, "detail", "")).startswith("epoch 1 "):
            times.append((time.monotonic(), time.process_time()))
        if len(times) > WARM_UP + STEPS:
            raise Enough

    folder = work / f"ten-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with suppress(Enough):
        split = Split(index.take(map(int, rows)), parts, "file", None)
        recipe.train(TrainingContext(split, folder, FeatureStore(folder), progress))
    (first, first_core), (last, last_core) = times[WARM_UP], times[WARM_UP + STEPS]
    listed = (work / "split.csv").read_text().splitlines()
    learned = sum(",train," in line for line in listed)
    return {
        "step_s": (last - first) / STEPS,
        "step_core_s": (last_core - first_core) / STEPS,
        "steps_an_epoch": -(-learned // recipe.batch_size),
        "epochs": recipe.epochs,
    }


if __name__ == "__main__":
    main()
