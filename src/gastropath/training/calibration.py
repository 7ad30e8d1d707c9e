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
from gastropath.results.card import Abstention, Calibration, Domain, Source

MAX_REFERENCES = 4000
NEIGHBOURS = 5

_TEMPERATURES = (0.05, 20.0)
_STEPS = 60
_FEWEST_ANSWERED = 10


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
    source
        Where the tiles come from.
    """

    logits: np.ndarray
    labels: np.ndarray
    distances: np.ndarray
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
                "for cross-validation. Add tiles, or use a split with a validation part"
            )
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.distances for part in parts]),
            max(parts, key=lambda part: len(part.labels)).source,
        )


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature under which the true classes are most likely (Guo et al. 2017).

    The negative log-likelihood is convex in 1 / temperature; golden-section search between 0.05 and 20 finds its
    minimum.
    """
    logits = np.asarray(logits, np.float64)

    def nll(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(labels)), labels]).mean())

    low, high = np.log(_TEMPERATURES)
    ratio = (np.sqrt(5) - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [nll(inner[0]), nll(inner[1])]
    for _ in range(_STEPS):
        if values[0] <= values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - ratio * (high - low)
            values[0] = nll(inner[0])
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + ratio * (high - low)
            values[1] = nll(inner[1])
    return float(np.exp((low + high) / 2))


def choose_threshold(
    confidence: np.ndarray, right: np.ndarray, by: Literal["accuracy", "coverage"], at: float
) -> tuple[float, bool]:
    """Choose the confidence from which a model answers.

    Parameters
    ----------
    confidence
        Calibrated, shape (n,).
    right
        Whether each answer is right, ``bool``, shape (n,).
    by, at
        ``"accuracy"``: the lowest threshold above which at least the share ``at`` of the answers is right, that is the
        best coverage at this accuracy. ``"coverage"``: the threshold that at least the share ``at`` of the tiles
        reaches.

    Returns
    -------
    threshold : float
    met : bool
        Whether the accuracy could be reached on at least ten tiles. Where it could not, the threshold is the one of the
        highest accuracy on at least ten tiles (and a tenth of them).
    """
    order = np.argsort(-confidence, kind="stable")
    sure, answered = confidence[order], np.arange(1, len(order) + 1)
    accuracy = np.cumsum(right[order]) / answered
    last = np.append(sure[1:] != sure[:-1], True)  # tiles of equal confidence are answered together
    if by == "coverage":
        enough = np.flatnonzero(last & (answered >= at * len(order)))
        return float(sure[enough[0]]), True
    usable = last & (answered >= min(_FEWEST_ANSWERED, len(order)))
    if len(good := np.flatnonzero(usable & (accuracy >= at))):
        return float(sure[good[-1]]), True
    usable &= answered >= len(order) / 10
    best = int(np.argmax(np.where(usable, accuracy, -1)))
    return float(sure[best]), False


def choose_references(labels: np.ndarray, seed: int, most: int = MAX_REFERENCES) -> np.ndarray:
    """Choose the training tiles that stand for all: at most ``most`` rows, of each class as many where there are."""
    rng = np.random.default_rng(seed)
    if len(labels) <= most:
        return np.arange(len(labels))
    waiting = [list(rng.permutation(np.flatnonzero(labels == number))) for number in np.unique(labels)]
    chosen: list[int] = []
    while len(chosen) < most:
        for rows in waiting:
            if rows and len(chosen) < most:
                chosen.append(int(rows.pop()))
    return np.sort(np.array(chosen, np.int64))


def calibrate(
    held_out: HeldOut, references: int, *, by: Literal["accuracy", "coverage", "none"], at: float, in_domain: float
) -> tuple[Calibration, Abstention | None, Domain | None]:
    """Fit temperature, threshold of confidence and threshold of distance on held-out tiles.

    Parameters
    ----------
    held_out
        Answers for tiles the model did not learn from.
    references
        Number of training tiles that stand for all.
    by, at
        See :func:`choose_threshold`; ``"none"`` for a model that always answers.
    in_domain
        Share of the held-out tiles that must not be called unlike the training tiles.

    Returns
    -------
    calibration, abstention, domain
        Parts of the card; no abstention where ``by`` is ``"none"``, no domain where ``in_domain`` is 1.
    """
    temperature = fit_temperature(held_out.logits, held_out.labels)
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
    threshold, met = choose_threshold(confidence, right, by, at)
    answers = confidence >= threshold
    abstention = Abstention(
        threshold=threshold,
        target=by,
        target_value=at,
        met=met,
        coverage=float(answers.mean()),
        selective_accuracy=float(right[answers].mean()),
        fitted_on=held_out.source,
        n=n,
    )
    return calibration, abstention, domain
