"""Models compared on the same tiles, in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gastropath import formulas
from gastropath.errors import CannotCompare, CannotReadTable
from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.ranks import mcnemar
from gastropath.results.interval import Interval
from gastropath.results.metrics import Metrics
from gastropath.tables import read_table

_NAMED = 3


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

    def ordered_as(self, paths: Sequence[str]) -> Judged:
        """Return the answers to the same tiles in another order."""
        place = {path: i for i, path in enumerate(self.paths)}
        rows = [place[path] for path in paths]
        cells = {
            name: tuple(getattr(self, name)[i] for i in rows) for name in ("paths", "labels", "groups", "predicted")
        }
        return replace(self, accepted=self.accepted[rows], **cells)


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
    _, rows = read_table(table, required=("path", "true_label", "predicted_label", "decision", "group", "part"))
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
    first = runs[0]
    for other in runs[1:]:
        _check_same_tiles(first, other)
    runs = [first, *(other.ordered_as(first.paths) for other in runs[1:])]
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
        warnings=(resampling.warning,) if resampling.warning else (),
        contenders=tuple(
            _contender(run, true, own, len(classes), resampling) for run, own in zip(runs, answers, strict=True)
        ),
        differences=tuple(replace(found, p_adjusted=p) for found, p in zip(against, adjusted, strict=True)),
    )


def _check_same_tiles(first: Judged, other: Judged) -> None:
    ours, theirs = dict(zip(first.paths, first.labels, strict=True)), dict(zip(other.paths, other.labels, strict=True))
    if ours == theirs:
        return
    common = ours.keys() & theirs.keys()
    relabelled = [path for path in sorted(common) if ours[path] != theirs[path]]
    if relabelled:
        raise CannotCompare(
            f"{first.name} and {other.name} were judged by different labels: {relabelled[0]} is {ours[relabelled[0]]} "
            f"and {theirs[relabelled[0]]} ({len(relabelled):,} such tiles)",
            remedy="evaluate both on the same data",
        )
    raise CannotCompare(
        f"{first.name} ({len(ours):,} tiles) and {other.name} ({len(theirs):,}) were judged on different tiles, "
        f"{len(common):,} in common; only in {first.name}: {_some(ours.keys() - common)}; only in {other.name}: "
        f"{_some(theirs.keys() - common)}",
        remedy="evaluate both models with the same data and the same split",
    )


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
