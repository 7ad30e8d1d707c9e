"""When to believe a model: temperature, the threshold below which it abstains, and what is unlike its training tiles.

All three are fitted on tiles that the model did not learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gastropath import formulas
from gastropath.errors import TooFewTiles
from gastropath.results.card import Abstention, Calibration, Domain, Source, TargetState
from gastropath.results.interval import Interval

NEIGHBOURS = 5

_ENOUGH_UNITS = 20


@dataclass(frozen=True)
class HeldOut:
    """Answers of a model for tiles it did not learn from.

    Attributes
    ----------
    logits
        ``float32``, shape (n, classes).
    labels
        True class numbers, shape (n,).
    distances
        Distance of each tile to the training tiles of other groups, shape (n,).
    units
        Integer unit of each tile, shape (n,): tiles of one group, or of one block of file numbers, are not independent.
    source
        Where the tiles come from.
    """

    logits: np.ndarray
    labels: np.ndarray
    distances: np.ndarray
    units: np.ndarray
    source: Source

    @classmethod
    def together(cls, parts: Sequence[HeldOut]) -> HeldOut:
        """Put several sets of tiles together; the larger one names the source.

        Raises
        ------
        TooFewTiles
            If there is no tile at all.
        """
        if not sum(len(part.labels) for part in parts):
            raise TooFewTiles(
                "no tile is left to calibrate on: there is no validation part, and the classes lie in too few groups "
                "for cross-validation",
                remedy="add tiles, or use a `split` with a validation part",
            )
        named = [(number, unit) for number, part in enumerate(parts) for unit in part.units]
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.distances for part in parts]),
            np.unique(named, axis=0, return_inverse=True)[1].ravel(),
            max(parts, key=lambda part: len(part.labels)).source,
        )


def calibrate(
    held_out: HeldOut,
    references: int,
    *,
    by: Literal["accuracy", "coverage", "none"],
    at: float,
    in_domain: float,
    answers_unmet: bool = False,
) -> tuple[Calibration, Abstention | None, Domain | None]:
    """Fit temperature, threshold of confidence and threshold of distance on held-out tiles.

    Parameters
    ----------
    held_out
        Answers for tiles the model did not learn from.
    references
        Number of training tiles that stand for all.
    by, at
        See :func:`gastropath.formulas.choose_threshold`; ``"none"`` for a model that always answers.
    in_domain
        Share of the held-out tiles that must not be called unlike the training tiles.
    answers_unmet
        Whether the model answers although the accuracy asked for is not reached.

    Returns
    -------
    calibration, abstention, domain
        Parts of the card; no abstention where ``by`` is ``"none"``, no domain where ``in_domain`` is 1.
    """
    temperature = formulas.fit_temperature(held_out.logits, held_out.labels)
    n = len(held_out.labels)
    calibration = Calibration(method="temperature", temperature=temperature, fitted_on=held_out.source, n=n)
    domain = (
        None
        if in_domain == 1
        else Domain(
            threshold=min(2.0, float(np.quantile(held_out.distances, in_domain, method="higher"))),
            neighbours=min(NEIGHBOURS, references),
            references=references,
            accepted_share=in_domain,
            fitted_on=held_out.source,
            n=n,
        )
    )
    if by == "none":
        return calibration, None, domain
    probabilities = formulas.softmax(held_out.logits / temperature)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == held_out.labels
    threshold, reached = formulas.choose_threshold(confidence, right, by, at)
    accuracy = _selective_accuracy(confidence, right, held_out.units, by, at)
    state = target_state(accuracy, at, len(np.unique(held_out.units))) if by == "accuracy" else "met"
    abstention = Abstention(
        threshold=threshold,
        target=by,
        target_value=at,
        state=state if reached else "unmet",
        answers_unmet=answers_unmet,
        coverage=float((confidence >= threshold).mean()),
        selective_accuracy=accuracy,
        fitted_on=held_out.source,
        n=n,
    )
    return calibration, abstention, domain


def target_state(accuracy: Interval, target: float, units: int) -> TargetState:
    """Compare an accuracy with the one asked for.

    Parameters
    ----------
    accuracy
        With its interval; its value is ``None`` where no tile is answered.
    target
        The share of right answers asked for.
    units
        Independent units of tiles. On fewer than 20 an interval over units is too narrow to show anything.
    """
    _, low, high = accuracy.numbers
    if not high >= target:
        return "unmet"
    return "met" if low >= target and units >= _ENOUGH_UNITS else "not_shown"


def _selective_accuracy(
    confidence: np.ndarray, right: np.ndarray, units: np.ndarray, by: Literal["accuracy", "coverage"], at: float
) -> Interval:
    """Return the share of right answers where each tile's threshold is chosen without its unit; interval over units."""
    return share_right(right, units, formulas.cross_fitted_answers(confidence, right, units, by, at))


def share_right(right: np.ndarray, units: np.ndarray, answered: np.ndarray | None = None) -> Interval:
    """Return the share of right answers among the tiles that are answered, with an interval over units.

    Parameters
    ----------
    right
        Whether each answer is right, shape (n,).
    units
        Integer unit of each tile, shape (n,); whole units are resampled.
    answered
        Which tiles count, shape (n,); all where that is not given.
    """
    answered = np.ones(len(right), bool) if answered is None else answered
    if not answered.any():
        return Interval(value=None)

    def share(rows: np.ndarray) -> float:
        kept = rows[answered[rows]]
        return float(right[kept].mean()) if len(kept) else float("nan")

    value = share(np.arange(len(right)))
    low, high = formulas.bootstrap(share, units)
    return Interval.of(value, *formulas.boundary(value, len(np.unique(units[answered])), (float(low), float(high))))
