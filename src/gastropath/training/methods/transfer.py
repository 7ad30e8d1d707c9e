"""Recipe ``transfer``: frozen features, a linear head, one whole Keras model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from gastropath.data.split.units import kept_together
from gastropath.inference.calibration import NEIGHBOURS, HeldOut
from gastropath.inference.head_strength import StrengthScore, learn_head, out_of_fold
from gastropath.inference.linear_head import Head
from gastropath.inference.ood import choose_references, distances
from gastropath.parallel import one_thread_each
from gastropath.tables import write_table
from gastropath.training.context import TrainingContext
from gastropath.training.features import FrozenNetwork, extract
from gastropath.training.network import frozen_backbone
from gastropath.training.recipe import TransferRecipe
from gastropath.training.tile_source import sources
from gastropath.training.trained import References, Trained

MOST_VIEWS = 60_000
"""Tile views computed at most where the recipe leaves their number open."""

USUAL_VIEWS = 4
"""Views of a tile where it does, its quarter turns: on real tiles eight were no better (``benchmarks/views.py``)."""

HISTORY_COLUMNS = ("strength", "nll", "macro_f1")

_ENOUGH_VALIDATION = 500


def train(recipe: TransferRecipe, context: TrainingContext) -> Trained:
    """Train a linear head on frozen features, and put both together."""
    backbone = frozen_backbone(recipe.backbone, recipe.weights, recipe.maps, recipe.tile_px)
    fitted = fitted_head(recipe, context, backbone.frozen)
    write_table(context.history, HISTORY_COLUMNS, map(asdict, fitted.scores))
    network = backbone.with_head(fitted.head)
    return Trained(network, network.graph(), fitted.held_out, fitted.references)


def views_of(views: int, n_train: int, n_val: int) -> int:
    """Return how many views of each training tile are used: those asked for, or for 0 four where time allows."""
    return views or max(1, min(USUAL_VIEWS, (MOST_VIEWS - n_val) // n_train))


@dataclass(frozen=True)
class SplitFeatures:
    """Features of a split's tiles.

    Attributes
    ----------
    train
        ``float32``, shape (n, views, f).
    labels
        Class numbers of the training tiles, shape (n,).
    units
        What must stay together of each training tile: groups, and blocks of file numbers, shape (n,).
    val, val_labels, val_units
        Of the validation part, shapes (m, f), (m,) and (m,); m may be 0.
    n_classes
        Number of classes.
    """

    train: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    val_units: np.ndarray
    n_classes: int


@dataclass(frozen=True)
class FittedHead:
    """A linear head on frozen features, its answers for tiles it did not learn from, and features of training tiles."""

    head: Head
    held_out: HeldOut
    references: References
    scores: tuple[StrengthScore, ...]


def fitted_head(recipe: TransferRecipe, context: TrainingContext, frozen: FrozenNetwork) -> FittedHead:
    """Fit a linear head on what a frozen network gives for a run's tiles; it answers for tiles it did not learn from.

    The validation part judges the head; where it has fewer than 500 tiles, each training tile is also judged by a head
    that was fitted without its fold.

    Parameters
    ----------
    recipe
        Says how many views of a tile are used, and how the head is fitted.
    context
        The split, of which the validation part may be empty, and the cache of features.
    frozen
        The network; see :func:`gastropath.training.features.extract`.
    """
    features = _features_of(recipe, context, frozen)
    with one_thread_each():
        return _fitted(recipe, context, features)


def _fitted(recipe: TransferRecipe, context: TrainingContext, features: SplitFeatures) -> FittedHead:
    labels, n_classes = features.labels, features.n_classes
    learned = learn_head(
        features.train,
        labels,
        features.units,
        n_classes,
        strength=recipe.strength,
        weighting=recipe.class_weights,
        seed=recipe.seed,
        progress=context.progress,
    )
    chosen = choose_references(labels, recipe.seed)
    references = References(features.train[chosen, 0], labels[chosen], features.units[chosen])
    held_out = []
    if len(features.val):
        away = distances(features.val, references.features, min(NEIGHBOURS, len(references)))
        held_out.append(
            HeldOut(learned.head.logits(features.val), features.val_labels, away, features.val_units, "validation")
        )
    if len(features.val) < _ENOUGH_VALIDATION and learned.folds:
        logits, away = out_of_fold(
            features.train,
            labels,
            n_classes,
            learned,
            weighting=recipe.class_weights,
            seed=recipe.seed,
            neighbours=NEIGHBOURS,
        )
        held_out.append(HeldOut(logits, labels, away, features.units, "out-of-fold"))
    return FittedHead(learned.head, HeldOut.together(held_out), references, learned.scores)


def _features_of(recipe: TransferRecipe, context: TrainingContext, frozen: FrozenNetwork) -> SplitFeatures:
    split, store, progress = context.split, context.store, context.progress
    train, val, codes = split.part("train"), split.part("val"), split.index.classes
    count = views_of(recipe.views, len(train), len(val))
    of_train = extract(sources(train, recipe.mpp), frozen, store, views=count, progress=progress)
    of_val = extract(sources(val, recipe.mpp), frozen, store, progress=progress, what="features of val")[:, 0]
    units, val_units = kept_together(train), kept_together(val)
    return SplitFeatures(of_train, train.numbers(codes), units, of_val, val.numbers(codes), val_units, len(codes))
