"""The linear head of a recipe: its strength chosen by grouped cross-validation, several views of a tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gastropath import formulas
from gastropath.inference.grouped_folds import Folds, grouped_folds
from gastropath.inference.linear_head import Head, class_weights, fit_head
from gastropath.inference.ood import choose_references, distances
from gastropath.parallel import cores, each
from gastropath.progress import Progress, silent

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse penalties tried: scikit-learn's C, for features of unit length."""

USUAL_STRENGTH = 10.0
"""Where none is given and there are too few groups to choose one by."""

_CHOOSING_TILES = 4000


@dataclass(frozen=True)
class StrengthScore:
    """How one strength did in cross-validation: negative log-likelihood after temperature scaling, macro-F1."""

    strength: float
    nll: float
    macro_f1: float


@dataclass(frozen=True)
class LearnedHead:
    """A linear head, and how it was learned.

    Attributes
    ----------
    head
        Fitted on all training tiles.
    strength
        Inverse of its penalty.
    folds
        Divisions of the training tiles that part no unit; none where the tiles lie in too few.
    scores
        Of the strengths that were tried; none where it was given, or could not be chosen.
    """

    head: Head
    strength: float
    folds: Folds
    scores: tuple[StrengthScore, ...] = ()


def fit_views(
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    strength: float,
    weighting: str,
    *,
    start: Head | None = None,
) -> Head:
    """Fit a head on several views of each tile, which share the tile's weight.

    Parameters
    ----------
    features
        ``float32``, shape (n, views, f).
    labels
        Class numbers, shape (n,); every class must occur.
    strength, start
        See :func:`gastropath.inference.linear_head.fit_head`.
    weighting
        See :func:`gastropath.inference.linear_head.class_weights`.
    """
    _, views, width = features.shape
    weights = class_weights(labels, n_classes, weighting)[labels] / views
    rows, of_rows = features.reshape(-1, width), np.repeat(labels, views)
    return fit_head(rows, of_rows, n_classes, strength, weights=np.repeat(weights, views), start=start)


def learn_head(
    features: np.ndarray,
    labels: np.ndarray,
    units: np.ndarray,
    n_classes: int,
    *,
    strength: float,
    weighting: str,
    seed: int,
    progress: Progress = silent,
) -> LearnedHead:
    """Fit a head on training tiles, its strength chosen by grouped cross-validation where none is given.

    Parameters
    ----------
    features, labels, n_classes, weighting
        As for :func:`fit_views`.
    units
        What must stay together of each tile, shape (n,).
    strength
        Inverse of the penalty; 0 to choose it.
    seed
        Of the folds.
    """
    folds = grouped_folds(labels, units, n_classes, seed=seed)
    chosen, scores = strength or USUAL_STRENGTH, ()
    if not strength and folds:
        chosen, scores = choose_strength(
            features, labels, folds, n_classes, weighting=weighting, seed=seed, progress=progress
        )
    return LearnedHead(fit_views(features, labels, n_classes, chosen, weighting), chosen, folds, scores)


def out_of_fold(
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    learned: LearnedHead,
    *,
    weighting: str,
    seed: int,
    neighbours: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Let heads that were fitted without a fold answer for its tiles.

    Parameters
    ----------
    features, labels, n_classes, weighting
        As for :func:`fit_views`; the first view of a tile is judged.
    learned
        The head on all tiles, whose folds and strength are used.
    seed
        Of the choice of references.
    neighbours
        See :func:`gastropath.inference.ood.distances`.

    Returns
    -------
    logits : numpy.ndarray
        ``float32``, shape (n, n_classes).
    distances : numpy.ndarray
        To the training tiles of the other folds, shape (n,).
    """
    logits = np.full((len(labels), n_classes), np.nan, np.float32)
    away = np.full(len(labels), np.nan)

    def answer(fold: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        train, held = fold
        head = fit_views(features[train], labels[train], n_classes, learned.strength, weighting, start=learned.head)
        references = features[train[choose_references(labels[train], seed)], 0]
        return (
            head.logits(features[held, 0]),
            distances(features[held, 0], references, min(neighbours, len(references))),
        )

    for (_, held), (answers, far) in zip(learned.folds, each(answer, learned.folds, workers=cores()), strict=True):
        logits[held], away[held] = answers, far
    return logits, away


def choose_strength(
    features: np.ndarray,
    labels: np.ndarray,
    folds: Folds,
    n_classes: int,
    *,
    weighting: str,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[float, tuple[StrengthScore, ...]]:
    """Choose the strength whose held-out answers are most likely after temperature scaling.

    Temperature scaling comes first because it is what the model ships with: without it a stronger penalty would be
    preferred only because it is less sure of itself. One view of each tile is used, and of many tiles a random few
    thousand.

    Parameters
    ----------
    features, labels, n_classes, weighting
        As for :func:`fit_views`.
    folds
        From :func:`grouped_folds`.

    Returns
    -------
    strength : float
    scores : tuple of StrengthScore
    """
    used = np.ones(len(labels), bool)
    if len(labels) > _CHOOSING_TILES:
        used[np.random.default_rng(seed).permutation(len(labels))[_CHOOSING_TILES:]] = False
    asked = [held[used[held]] for _, held in folds]

    def path(fold: int) -> list[np.ndarray]:
        """Answer for one fold with every strength; each fit starts from the last, which is near."""
        train = folds[fold][0][used[folds[fold][0]]]
        head, answers = None, []
        for strength in strengths:
            head = fit_views(features[train, :1], labels[train], n_classes, strength, weighting, start=head)
            answers.append(head.logits(features[asked[fold], 0]))
        return answers

    logits = np.zeros((len(strengths), len(labels), n_classes), np.float32)
    for fold, answers in enumerate(each(path, range(len(folds)), workers=cores())):
        logits[:, asked[fold]] = answers
        progress("choosing the strength", fold + 1, len(folds))
    scores = [
        _score(strength, own[used], labels[used], n_classes) for strength, own in zip(strengths, logits, strict=True)
    ]
    return min(scores, key=lambda score: score.nll).strength, tuple(scores)


def _score(strength: float, logits: np.ndarray, labels: np.ndarray, n_classes: int) -> StrengthScore:
    temperature = formulas.fit_temperature(logits, labels)
    matrix = formulas.confusion_matrix(labels, logits.argmax(axis=1), n_classes)
    return StrengthScore(
        strength,
        formulas.negative_log_likelihood(labels, formulas.softmax(logits / temperature)),
        float(formulas.macro(formulas.f1(matrix), matrix)),
    )
