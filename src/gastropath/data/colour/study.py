"""How well the class of a tile can be predicted from its colour alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gastropath import formulas
from gastropath.data.audit.audit import Audit, sample_rows
from gastropath.data.colour.baseline import ColourBaseline
from gastropath.data.colour.histograms import histograms_of
from gastropath.data.duplicates.duplicates import linked
from gastropath.errors import CannotReadImage
from gastropath.progress import Progress, silent
from gastropath.results.interval import Interval

FOLDS = 5
_TILES = 1000


@dataclass(frozen=True)
class ColourStudy:
    """Cross-validated metrics of a colour histogram with logistic regression.

    Attributes
    ----------
    n
        Number of tiles, the same of each class where there are enough.
    units
        Number of sets of tiles that stay in one fold: groups, duplicates, and single tiles.
    balanced_accuracy
        Mean of the classes' recalls, with its 95 % bootstrap interval over the units.
    recall
        Of each class.
    """

    n: int
    units: int
    balanced_accuracy: Interval
    recall: dict[str, float]

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        chance, (value, low, high) = 1 / len(self.recall), self.balanced_accuracy.numbers
        gained = (value - chance) / (1 - chance)
        verdict = (
            "colour says almost nothing about the class"
            if low <= chance or gained < 0.1
            else "colour predicts the class in part"
            if gained < 0.5
            else "colour predicts the class to a large part, and a model may learn the stain instead of the tissue"
        )
        easiest = max(self.recall, key=lambda code: self.recall[code])
        interval = f"mean over classes, 95 % interval {low:.0%} to {high:.0%}"
        return (
            f"From colour alone, without any structure, {value:.0%} of the tiles are classified correctly "
            f"({interval}; guessing reaches {chance:.0%}): {verdict}. The easiest class is {easiest} "
            f"({self.recall[easiest]:.0%}). A model is useful only where it is clearly better than this."
        )

    def summary(self) -> dict[str, object]:
        """Return what ``audit.json`` holds of it."""
        return {
            "n": self.n,
            "folds": FOLDS,
            "balanced_accuracy": {
                name: None if number is None else round(number, 4)
                for name, number in self.balanced_accuracy.model_dump().items()
            },
            "recall": {code: round(value, 4) for code, value in self.recall.items()},
        }


def study_colour(audit: Audit, *, seed: int = 0, progress: Progress = silent) -> ColourStudy | None:
    """Cross-validate the colour-histogram baseline on at most 1,000 tiles; duplicates and groups stay together.

    Returns
    -------
    ColourStudy or None
        ``None`` where fewer than two classes have enough separate tiles for every fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    index, readable = audit.index, audit.readable()
    unit = _units(audit)
    classes = [c for c in index.classes if len({unit[i] for i in readable if index.labels[i] == c}) >= FOLDS]
    if len(classes) < 2:
        return None
    rows = [i for code in classes for i in sample_rows(index, readable, code, max(FOLDS, _TILES // len(classes)))]
    labels, units = np.array([index.labels[i] for i in rows]), unit[rows]
    if len(np.unique(units)) < FOLDS:  # the sample may miss many small units
        return None
    try:
        histograms = histograms_of(index.take(rows), progress=progress)
    except CannotReadImage:  # the file has changed since the audit read it
        return None
    answers = np.empty_like(labels)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(histograms, labels, units)
    for done, (train, test) in enumerate(folds, start=1):
        if not len(test) or len(np.unique(labels[train])) < len(classes):
            return None
        answers[test] = ColourBaseline(seed).fit(histograms[train], labels[train]).predict(histograms[test])
        progress("cross-validating colour", done, FOLDS)
    right = answers == labels
    recall = {code: float(right[labels == code].mean()) for code in classes}
    numbers = np.unique(labels, return_inverse=True)[1]

    def balanced(drawn: np.ndarray) -> float:
        hits = np.bincount(numbers[drawn], weights=right[drawn], minlength=len(classes))
        total = np.bincount(numbers[drawn], minlength=len(classes))
        return float((hits[total > 0] / total[total > 0]).mean())

    low, high = formulas.bootstrap(balanced, units, seed=seed)
    value = float(np.mean(list(recall.values())))
    return ColourStudy(len(rows), len(np.unique(units)), Interval.of(value, float(low), float(high)), recall)


def _units(audit: Audit) -> np.ndarray:
    """Number the sets of tiles that share a group or a picture."""
    first: dict[str, int] = {}
    links = [(first.setdefault(group, i), i) for i, group in enumerate(audit.index.groups) if group]
    links += [(rows[0], row) for rows in audit.duplicates.groups for row in rows[1:]]
    unit = np.arange(len(audit.index))
    for rows in linked(len(unit), links):
        unit[list(rows)] = rows[0]
    return unit
