"""Reading every tile once, and what that shows: sizes, damage, balance, identical pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gastropath.cluster import Progress, each, silent
from gastropath.data.duplicates import Duplicates, NearPair
from gastropath.data.index import TileIndex
from gastropath.data.tile_record import TileRecord, read_tile_record
from gastropath.outputs import write_json
from gastropath.tables import write_table
from gastropath.tissue import tissue_class

INDEX_COLUMNS = ("path", "label", "group", "width", "height", "mode", "bytes", "pixel_sha256", "phash", "problem")


@dataclass(frozen=True)
class Audit:
    """The records of an index, one a tile, and what follows from them.

    Attributes
    ----------
    index
        The tiles.
    records
        One a tile.
    near
        Near-duplicates; ``None`` where they were not searched for.
    """

    index: TileIndex
    records: tuple[TileRecord, ...]
    near: tuple[NearPair, ...] | None = None

    @cached_property
    def duplicates(self) -> Duplicates:
        """Identical and near-duplicate tiles, in rows of :attr:`index`."""
        return Duplicates.of([record.pixel_sha256 for record in self.records], self.near or ())

    def readable(self) -> list[int]:
        """Return the rows whose file was decoded."""
        return [i for i, record in enumerate(self.records) if not record.refusal]

    def refused(self) -> dict[str, str]:
        """Return path and reason of each file that was not decoded."""
        rows = zip(self.index.paths, self.records, strict=True)
        return {path: record.refusal for path, record in rows if record.refusal}

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
        groups = self.duplicates.identical
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
            {"path": path, "label": label, "group": group, "problem": record.refusal, **vars(record)}
            for path, label, group, record in zip(index.paths, index.labels, index.groups, self.records, strict=True)
        )
        write_table(out / "index.csv", INDEX_COLUMNS, rows)
        write_json(out / "audit.json", self.summary())


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
