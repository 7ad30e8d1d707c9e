"""Interrupts commands at random moments, goes on, and compares what comes out with a run that nobody interrupted.

    python -m tools.interruptions [--commands train,slide] [--times 5] [--seed 0] [--json FILE]

``--times`` is how often each command is ended by each of SIGKILL, SIGTERM and SIGINT. Every file of the result is
compared, of documents all but times of day and seconds. A command that does not go on (``audit``, ``adapt``) must
have finished or left nothing of its final name. Ends with status 1 where an interruption is told as a fault, leaves
something half done, or changes a byte.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tools.environments import timeless

TIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:]+[+][\d:]+")

SIGNALS = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (130, -2)}
SETTINGS = ("--set", "tile_px=64", "--set", "abstain_unmet=answer", "--checks", "quick")
LATEST = 0.95
"""Share of the usual time after which a command is no longer interrupted: it would be over too often."""

MOST_TRIES = 4
TOO_LATE, TOO_EARLY = "over before", "before our main was there to catch it"
"""What does not count as an interruption, and is tried again at another moment."""


@dataclass(frozen=True)
class Task:
    """A command, without its output; ``more`` is what a call that goes on is given besides."""

    words: tuple[str, ...]
    more: tuple[str, ...] = ()
    goes_on: bool = True


TASKS = {
    "train transfer": Task(("train", "tiles", *SETTINGS, "--set", "views=2"), ("--resume",)),
    "train finetune": Task(
        ("train", "tiles", "--recipe", "finetune", *SETTINGS, "--set", "views=1", "--set", "epochs=3"), ("--resume",)
    ),
    "train baseline": Task(("train", "tiles", "--recipe", "baseline", *SETTINGS, "--set", "epochs=4"), ("--resume",)),
    "slide": Task(("slide", "one.tif", "two.tif")),
    "fetch": Task(("fetch", "--api", "ADDRESS")),
    "audit": Task(("audit", "tiles"), goes_on=False),
    "adapt": Task(("adapt", "--tiles", "tiles"), goes_on=False),
}


def main() -> int:
    """Interrupt every command, and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commands", default=",".join(TASKS), help="names or first words, separated by commas")
    parser.add_argument("--times", type=int, default=5, help="interruptions by each signal")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    chosen = [name for name in TASKS if {name, name.split()[0]} & set(arguments.commands.split(","))]
    moments, table = random.Random(arguments.seed), {}
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job, whose programs would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as scratch, serving() as address:
        folder = Path(scratch)
        draw(folder)
        os.environ |= {"GASTROPATH_CACHE": str(folder / "cache"), "no_proxy": "127.0.0.1"}
        print(f"{'command':16}{'by':9}{'ended early':>12}{'the same':>10}  otherwise")
        for name in chosen:
            words = [word.replace("ADDRESS", address) for word in TASKS[name].words]
            shutil.rmtree(folder / "out", ignore_errors=True)
            began = time.monotonic()
            usual = start(folder, words)
            _, said = usual.communicate()
            assert usual.returncode == 0, said.decode()
            seconds, files = time.monotonic() - began, contents(folder / "out")
            shutil.rmtree(folder / "out")
            for number in SIGNALS:
                found = Counter[str]()
                while (early := found.total() - found[TOO_LATE] - found[TOO_EARLY]) < arguments.times:
                    if found.total() == MOST_TRIES * arguments.times:
                        break
                    moment = moments.uniform(0, LATEST) * seconds
                    found[interrupted(folder, TASKS[name], words, number, moment, files)] += 1
                table[f"{name}, {number.name}"] = dict(found)
                other = {said: n for said, n in found.items() if said not in ("the same", TOO_LATE, TOO_EARLY)}
                print(f"{name:16}{number.name:9}{early:12}{found['the same']:10}  {other or ''}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2))
    return any(said.startswith("NOT") for row in table.values() for said in row)


def interrupted(
    folder: Path, task: Task, words: list[str], number: signal.Signals, after_s: float, usual: dict[str, str]
) -> str:
    """End a command after a while, call it again, and say how its result compares with the usual one."""
    out = folder / "out"
    for used in (out, folder / "cache"):
        shutil.rmtree(used, ignore_errors=True)
    first = start(folder, words)
    with suppress(subprocess.TimeoutExpired):
        first.wait(after_s)
    over = first.poll() is not None
    if not over:
        first.send_signal(number)
    _, said = first.communicate()
    if not over and first.returncode == 0:
        over = True  # the signal came when all was done
    if b"Traceback" in said and b"__main__.py" not in said:
        return TOO_EARLY
    if b"Traceback" in said or b"bug in GastroPath" in said:
        return f"NOT told as it is: {said.decode(errors='replace').strip().splitlines()[-1][:120]}"
    if not over and first.returncode not in SIGNALS[number]:
        return f"NOT the status of a signal: {first.returncode}, {said.decode(errors='replace').strip()[-160:]!r}"
    if not task.goes_on and out.exists() and contents(out) != usual:
        return f"NOT finished or absent: {sorted(contents(out))[:3]}"
    if over:
        return TOO_LATE if contents(out) == usual else "NOT the same without an interruption"
    if task.goes_on or not out.exists():
        again = start(folder, [*words, *(task.more if out.exists() else ())])
        _, said = again.communicate()
        if again.returncode:
            return f"NOT gone on: status {again.returncode}, {said.decode(errors='replace').strip()[-200:]!r}"
    found = contents(out)
    if found == usual:
        return "the same"
    return f"NOT the same: {sorted(name for name in usual | found if usual.get(name) != found.get(name))[:4]}"


def start(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    """Start a command in a folder."""
    command = [sys.executable, "-m", "gastropath", *words, "--out", "out"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of each file, of documents without their times."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            if file.suffix == ".json":
                content = json.dumps(timeless(json.loads(content)), sort_keys=True).encode()
            elif file.suffix in (".html", ".md"):
                content = TIME.sub(b"", content)
            found[str(file.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


def draw(folder: Path) -> None:
    """Draw tiles of three classes that can be told apart, and two regions."""
    from gastropath.data.synthetic.tiles import write_tiles

    write_tiles(folder / "drawn", tiles_per_class=16, seed=1)
    for code in ("LYM", "MUS", "TUM"):
        shutil.copytree(folder / "drawn" / code, folder / "tiles" / code)
    dice = np.random.default_rng(0)
    for name in ("one", "two"):
        region = dice.integers(100, 200, (1568, 1568, 3), dtype=np.uint8)
        Image.fromarray(region).save(folder / f"{name}.tif", dpi=(50_800, 50_800))


@contextmanager
def serving() -> Iterator[str]:
    """Serve an archive of the published data set's layout, slowly and from any byte on; gives the server's address."""
    from gastropath.data.fetch.published import ARTICLE, COUNTS, FILE

    dice, packed = random.Random(7), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for code in COUNTS:
            for number in range(1, 65):
                archive.writestr(f"HMU-GC-HE-30K/all_image/{code}/{code}_{number}.png", dice.randbytes(20_000))
    content = packed.getvalue()
    md5 = hashlib.md5(content).hexdigest()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, begin = content, 0
            if self.path.endswith(f"articles/{ARTICLE}"):
                address = f"http://127.0.0.1:{self.server.server_address[1]}/archive"
                file = {"id": FILE, "name": "HMU-GC-HE-30K.zip", "size": len(content), "download_url": address}
                file |= {"computed_md5": md5, "supplied_md5": md5}
                body = json.dumps({"id": ARTICLE, "license": {"name": "CC BY 4.0"}, "files": [file]}).encode()
            elif asked := self.headers.get("Range"):
                begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - begin))
            self.end_headers()
            with suppress(ConnectionError):  # the client has been ended
                for at in range(begin, len(body), 2**18):
                    self.wfile.write(body[at : at + 2**18])
                    time.sleep(0.02)

        def log_message(self, format: str, *words: object) -> None:
            """Keep the table free of requests."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serve: Callable[[], None] = server.serve_forever
    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
