"""Reading every tile once, and what that shows: sizes, damage, balance, duplicates, label conflicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from gastropath.data.audit.kept_pairs import KeptPairs
from gastropath.data.audit.readings import KeptColours, KeptReadings, Reading, read
from gastropath.data.audit.record import BLANK, FLAGS, ODD_SIZE, REFUSED, TileRecord
from gastropath.data.duplicates.duplicates import Duplicates, NearPair
from gastropath.data.duplicates.keypoints import Keypoints
from gastropath.data.duplicates.near import find_near_duplicates
from gastropath.data.duplicates.pairs import write_pairs
from gastropath.data.index import TileIndex
from gastropath.data.left_out import LEFT_OUT
from gastropath.data.seen import Seen
from gastropath.outputs import write_json
from gastropath.parallel import each, one_thread_each
from gastropath.progress import Progress, silent
from gastropath.results.prediction import Refusal
from gastropath.tables import write_table
from gastropath.tissue_classes import tissue_class

INDEX_COLUMNS = ("path", "label", "group", "width", "height", "mode", "bytes", "pixel_sha256", "problem")
DETAIL = "problem_detail"
MEASURES = ("white_share", "sharpness", "mean_red", "mean_green", "mean_blue", "saturation")
FORMAT_VERSION = 2
"""Of ``audit.json``."""

_USUAL = 0.9  # share of the tiles that must have a size before another is odd


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
    points
        Keypoints by row. Only tiles that were read for them have any, and only the first of identical ones.
    """

    index: TileIndex
    records: tuple[TileRecord, ...]
    near: tuple[NearPair, ...] | None = None
    points: Mapping[int, Keypoints] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def duplicates(self) -> Duplicates:
        """Identical and near-duplicate tiles, in rows of :attr:`index`."""
        return Duplicates.of([record.pixel_sha256 for record in self.records], self.near or ())

    @cached_property
    def problems(self) -> tuple[tuple[str, ...], ...]:
        """Codes of what is wrong with each tile: why it was refused, or else its flags; none where all is well."""
        usual = self.usual_size
        return tuple(
            (record.refusal.code,) if record.refusal else (*record.flags, *(ODD_SIZE,) * self._odd(record, usual))
            for record in self.records
        )

    @property
    def usual_size(self) -> tuple[int, int] | None:
        """(width, height) that at least 90 % of the tiles have."""
        sizes = self.sizes()
        size, n = max(sizes.items(), key=lambda item: item[1], default=(None, 0))
        return size if n >= _USUAL * sizes.total() else None

    @staticmethod
    def _odd(record: TileRecord, usual: tuple[int, int] | None) -> bool:
        return usual is not None and not record.refusal and (record.width, record.height) != usual

    def readable(self) -> list[int]:
        """Return the rows whose file was decoded."""
        return [i for i, record in enumerate(self.records) if not record.refusal]

    def readable_counts(self) -> dict[str, int]:
        """Return the number of readable tiles of each class; 0 where no file of it could be decoded."""
        readable = Counter(self.index.labels[i] for i in self.readable())
        return {code: readable[code] for code in self.index.classes}

    def refusals(self) -> dict[str, Refusal]:
        """Return for the path of each file that was not decoded the reason, as a code and a sentence."""
        rows = zip(self.index.paths, self.records, strict=True)
        return {path: record.refusal for path, record in rows if record.refusal}

    def refused(self) -> dict[str, str]:
        """Return for the path of each file that was not decoded the reason as a sentence, to be shown."""
        return {path: refusal.sentence for path, refusal in self.refusals().items()}

    def refused_by_code(self) -> dict[str, list[str]]:
        """Return the paths of the files that were not decoded by the code of the reason."""
        paths: dict[str, list[str]] = {}
        for path, refusal in self.refusals().items():
            paths.setdefault(refusal.code, []).append(path)
        return paths

    def flagged(self, flag: str) -> list[int]:
        """Return the rows of the readable tiles with a problem of this code."""
        return [i for i in self.readable() if flag in self.problems[i]]

    def summary_of_problems(self) -> dict[str, int]:
        """Count the readable tiles by the code of their problem, the most frequent first."""
        return dict(Counter(code for i in self.readable() for code in self.problems[i]).most_common())

    def conflicts(self) -> list[tuple[int, ...]]:
        """Return the groups of duplicates with more than one label, without blank tiles, which show nothing."""
        labels = self.index.labels
        return [
            group
            for group in self.duplicates.groups
            if len({labels[i] for i in group}) > 1 and BLANK not in self.records[group[0]].flags
        ]

    def sizes(self) -> Counter[tuple[int, int]]:
        """Count tiles by (width, height) in pixels."""
        return Counter((self.records[i].width, self.records[i].height) for i in self.readable())

    def modes(self) -> Counter[str]:
        """Count tiles by the colour mode in the file."""
        return Counter(self.records[i].mode for i in self.readable())

    def imbalance(self) -> tuple[float, str]:
        """Return how many times as many tiles the largest class has as the smallest, and what that means in words.

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
            return ratio, "balanced: accuracy and macro-F1 are both meaningful"
        if ratio <= 3:
            return ratio, "mildly imbalanced: look at macro-F1 beside accuracy"
        if ratio <= 10:
            return ratio, "imbalanced: accuracy flatters a model that favours the large classes; look at macro-F1"
        return ratio, "severely imbalanced: look at the metrics of each class, and collect more of the small ones"

    def summary(self) -> dict[str, object]:
        """Return what ``audit.json`` holds of it."""
        ratio, verdict = self.imbalance()
        groups, labels = self.duplicates.identical, self.index.labels
        counts, readable = self.index.counts(), self.readable_counts()
        problems, refused = self.summary_of_problems(), self.refused_by_code()
        return {
            "format_version": FORMAT_VERSION,
            "n_tiles": len(self.index),
            "n_readable": len(self.readable()),
            "classes": {
                code: {"name": tissue_class(code).name, "tiles": n, "readable": readable[code]}
                for code, n in counts.items()
            },
            "imbalance": {"ratio": round(ratio, 3) if math.isfinite(ratio) else None, "verdict": verdict},
            "groups": len(set(self.index.groups) - {""}),
            "sizes": {f"{width}x{height}": n for (width, height), n in self.sizes().most_common()},
            "modes": dict(self.modes().most_common()),
            "problems": problems,
            "identical": {
                "groups": len(groups),
                "tiles": sum(len(group) for group in groups),
                "groups_across_classes": sum(len({labels[i] for i in group}) > 1 for group in groups),
            },
            "near": None if self.near is None else {"pairs": len(self.near)},
            "duplicate_groups": len(self.duplicates.groups),
            "label_conflicts": [[self.index.paths[i] for i in group] for group in self.conflicts()],
            "refused": refused,
            "left_out": [vars(entry) for entry in self.index.left_out],
            "reasons": reasons([*problems, *refused, *(entry.code for entry in self.index.left_out)]),
            "synthetic": self.index.synthetic,
            "index_sha256": self.index.sha256(),
        }

    def write(self, out: Path, more: Mapping[str, object] | None = None) -> None:
        """Write ``index.csv``, ``duplicates.csv`` and ``audit.json``; ``more`` is added to the last."""
        index = self.index
        extra = [name for name in index.extra if name not in {*INDEX_COLUMNS, DETAIL, *MEASURES}]
        rows = (
            {
                **vars(record),
                **{name: index.extra[name][i] for name in extra},
                "path": index.paths[i],
                "label": index.labels[i],
                "group": index.groups[i],
                "problem": ";".join(self.problems[i]),
                DETAIL: record.refusal.sentence if record.refusal else "; ".join(FLAGS[c] for c in self.problems[i]),
            }
            for i, record in enumerate(self.records)
        )
        write_table(out / "index.csv", (*INDEX_COLUMNS, DETAIL, *MEASURES, *extra), rows)
        write_pairs(out / "duplicates.csv", index.paths, index.labels, self.duplicates)
        write_json(out / "audit.json", {**self.summary(), **(more or {})})


def reasons(codes: Iterable[str]) -> dict[str, str]:
    """Return what some codes mean, of problems, refusals and what is left out of an index."""
    meanings = {**FLAGS, **REFUSED, **LEFT_OUT}
    return {code: meanings[code] for code in codes if code in meanings}


def audit_tiles(
    index: TileIndex, *, near: bool = True, cache: Path | None = None, progress: Progress = silent
) -> Audit:
    """Read every tile of an index once, on all cores.

    Parameters
    ----------
    index
        The tiles.
    near
        Search for near-duplicates, which takes about as long again; identical tiles are found in any case.
    cache
        See :func:`read_tiles`.
    """
    with one_thread_each():
        audit = read_tiles(index, with_points=near, cache=cache, progress=progress)
        return search_near(audit, cache=cache, progress=progress) if near else audit


def read_tiles(index: TileIndex, *, with_points: bool, cache: Path | None = None, progress: Progress = silent) -> Audit:
    """Read every tile of an index once, without searching for near-duplicates.

    Parameters
    ----------
    index
        The tiles; the index of the result has their pixels.
    with_points
        Also find the keypoints by which near-duplicates are found.
    cache
        Folder where what was read is kept, and looked up: files that did not change since are not decoded again. By
        default all are.
    """
    kept, colours = KeptReadings.of(cache, index.root), KeptColours(cache)
    files = list(index.files())
    known = [kept.get(path, file, with_points=with_points) for path, file in zip(index.paths, files, strict=True)]
    unread = (file for file, reading in zip(files, known, strict=True) if reading is None)
    new: list[tuple[str, Reading]] = []
    reading_on = each(partial(read, with_points=with_points), unread, prefer="processes")
    records: list[TileRecord] = []
    points: dict[int, Keypoints] = {}
    seen: set[str] = set()
    try:
        for path, reading in zip(index.paths, known, strict=True):
            if reading is None:
                reading = next(reading_on)
                colours.keep(reading)
                new.append((path, replace(reading, colours=None)))
            record = reading.record
            if reading.points is not None and record.pixel_sha256 not in seen:
                seen.add(record.pixel_sha256)
                points[len(records)] = reading.points
            records.append(record)
            progress("reading tiles", len(records), len(index))
    finally:
        kept.keep(new)
        colours.write()
    pixels = tuple(record.pixel_sha256 for record in records)
    measured = {record.pixel_sha256: record for record in records if not record.refusal}
    index = replace(index, pixels=pixels, seen=Seen(measured, colours.rows))
    return Audit(index, tuple(records), points=points)


def with_pixels(index: TileIndex, *, cache: Path | None = None, progress: Progress = silent) -> TileIndex:
    """Return an index whose pixels are known: the tiles are read where nobody has; see :func:`read_tiles`."""
    if index.pixels or not len(index):
        return index
    return read_tiles(index, with_points=False, cache=cache, progress=progress).index


def search_near(audit: Audit, *, cache: Path | None = None, progress: Progress = silent) -> Audit:
    """Return the audit with its near-duplicates; those of the same pictures in the same order are known from before.

    Parameters
    ----------
    cache
        Folder where they are kept, and looked up. By default they are not.
    """
    rows = list(audit.points)
    shown = [audit.records[row].pixel_sha256 for row in rows]
    kept = KeptPairs.of(cache, shown)
    pairs = kept.get()
    if pairs is None:
        files, lost = [audit.index.root / audit.index.paths[row] for row in rows], list[int]()
        pairs = find_near_duplicates(
            files, list(audit.points.values()), shown=shown, on_lost=lost.append, progress=progress
        )
        if not lost:
            kept.keep(pairs)
    return replace(audit, near=tuple(replace(pair, a=rows[pair.a], b=rows[pair.b]) for pair in pairs))


def sample_rows(index: TileIndex, rows: Sequence[int], code: str, n: int) -> list[int]:
    """Pick up to ``n`` rows of a class, spread evenly over its files (so neighbours from one slide are rare)."""
    own = [i for i in rows if index.labels[i] == code]
    return [own[i * len(own) // min(n, len(own))] for i in range(min(n, len(own)))]
