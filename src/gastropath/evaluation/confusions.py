"""Errors, looked at: which classes are taken for which, and the tiles where it happened."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.evaluation.assessment import Assessment
from gastropath.outputs import replacing

_ENOUGH = 5
"""Tiles from which on a pattern is put into words."""


@dataclass(frozen=True)
class Misclassified:
    """One tile that got the wrong answer."""

    path: str
    file: Path
    mpp: float | None
    true: str
    predicted: str
    confidence: float
    probability_of_true: float
    colour_agrees: bool


@dataclass(frozen=True)
class ConfusedPair:
    """A class that is taken for another.

    Attributes
    ----------
    n, total
        Tiles of ``true`` taken for ``predicted``, of all judged tiles of ``true``.
    reverse
        Tiles of ``predicted`` taken for ``true``.
    confidence
        Mean confidence of these wrong answers.
    by_colour
        How many of them the colour-histogram baseline gets wrong in the same way; -1 without a baseline.
    """

    true: str
    predicted: str
    n: int
    total: int
    reverse: int
    confidence: float
    by_colour: int

    def sentence(self) -> str:
        """Say what the numbers of this pair mean."""
        share = self.n / self.total
        findings = [
            f"{self.true} taken for {self.predicted}: {self.n} of {self.total} tiles ({share:.0%})",
            self._other_way_round(),
            self._certainty(),
        ]
        if self.by_colour >= 0:
            explained = self.by_colour / self.n >= 0.5 and self.n >= _ENOUGH
            findings.append(
                f"colour alone makes the same mistake on {self.by_colour} of them"
                + (", so their stain or brightness explains much of it" if explained else "")
            )
        return "; ".join(findings) + "."

    def _other_way_round(self) -> str:
        if self.reverse == 0:
            return "never the other way round"
        if self.n + self.reverse < _ENOUGH:
            return f"{self.reverse} the other way round"
        if self.n >= 2 * self.reverse:
            return f"only {self.reverse} the other way round, so the model leans towards {self.predicted}"
        if self.reverse >= 2 * self.n:
            return f"{self.reverse} the other way round, so the model leans towards {self.true}"
        return f"{self.reverse} the other way round, so the two look alike to it"

    def _certainty(self) -> str:
        sure = (
            "is sure of these errors"
            if self.confidence >= 0.8
            else "hesitates"
            if self.confidence < 0.6
            else "is fairly sure of them"
        )
        return f"it {sure} (mean confidence {self.confidence:.2f})"


def misclassified(assessment: Assessment) -> list[Misclassified]:
    """Return the wrongly answered tiles of the judged part, the most confident error first."""
    true, answers = assessment.true, assessment.predictions
    numbers, confidence, mpp = answers.numbers, answers.confidence, assessment.index.mpp()
    wrong = [i for i in assessment.judged if numbers[i] != true[i]]
    wrong.sort(key=lambda i: (-float(confidence[i]), assessment.index.paths[i]))
    return [
        Misclassified(
            path=assessment.index.paths[i],
            file=assessment.index.root / assessment.index.paths[i],
            mpp=mpp[i],
            true=answers.classes[true[i]],
            predicted=answers.classes[numbers[i]],
            confidence=float(confidence[i]),
            probability_of_true=float(answers.probabilities[i, true[i]]),
            colour_agrees=bool(assessment.shortcut[i] == numbers[i]),
        )
        for i in wrong
    ]


def confused_pairs(assessment: Assessment, most: int = 6) -> list[ConfusedPair]:
    """Return the pairs with the largest share of a class taken for another, largest first."""
    matrix = np.array(assessment.metrics.confusion_matrix)
    classes = assessment.metrics.classes
    has_baseline = assessment.metrics.shortcut_baseline.macro_f1 is not None
    errors = misclassified(assessment)
    pairs = []
    for row, column in np.argwhere(matrix):
        if row == column:
            continue
        own = [e for e in errors if e.true == classes[row] and e.predicted == classes[column]]
        pairs.append(
            ConfusedPair(
                true=classes[row],
                predicted=classes[column],
                n=int(matrix[row, column]),
                total=int(matrix[row].sum()),
                reverse=int(matrix[column, row]),
                confidence=float(np.mean([e.confidence for e in own])),
                by_colour=sum(e.colour_agrees for e in own) if has_baseline else -1,
            )
        )
    pairs.sort(key=lambda pair: (-pair.n / pair.total, -pair.n, pair.true, pair.predicted))
    return pairs[:most]


def copy_misclassified(errors: list[Misclassified], out: Path, most: int = 200) -> None:
    """Copy the most confident errors into a folder, named so that they sort by true and predicted class."""
    with replacing(out) as partial:
        partial.mkdir()
        for rank, error in enumerate(errors[:most], start=1):
            stem = error.file.stem.encode()[:120].decode("utf-8", "ignore")
            name = f"{_safe(error.true)}_as_{_safe(error.predicted)}_{error.confidence:.2f}_{rank:03d}_{stem}"
            with suppress(FileNotFoundError):  # it was there when it was judged; its row is in predictions.csv
                shutil.copyfile(error.file, partial / f"{name}{error.file.suffix.lower()}")


def _safe(code: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in code)[:40]
