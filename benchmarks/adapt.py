"""What a few labels from another laboratory are worth to a model that never saw it.

    python benchmarks/adapt.py TILES.csv [TILES.csv ...] [--model M] [--draws 20] [--out benchmarks/adapt.md]

Leaves one source out at a time: its tiles are the new laboratory, all others what the model knows. From the new one a
few labels a class are drawn, and the others are judged; no group (a patient, a file, a notebook) has tiles on both
sides. Tables need the columns ``path,label,group,set``. Beside it stands the control that learns nothing and only knows
which classes occur, and what the classes known before lost: their own tiles, each answered by a head fitted without its
group. The head is fitted as `gastropath adapt` does with few labels: as much weight as all known tiles, strength 10.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import gastropath
from gastropath.data.index import find_tiles
from gastropath.inference.grouped_folds import grouped_folds
from gastropath.inference.linear_head import Head, fit_head
from gastropath.parallel import one_thread_each
from gastropath.teach.examples import Examples
from gastropath.teach.refit import Base, quick_fit

LABELS = (2, 5, 10, 20)
LABORATORIES = {
    "kather2016": ("kather2016",),
    "crc_val_he_7k": ("crc_val_he_7k",),
    "HMU-GC-HE-30K": ("hmu_gc_he_30k_nb", "hmu_gc_he_30k"),
}


@dataclass(frozen=True)
class Tiles:
    """Features, class numbers, groups and sets of tiles."""

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    sets: np.ndarray

    def take(self, rows: np.ndarray) -> Tiles:
        """Return some of them."""
        return Tiles(self.features[rows], self.labels[rows], self.groups[rows], self.sets[rows])


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, help="bundle whose features are used; the starter model by default")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    model = gastropath.load(arguments.model)
    tiles = described(model, arguments.tables)
    lines = [
        f"# A few labels of another laboratory ({model.card.name}, {model.card.precision})",
        "",
        "Written by `benchmarks/adapt.py`. Accuracy on tiles of the laboratory that was left out: mean of "
        f"{arguments.draws} draws, and in brackets from their 2.5 to their 97.5 percentile. Tiles are few, and groups "
        "are only what the sources show.",
        "",
        "| laboratory | labels a class | tiles judged | accuracy | known before, lost |",
        "|---|---|---|---|---|",
    ]
    with one_thread_each():
        for name, sets in LABORATORIES.items():
            lines += measured(name, sets, tiles, model.classes, arguments.draws)
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


def described(model: gastropath.Classifier, tables: Sequence[Path]) -> Tiles:
    """Compute features of the tiles of the model's classes."""
    parts = []
    for table in tables:
        index = find_tiles([table], list(model.classes))
        features = model.predict([index.root / path for path in index.paths], features=True).features
        assert features is not None
        columns = np.array(index.groups), np.array(index.extra["set"])
        parts.append(Tiles(features, index.numbers(model.classes), *columns))
    return Tiles(*(np.concatenate([getattr(part, name) for part in parts]) for name in Tiles.__dataclass_fields__))


def measured(name: str, sets: Sequence[str], tiles: Tiles, codes: Sequence[str], draws: int) -> list[str]:
    """Return the rows of a laboratory."""
    is_new = np.isin(tiles.sets, sets)
    known, new = tiles.take(np.flatnonzero(~is_new)), tiles.take(np.flatnonzero(is_new))
    n = len(codes)
    units = np.unique(known.groups, return_inverse=True)[1].ravel()
    head = fit_head(known.features, known.labels, n, 10.0, weights=balanced(known.labels))
    base = Base(head, tuple(codes), known.features, known.labels, units)
    folds = grouped_folds(known.labels, units, n)
    right_before = folded(base, folds, None, codes)
    occurring = np.unique(new.labels)
    logits = head.logits(new.features)
    rows = [
        (0, len(new.labels), [float((logits.argmax(axis=1) == new.labels).mean())], [0.0], ""),
        (0, len(new.labels), [float((occurring[logits[:, occurring].argmax(axis=1)] == new.labels).mean())], [0.0],
         ", only its classes allowed"),
    ]  # fmt: skip
    for count in LABELS:
        found, lost, judged = [], [], []
        for draw in range(draws):
            learned, asked = drawn(new, count, np.random.default_rng(draw))
            if len(asked) < 10:
                continue
            examples = as_examples(new.take(learned), codes)
            fitted = quick_fit(base, examples, codes)
            found.append(float((fitted.logits(new.features[asked]).argmax(axis=1) == new.labels[asked]).mean()))
            lost.append(right_before - folded(base, folds, examples, codes))
            judged.append(len(asked))
        if len(found) == draws:
            rows.append((count, round(float(np.mean(judged))), found, lost, ""))
    start = f"| {name}, {len(occurring)} classes"
    return [
        f"{start} | {count}{more} | {judged} | {spread(found)} | {spread(lost) if count else '–'} |"
        for count, judged, found, lost, more in rows
    ]


def drawn(new: Tiles, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels of each class from half of the groups or fewer; return their rows, and those of the other groups."""
    order = rng.permutation(np.unique(new.groups))
    wanted = {int(label): count for label in np.unique(new.labels)}
    learned: list[int] = []
    taken = set()
    for group in order:
        rows = np.flatnonzero(new.groups == group)
        useful = [row for row in rng.permutation(rows) if wanted[int(new.labels[row])] > 0]
        if not useful:
            continue
        taken.add(group)
        for row in useful:
            if wanted[int(new.labels[row])] > 0:
                wanted[int(new.labels[row])] -= 1
                learned.append(int(row))
        if not any(wanted.values()):
            break
    if any(wanted.values()):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.array(learned), np.flatnonzero(~np.isin(new.groups, list(taken)))


def as_examples(tiles: Tiles, codes: Sequence[str]) -> Examples:
    """Return tiles as examples to learn from."""
    n, groups = len(tiles.labels), tuple(map(str, tiles.groups))
    labels = tuple(codes[int(label)] for label in tiles.labels)
    return Examples(tiles.features, labels, groups, groups, ("own",) * n, tuple(map(str, range(n))), (None,) * n)


def folded(
    base: Base, folds: Sequence[tuple[np.ndarray, np.ndarray]], new: Examples | None, codes: Sequence[str]
) -> float:
    """Return the accuracy on known tiles, each answered without its group, with or without new labels."""
    right = np.zeros(len(base.labels), bool)
    for train, held in folds:
        if new is None:
            head = fit_head(
                base.features[train], base.labels[train], len(codes), 10.0, weights=balanced(base.labels[train])
            )
        else:
            part = Base(base.head, base.codes, base.features[train], base.labels[train], base.units[train])
            head = quick_fit(part, new, codes)
        right[held] = right_of(head, base.features[held], base.labels[held])
    return float(right.mean())


def right_of(head: Head, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tell which answers are right."""
    return head.logits(features).argmax(axis=1) == labels


def balanced(labels: np.ndarray) -> np.ndarray:
    """Return weights that make all classes count the same."""
    counts = np.bincount(labels)
    return len(labels) / (np.count_nonzero(counts) * counts[labels])


def spread(values: Sequence[float]) -> str:
    """Write the mean and the spread of draws."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{np.mean(values):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
