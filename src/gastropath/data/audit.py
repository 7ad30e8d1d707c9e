"""Reading every tile once, and what that shows: sizes, damage, balance, identical pictures."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gastropath.cluster import Progress, each, silent
from gastropath.data.index import TileIndex
from gastropath.data.phash import perceptual_hash
from gastropath.errors import CannotReadImage
from gastropath.images import inspect
from gastropath.outputs import write_json
from gastropath.tables import write_table
from gastropath.tissue import tissue_class

INDEX_COLUMNS = ("path", "label", "group", "width", "height", "mode", "bytes", "pixel_sha256", "phash", "problem")


@dataclass(frozen=True)
class TileRecord:
    """What one file holds. A refused file has a ``problem`` and zero for a size.

    Attributes
    ----------
    width, height
        In pixels, after the orientation in the EXIF header is applied.
    mode
        Colour mode in the file, Pillow's name.
    bytes
        Size of the file.
    pixel_sha256
        Of the decoded RGB pixels and their shape: equal for equal pictures, however they are encoded.
    phash
        See :func:`gastropath.data.phash.perceptual_hash`.
    problem
        Why the file was refused; empty where it was not.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    bytes: int = 0
    pixel_sha256: str = ""
    phash: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Audit:
    """The records of an index, one a tile, and what follows from them."""

    index: TileIndex
    records: tuple[TileRecord, ...]

    def readable(self) -> list[int]:
        """Return the rows whose file was decoded."""
        return [i for i, record in enumerate(self.records) if not record.problem]

    def refused(self) -> dict[str, str]:
        """Return path and reason of each file that was not decoded."""
        rows = zip(self.index.paths, self.records, strict=True)
        return {path: record.problem for path, record in rows if record.problem}

    def identical(self) -> list[list[int]]:
        """Return the rows of each group of two or more tiles with the same pixels."""
        rows: dict[str, list[int]] = defaultdict(list)
        for i in self.readable():
            rows[self.records[i].pixel_sha256].append(i)
        return [group for group in rows.values() if len(group) > 1]

    def sizes(self) -> Counter[tuple[int, int]]:
        """Count tiles by (width, height) in pixels."""
        return Counter((self.records[i].width, self.records[i].height) for i in self.readable())

    def modes(self) -> Counter[str]:
        """Count tiles by the colour mode in the file."""
        return Counter(self.records[i].mode for i in self.readable())

    def imbalance(self) -> tuple[float, str]:
        """Return how many times larger the largest class is than the smallest, and what that means in words.

        Readable tiles are counted; the ratio is infinite where a class has none, and NaN where no class has any.
        """
        readable = self.index.take(self.readable()).counts()
        if not readable:
            return float("nan"), "no tile could be read"
        if missing := [code for code in self.index.classes if code not in readable]:
            return float("inf"), f"no tile of {', '.join(missing)} could be read"
        if len(readable) == 1:
            return 1.0, "there is only one class, and a classifier needs two"
        ratio = max(readable.values()) / min(readable.values())
        if ratio <= 1.5:
            return ratio, "balanced: accuracy and macro-F1 can both be read"
        if ratio <= 3:
            return ratio, "mildly imbalanced: read macro-F1 beside accuracy"
        if ratio <= 10:
            return ratio, "imbalanced: accuracy flatters a model that favours the large classes; read macro-F1"
        return ratio, "severely imbalanced: read the figures of each class, and collect more of the small ones"

    def summary(self) -> dict[str, object]:
        """Return ``audit.json`` as a document."""
        ratio, verdict = self.imbalance()
        groups = self.identical()
        counts, readable = self.index.counts(), self.index.take(self.readable()).counts()
        return {
            "n_tiles": len(self.index),
            "n_readable": len(self.readable()),
            "classes": {
                code: {"name": tissue_class(code).name, "tiles": n, "readable": readable.get(code, 0)}
                for code, n in counts.items()
            },
            "imbalance": {"ratio": round(ratio, 3) if math.isfinite(ratio) else None, "verdict": verdict},
            "groups": len(set(self.index.groups) - {""}),
            "sizes": {f"{width}x{height}": n for (width, height), n in self.sizes().most_common()},
            "modes": dict(self.modes().most_common()),
            "identical": {
                "groups": len(groups),
                "tiles": sum(len(group) for group in groups),
                "groups_across_classes": sum(len({self.index.labels[i] for i in group}) > 1 for group in groups),
            },
            "refused": self.refused(),
            "left_out": dict(self.index.left_out),
            "synthetic": self.index.synthetic,
            "index_sha256": self.index.sha256(),
        }

    def write(self, out: Path) -> None:
        """Write ``index.csv`` and ``audit.json``."""
        index = self.index
        rows = (
            {"path": path, "label": label, "group": group, **vars(record)}
            for path, label, group, record in zip(index.paths, index.labels, index.groups, self.records, strict=True)
        )
        write_table(out / "index.csv", INDEX_COLUMNS, rows)
        write_json(out / "audit.json", self.summary())


def read_tile_record(file: Path) -> TileRecord:
    """Decode one file and describe it; damage becomes a ``problem``."""
    try:
        pixels, mode = inspect(file)
    except CannotReadImage as error:
        return TileRecord(bytes=_size(file), problem=str(error))
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(pixels.tobytes())
    height, width = pixels.shape[:2]
    return TileRecord(width, height, mode, _size(file), digest.hexdigest(), perceptual_hash(pixels))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):  # gone, or a path that no file can have
        return 0


def audit_tiles(index: TileIndex, *, progress: Progress = silent) -> Audit:
    """Read every tile of an index once, on all cores."""
    records: list[TileRecord] = []
    for record in each(read_tile_record, index.files()):
        records.append(record)
        progress("reading tiles", len(records), len(index))
    return Audit(index, tuple(records))


def sample_rows(index: TileIndex, rows: Sequence[int], code: str, n: int) -> list[int]:
    """Pick up to ``n`` rows of a class, spread evenly over its files (so neighbours from one slide are rare)."""
    own = [i for i in rows if index.labels[i] == code]
    return [own[i * len(own) // min(n, len(own))] for i in range(min(n, len(own)))]
