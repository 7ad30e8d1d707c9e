"""What an audit of a large folder of tiles costs, how that grows, and what a well-known alternative costs and finds.

    python benchmarks/audit.py [--tiles FOLDER] [--sizes 1000,4000,16000,31096]
    python benchmarks/audit.py --again [--tiles FOLDER] [--sizes 31096] [--before SRC] [--rounds N]

Draws synthetic tiles where no folder is named (31,096 of them take about 20 minutes and 2 GB), plants copies among
them, and audits parts of growing size, each in a process of its own. In the same run the ImageHash package hashes the
same files (pHash, 64 bits) with as many threads and compares every hash with every other.

``--again`` measures what a second command saves that reads the same tiles: core-seconds (of all processes, so that a
busy machine changes little) of the first reading, with nothing kept, and of the second. ``--before`` names the folder
``src`` of another version, whose reading alternates with the first one. Tiles are linked again where there are too few.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.synthetic.tiles import write_tiles
from gastropath.decoding import decode
from gastropath.images import encode_jpeg
from gastropath.parallel import cores, each

PLANTED = 50
"""Tiles of which a copy of each kind is planted."""

_FARTHEST = 10
"""Bits in which two 64-bit hashes may differ to be taken for copies, as the package's users commonly choose."""


def plant(index: TileIndex, folder: Path, rng: np.random.Generator) -> dict[str, list[tuple[str, str]]]:
    """Write re-encoded, turned, and shifted copies of some tiles; return the pairs of paths by kind."""
    kinds = {
        "re-encoded": lambda tile: decode(encode_jpeg(tile, 75)),
        "turned": lambda tile: np.rot90(tile, int(rng.integers(1, 4))),
        "shifted 16 px": lambda tile: np.pad(tile, ((0, 16), (0, 16), (0, 0)), mode="reflect")[16:, 16:],
    }
    pairs: dict[str, list[tuple[str, str]]] = {kind: [] for kind in kinds}
    rows = rng.choice(len(index), min(PLANTED, len(index)), replace=False)
    for row in rows:
        tile = decode(index.root / index.paths[row])
        for kind, copy in kinds.items():
            file = folder / index.labels[row] / f"{kind.replace(' ', '_')}_{row}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(copy(tile))).save(file, compress_level=1)
            pairs[kind].append((str(index.root / index.paths[row]), str(file)))
    return pairs


def table(index: TileIndex, copies: Path, rows: np.ndarray, file: Path) -> None:
    """List some tiles, and the copies, in a CSV to audit."""
    lines = [f"{index.root / index.paths[row]},{index.labels[row]}" for row in rows]
    lines += [f"{path},{path.parent.name}" for path in sorted(copies.rglob("*.png"))]
    file.write_text("\n".join(["path,label", *lines]) + "\n")


def audit(listing: Path, near: bool) -> dict:
    """Audit a table in this process: seconds, peak memory, and the pairs found."""
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.audit_page.page import audit_page
    from gastropath.data.colour.study import study_colour

    began = time.monotonic()
    done = audit_tiles(find_tiles([listing]), near=near)
    read = time.monotonic() - began
    with tempfile.TemporaryDirectory() as out:
        done.write(Path(out))
        audit_page(done, colour=study_colour(done)).write(Path(out) / "audit.html")
    groups = [[done.index.paths[row] for row in group] for group in done.duplicates.groups]
    return {"seconds": time.monotonic() - began, "reading": read, "groups": groups}


def reading(listing: Path, cache: Path) -> dict:
    """Read tiles, with their keypoints, in this process and its children: core-seconds and seconds."""
    from inspect import signature

    from gastropath.data.audit.audit import read_tiles
    from gastropath.parallel import one_thread_each

    keeping: dict[str, Any] = {"cache": cache} if "cache" in signature(read_tiles).parameters else {}
    index = find_tiles([listing])
    began, spent = time.monotonic(), core_seconds()
    with one_thread_each():
        found = read_tiles(index, with_points=True, **keeping)
    return {
        "core_seconds": core_seconds() - spent,
        "seconds": time.monotonic() - began,
        "n": len(found.readable()),
    }


def core_seconds() -> float:
    """Return what this process and its finished children have used of all cores."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def read_again(index: TileIndex, sizes: list[int], before: Path | None, rounds: int, work: Path) -> None:
    """Print what a first and a second reading cost, and the first one of another version."""
    print("tiles    before, core-s   first   first / before   second   second / first   second, s")
    for size in sizes:
        folder = work / str(size)
        for row in range(size):
            tile = index.root / index.paths[row % len(index)]
            place = folder / index.labels[row % len(index)] / f"{row}{tile.suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(tile, place)
        time.sleep(1)  # files changed a moment ago are not trusted
        spent: dict[str, list[float]] = {"before": [], "first": [], "second": []}
        elapsed = 0.0
        for number in range(rounds):
            if before:
                spent["before"].append(child("read", folder, work / "none", source=before)["core_seconds"])
            for which in ("first", "second"):
                found = child("read", folder, work / f"cache-{size}-{number}")
                spent[which].append(found["core_seconds"])
                elapsed = found["seconds"]
        earlier, first, second = (float(np.median(spent[name])) if spent[name] else float("nan") for name in spent)
        print(
            f"{size:6,}  {earlier:14.1f}  {first:6.1f}  {first / earlier:14.3f}  {second:7.2f}  "
            f"{second / first:15.3f}  {elapsed:10.1f}",
            flush=True,
        )


def alternative(listing: Path) -> dict:
    """Hash with ImageHash and compare by brute force in this process."""
    import imagehash

    index = find_tiles([listing])
    began = time.monotonic()

    def hashed(file: Path) -> np.ndarray:
        with Image.open(file) as image:
            return np.packbits(imagehash.phash(image).hash)

    codes = np.stack(list(each(hashed, index.files()))).view(np.uint64)[:, 0]
    ones = np.array([bin(number).count("1") for number in range(1 << 16)], np.uint8)
    found = []
    for row in range(len(codes) - 1):
        differing = codes[row + 1 :] ^ codes[row]
        bits = sum(ones[(differing >> np.uint64(shift)) & np.uint64(0xFFFF)].astype(int) for shift in (0, 16, 32, 48))
        found += [(row, row + 1 + int(other)) for other in np.flatnonzero(bits <= _FARTHEST)]
    seconds = time.monotonic() - began
    return {"seconds": seconds, "groups": [[index.paths[a], index.paths[b]] for a, b in found]}


def child(what: str, listing: Path, cache: Path | None = None, *, source: Path | None = None) -> dict:
    """Run one measurement in a process of its own, with the code below ``source`` where it is given."""
    command = [sys.executable, __file__, "--child", what, str(listing), *([str(cache)] if cache else [])]
    environment = os.environ | ({"PYTHONPATH": str(source)} if source else {})
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)


def recall(pairs: dict[str, list[tuple[str, str]]], groups: list[list[str]]) -> str:
    """Say which share of the planted pairs was found."""
    together = {frozenset((a, b)) for group in groups for i, a in enumerate(group) for b in group[i + 1 :]}
    shares = {kind: np.mean([frozenset(pair) in together for pair in planted]) for kind, planted in pairs.items()}
    return ", ".join(f"{kind} {share:.2f}" for kind, share in shares.items())


def false_pairs(pairs: dict[str, list[tuple[str, str]]], groups: list[list[str]]) -> int:
    """Count the pairs that were not planted: neither a copy and its tile, nor two copies of one tile."""
    origin = {copy: tile for planted in pairs.values() for tile, copy in planted}
    found = {
        (a, b)
        for group in groups
        for i, a in enumerate(group)
        for b in group[i + 1 :]
        if origin.get(a, a) != origin.get(b, b)
    }
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=Path)
    parser.add_argument("--sizes", default="1000,4000,16000,31096")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs="+")
    arguments = parser.parse_args()
    if arguments.child:
        what, listing, *more = arguments.child
        if what == "read":
            result = reading(Path(listing), Path(more[0]))
        else:
            result = alternative(Path(listing)) if what == "imagehash" else audit(Path(listing), what == "near")
        result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(result))
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        folder = arguments.tiles or write_tiles(work / "tiles", tiles_per_class=3887, seed=0)
        index = find_tiles([folder])
        if arguments.again:
            sizes = [int(size) for size in arguments.sizes.split(",")]
            read_again(index, sizes, arguments.before, arguments.rounds, work / "again")
            return
        rng = np.random.default_rng(0)
        sizes = [min(int(size), len(index)) for size in arguments.sizes.split(",")]
        order = rng.permutation(len(index))
        pairs = plant(index.take(order[: sizes[0]]), work / "copies", rng)
        print(f"{cores()} cores, load {os.getloadavg()[0]:.1f} at the start")
        print("tiles     audit s  ms/tile  MB    without near s   ImageHash s   audit / ImageHash")
        for size in sizes:
            table(index, work / "copies", order[:size], work / "tiles.csv")
            ours, plain, other = (child(what, work / "tiles.csv") for what in ("near", "plain", "imagehash"))
            n = size + sum(len(planted) for planted in pairs.values())
            print(
                f"{n:6,}  {ours['seconds']:8.1f}  {1000 * ours['seconds'] / n:6.1f}  {ours['megabytes']:5.0f}  "
                f"{plain['seconds']:12.1f}  {other['seconds']:12.1f}  {ours['seconds'] / other['seconds']:12.2f}",
                flush=True,
            )
            for name, result in (("audit", ours), ("ImageHash", other)):
                missed = false_pairs(pairs, result["groups"])
                print(f"        {name} finds: {recall(pairs, result['groups'])}; pairs not planted: {missed:,}")


if __name__ == "__main__":
    main()
