"""How likely a copy is found, how like two different tiles can look, and what that says about the threshold.

    python benchmarks/near_duplicates.py [--tiles FOLDER_OR_CSV] [--others FOLDER]

Makes a copy of each kind of every tile (synthetic ones where none are named) and searches for it among all tiles and
the copies of all tiles. Prints the share found, the likeness that 99 % of the copies reach, and the highest likeness
of any two different tiles, here and among the `--others`, in which no two show the same picture.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data" / "duplicates"))

from planting import KINDS, copy_of  # pyright: ignore[reportMissingImports]  # found through the line above

from gastropath.data.audit.audit import audit_tiles, read_tiles
from gastropath.data.duplicates import near
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.synthetic.tiles import write_tiles
from gastropath.decoding import decode
from gastropath.parallel import each, one_thread_each

LOWEST = 0.50
"""Likeness from which pairs are looked at here, whatever the threshold."""


def searched(index: TileIndex, across: int | None = None) -> list[tuple[int, int, float]]:
    """Return rows and likeness of all pairs that are at all alike."""
    with one_thread_each():
        audit = read_tiles(index, with_points=True)
        rows = list(audit.points)
        files = [index.root / index.paths[row] for row in rows]
        first = None if across is None else sum(row < across for row in rows)
        pairs = near.find_near_duplicates(files, list(audit.points.values()), across=first, least=LOWEST)
    return [(rows[pair.a], rows[pair.b], 1 - pair.distance) for pair in pairs]


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=Path)
    parser.add_argument("--others", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        folder = arguments.tiles or write_tiles(work / "tiles", tiles_per_class=50, seed=3)
        everything = audit_tiles(find_tiles([folder]), near=False)
        index = everything.index.take(i for i in everything.readable() if "blank" not in everything.records[i].flags)
        tiles, n = list(each(decode, index.files())), len(index)
        print(f"{n} tiles that are not blank; threshold {near.LEAST_LIKENESS}")
        print("copy                  found   99 % reach   highest of different tiles")
        for kind in KINDS:
            names = []
            for number, tile in enumerate(tiles):
                names.append(str(work / f"{kind} {number}.png"))
                copied = copy_of(tile, kind, np.random.default_rng([5, number]))
                Image.fromarray(copied).save(names[-1], compress_level=1)
            paths = (*(str((index.root / path).absolute()) for path in index.paths), *names)
            both = TileIndex(Path("/"), paths, index.labels * 2, ("",) * 2 * n)
            likeness, different = np.zeros(n), [LOWEST]
            for a, b, like in searched(both, across=n):
                if b == a + n:
                    likeness[a] = like
                else:
                    different.append(like)
            found = (likeness >= near.LEAST_LIKENESS).mean()
            highest = f"{max(different):.2f}" if max(different) > LOWEST else f"below {LOWEST}"
            print(f"{kind:20s}  {found:.3f}   {np.percentile(likeness, 1):.2f}         {highest}", flush=True)
        if arguments.others:
            others = find_tiles([arguments.others])
            found = sorted((like for *_, like in searched(others)), reverse=True)
            highest = ", ".join(f"{like:.2f}" for like in found[:3]) or f"below {LOWEST}"
            print(f"{len(others):,} other tiles: highest likeness of two of them {highest}")


if __name__ == "__main__":
    main()
