"""Models compared on the same tiles, in pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gastropath import formulas
from gastropath.data.alike import joined
from gastropath.data.matching import PIXELS
from gastropath.errors import CannotCompare, CannotReadTable
from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.ranks import mcnemar
from gastropath.results.interval import Interval
from gastropath.results.metrics import Metrics
from gastropath.tables import read_table

_NAMED = 3

_BY_PATH = (
    "One of these was evaluated by an earlier GastroPath, which did not note what the tiles look like: they were "
    "paired by path and label, and whether they are the same tiles cannot be told. Evaluate the model again."
)


@dataclass(frozen=True)
class Judged:
    """What one model answered to the tiles it was judged on, in the order of its table.

    Attributes
    ----------
    name
        Of the run or evaluation.
    part
        The judged tiles, in words.
    classes
        Class codes of the model.
    synthetic
        Whether the tiles were drawn.
    paths, labels, groups
        Of each tile.
    pixels
        :func:`gastropath.images.pixel_sha256` of each tile; none in what an earlier version wrote.
    predicted
        Class code given to each tile.
    accepted
        Whether the model stands by it: ``bool``, shape (n,).
    """

    name: str
    part: str
    classes: tuple[str, ...]
    synthetic: bool
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    predicted: tuple[str, ...]
    accepted: np.ndarray
    pixels: tuple[str, ...] = ()

    def take(self, rows: Sequence[int]) -> Judged:
        """Return the answers to some of the tiles, in the order given."""
        names = ("paths", "labels", "groups", "predicted", *(["pixels"] if self.pixels else []))
        cells = {name: tuple(getattr(self, name)[i] for i in rows) for name in names}
        return replace(self, accepted=self.accepted[list(rows)], **cells)

    def keys(self, *, by_pixels: bool) -> list[tuple[str, int]]:
        """Return what tells each tile from the others: pixels or path, and which of its copies it is.

        Copies are numbered in the order of their labels, so that a picture with two labels meets itself.
        """
        names = self.pixels if by_pixels else self.paths
        copies: Counter[str] = Counter()
        keys: list[tuple[str, int]] = [("", 0)] * len(names)
        for i in sorted(range(len(names)), key=lambda i: (self.labels[i], self.paths[i])):
            keys[i] = names[i], copies[names[i]]
            copies[names[i]] += 1
        return keys


@dataclass(frozen=True)
class Contender:
    """One model's metrics on the common tiles; ``coverage`` and ``selective_accuracy`` at its own thresholds."""

    name: str
    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval
    coverage: Interval
    selective_accuracy: Interval


@dataclass(frozen=True)
class Difference:
    """A model compared with the first one.

    Attributes
    ----------
    name
        Of the model.
    accuracy, macro_f1
        Its figure minus that of the first, with the interval of the paired bootstrap.
    f1
        The same of each class.
    only_first, only_other
        Tiles that only one of the two classified rightly.
    p, p_adjusted
        Exact p-value of McNemar's test, and adjusted for the number of comparisons (Holm).
    """

    name: str
    accuracy: Interval
    macro_f1: Interval
    f1: dict[str, Interval]
    only_first: int
    only_other: int
    p: float
    p_adjusted: float


@dataclass(frozen=True)
class Comparison:
    """Models on the same tiles: each for itself, and each against the first."""

    n: int
    groups: int
    resampled: str
    part: str
    classes: tuple[str, ...]
    synthetic: bool
    warnings: tuple[str, ...]
    contenders: tuple[Contender, ...]
    differences: tuple[Difference, ...]


def read_judged(folder: Path, name: str) -> Judged:
    """Read what a run or an evaluation found.

    Raises
    ------
    CannotCompare
        If the folder holds no evaluation, or one of another version.
    CannotReadTable
        If its ``predictions.csv`` is damaged.
    """
    table, document = folder / "predictions.csv", folder / "metrics.json"
    if missing := [file.name for file in (table, document) if not file.is_file()]:
        what = f"holds no {' and no '.join(missing)}"
        raise CannotCompare(what, where=folder, remedy="name a finished run, or the folder of an evaluation")
    try:
        metrics = Metrics.parse(document.read_bytes(), document)
    except (OSError, CannotReadTable) as error:
        what = f"is not a metrics.json that this GastroPath reads ({getattr(error, 'reason', error)})"
        raise CannotCompare(what, where=document, remedy="evaluate the model again") from None
    needed = ("path", "true_label", "predicted_label", "decision", "group", "part")
    columns, rows = read_table(table, required=needed)
    rows = [row for row in rows if row["part"] == metrics.part and row["decision"] != "refused"]
    if len(rows) != metrics.n:
        what = f"has {len(rows):,} rows of the judged part, but metrics.json beside it was computed from {metrics.n:,}"
        raise CannotReadTable(what, where=table, remedy="evaluate the model again")
    return Judged(
        name=name,
        part=metrics.judged,
        classes=metrics.classes,
        synthetic=metrics.synthetic,
        paths=tuple(row["path"] for row in rows),
        labels=tuple(row["true_label"] for row in rows),
        groups=tuple(row["group"] for row in rows),
        predicted=tuple(row["predicted_label"] for row in rows),
        pixels=tuple(row[PIXELS] for row in rows) if PIXELS in columns else (),
        accepted=np.array([row["decision"] == "accepted" for row in rows], bool),
    )


def compare(runs: Sequence[Judged], *, seed: int = 0) -> Comparison:
    """Compare models with the first of them, on the same tiles.

    Parameters
    ----------
    runs
        At least two, judged on the same tiles with the same labels.
    seed
        Of the bootstrap: 1,000 resamples of groups where there are 20 of them, else of tiles, the same for all models.

    Raises
    ------
    CannotCompare
        If there are fewer than two, or they were judged on different tiles.
    """
    if len(runs) < 2:
        raise CannotCompare(f"expected at least two runs or evaluations, found {len(runs)}", parameter="runs")
    runs, joined_labels = _in_one_spelling(runs)
    by_pixels = all(run.pixels for run in runs)
    first = runs[0].take(sorted(range(len(runs[0].paths)), key=runs[0].keys(by_pixels=by_pixels).__getitem__))
    runs = [first, *(_paired(first, other, by_pixels) for other in runs[1:])]
    classes = tuple(sorted(set().union(*(run.classes for run in runs))))
    number = {code: i for i, code in enumerate(classes)}
    true = np.array([number[label] for label in first.labels])
    answers = [np.array([number[code] for code in run.predicted]) for run in runs]
    resampling = Resampling.of_groups(first.groups, seed)
    pairs = zip(runs[1:], answers[1:], strict=True)
    against = [_difference(run.name, true, answers[0], own, classes, resampling) for run, own in pairs]
    adjusted = formulas.holm([found.p for found in against])
    return Comparison(
        n=len(true),
        groups=len(set(first.groups) - {""}),
        resampled=resampling.kind,
        part=first.part,
        classes=classes,
        synthetic=any(run.synthetic for run in runs),
        warnings=(
            *([resampling.warning] if resampling.warning else []),
            *([] if by_pixels else [_BY_PATH]),
            *joined_labels,
        ),
        contenders=tuple(
            _contender(run, true, own, len(classes), resampling) for run, own in zip(runs, answers, strict=True)
        ),
        differences=tuple(replace(found, p_adjusted=p) for found, p in zip(against, adjusted, strict=True)),
    )


def _in_one_spelling(runs: Sequence[Judged]) -> tuple[list[Judged], list[str]]:
    """Give classes that print alike, or differ in case only, the spelling of the first model; and say which did."""
    first, *others = runs
    same, told = [first], []
    for other in others:
        n, c = len(other.labels), len(other.classes)
        spelled, found = joined([*other.labels, *other.predicted, *other.classes], first.classes)
        labels, predicted, classes = spelled[:n], spelled[n : 2 * n], tuple(dict.fromkeys(spelled[2 * n : 2 * n + c]))
        same.append(replace(other, labels=labels, predicted=predicted, classes=classes))
        told += [f"{other.name}: class {entry.other!a} counts as {entry.value!a}" for entry in found]
    return same, told


def _paired(first: Judged, other: Judged, by_pixels: bool) -> Judged:
    """Return the answers of the other in the order of the first, whose tiles must be the same with the same labels."""
    ours = {key: i for i, key in enumerate(first.keys(by_pixels=by_pixels))}
    theirs = {key: i for i, key in enumerate(other.keys(by_pixels=by_pixels))}
    common = ours.keys() & theirs.keys()
    relabelled = [key for key in ours if key in common and first.labels[ours[key]] != other.labels[theirs[key]]]
    if len(common) < max(len(ours), len(theirs)):
        here, there = (
            {of.paths[rows[key]] for key in rows.keys() - common} for of, rows in ((first, ours), (other, theirs))
        )
        same_names = len(here & there)
        renamed = f"; {same_names:,} have the same path and other pixels" if by_pixels and same_names else ""
        raise CannotCompare(
            f"{first.name} ({len(ours):,} tiles) and {other.name} ({len(theirs):,}) were judged on different tiles, "
            f"{len(common):,} in common; only in {first.name}: {_some(here)}; only in {other.name}: {_some(there)}"
            f"{renamed}",
            remedy="evaluate both models with the same data and the same split",
        )
    if relabelled:
        i, j = ours[relabelled[0]], theirs[relabelled[0]]
        raise CannotCompare(
            f"{first.name} and {other.name} were judged by different labels: {first.paths[i]} is {first.labels[i]} "
            f"and {other.labels[j]} ({len(relabelled):,} such tiles)",
            remedy="evaluate both on the same data",
        )
    return other.take([theirs[key] for key in ours])


def _some(paths: set[str]) -> str:
    named = sorted(paths)[:_NAMED]
    return ", ".join(named) + (" …" if len(paths) > len(named) else "") if named else "none"


def _contender(run: Judged, true: np.ndarray, own: np.ndarray, n_classes: int, resampling: Resampling) -> Contender:
    right, everything = own == true, np.ones(len(true), bool)

    def overall(rows: np.ndarray) -> np.ndarray:
        matrix = formulas.confusion_matrix(true[rows], own[rows], n_classes)
        means = [formulas.macro(values, matrix) for values in (formulas.recall(matrix), formulas.f1(matrix))]
        return np.array([formulas.accuracy(matrix), *means, run.accepted[rows].mean()])

    def selective_accuracy(rows: np.ndarray) -> float:
        answered = run.accepted[rows]
        return float(right[rows][answered].mean()) if answered.any() else float("nan")

    accuracy, balanced_accuracy, macro_f1, coverage = resampling.estimates(overall)
    return Contender(
        name=run.name,
        accuracy=resampling.widened(accuracy, everything),
        balanced_accuracy=resampling.widened(balanced_accuracy, everything),
        macro_f1=resampling.widened(macro_f1, everything),
        coverage=resampling.widened(coverage, everything),
        selective_accuracy=resampling.widened(resampling.estimate(selective_accuracy), run.accepted),
    )


def _difference(
    name: str, true: np.ndarray, first: np.ndarray, other: np.ndarray, classes: tuple[str, ...], resampling: Resampling
) -> Difference:
    """Compare two models; the p-value is not adjusted yet."""

    def gaps(rows: np.ndarray) -> np.ndarray:
        found = []
        for answers in (other, first):
            matrix = formulas.confusion_matrix(true[rows], answers[rows], len(classes))
            f1 = formulas.f1(matrix)
            found.append(np.array([formulas.accuracy(matrix), formulas.macro(f1, matrix), *np.nan_to_num(f1)]))
        return found[0] - found[1]

    accuracy, macro_f1, *f1 = resampling.estimates(gaps)
    only_first = int(((first == true) & (other != true)).sum())
    only_other = int(((first != true) & (other == true)).sum())
    p = mcnemar(only_first, only_other)
    return Difference(name, accuracy, macro_f1, dict(zip(classes, f1, strict=True)), only_first, only_other, p, p)
