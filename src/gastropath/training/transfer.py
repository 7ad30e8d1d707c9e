"""Recipe ``transfer``: frozen features, a linear head, one whole Keras model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from gastropath.data.split.split import Split
from gastropath.data.split.units import kept_together
from gastropath.inference.ood import distances
from gastropath.inference.views import VIEWS
from gastropath.progress import Progress, silent
from gastropath.tables import write_table
from gastropath.training.backbones import backbone
from gastropath.training.calibration import NEIGHBOURS, HeldOut, choose_references
from gastropath.training.export import export_graph, feature_graph
from gastropath.training.features import FeatureStore, FrozenNetwork, extract
from gastropath.training.head import Folds, Head, choose_strength, fit_head, grouped_folds
from gastropath.training.linear_probe import feature_network, with_head
from gastropath.training.recipe import PretrainedSettings, TransferRecipe
from gastropath.training.tiles import sources
from gastropath.training.trained import References, Trained

MOST_VIEWS = 60_000
"""Tile views computed at most where the recipe leaves their number open."""

HISTORY_COLUMNS = ("strength", "nll", "macro_f1")

_ENOUGH_VALIDATION = 500
_USUAL_STRENGTH = 10.0


@dataclass(frozen=True)
class LearnedHead:
    """A linear head, and what it learned from.

    Attributes
    ----------
    head
        Fitted on all training tiles.
    features, labels
        Of the training tiles: ``float32``, shape (n, views, f), and class numbers, shape (n,).
    folds
        Divisions of the training tiles that part no group, and no block of file numbers.
    strength
        Inverse penalty of the head.
    """

    head: Head
    features: np.ndarray
    labels: np.ndarray
    folds: Folds
    strength: float


@dataclass(frozen=True)
class FittedHead:
    """A linear head on frozen features, its answers for tiles it did not learn from, and features of training tiles."""

    head: Head
    held_out: HeldOut
    references: References


def train_transfer(
    split: Split, recipe: TransferRecipe, store: FeatureStore, history: Path, *, progress: Progress = silent
) -> Trained:
    """Train a linear head on frozen features, and put both together.

    Parameters
    ----------
    split
        Trains on its ``train`` part; ``val`` may be empty.
    recipe
        The settings.
    store
        Where features are computed and kept.
    history
        Table of the strengths that were tried.
    """
    network, frozen = networks(recipe)
    fitted = fit_on_features(split, recipe, frozen, store, history, progress=progress)
    model = with_head(network, fitted.head.kernel, fitted.head.bias)
    return Trained(model, export_graph(model), fitted.held_out, fitted.references)


def networks(recipe: PretrainedSettings) -> tuple[keras.Model, FrozenNetwork]:
    """Build the feature network of a recipe; the frozen one is named after all its answers depend on."""
    source = backbone(recipe.backbone, recipe.tile_px, recipe.weights)
    network = feature_network(source, recipe.maps)
    name = json.dumps([source.name, source.sha256, recipe.maps, recipe.tile_px])
    return network, FrozenNetwork(name, network.output_shape[-1], recipe.tile_px, lambda: feature_graph(network))


def fit_on_features(
    split: Split,
    recipe: PretrainedSettings,
    frozen: FrozenNetwork,
    store: FeatureStore,
    history: Path | None = None,
    *,
    progress: Progress = silent,
) -> FittedHead:
    """Fit a linear head on the features of a frozen network, and let it answer for tiles it did not learn from.

    The validation part judges the head; where it has fewer than 500 tiles, each training tile is also judged by a head
    that was fitted without its fold.

    Parameters
    ----------
    split, recipe, store, history
        As for :func:`train_transfer`.
    frozen
        What computes the features.
    """
    learned = learn_head(split, recipe, frozen, store, history, progress=progress)
    codes, val = split.index.classes, split.part("val")
    chosen = choose_references(learned.labels, recipe.seed)
    references = References(learned.features[chosen, 0], learned.labels[chosen])
    held_out = []
    if len(val):
        of_val = extract(sources(val, recipe.mpp), frozen, store, progress=progress, what="features of val")[:, 0]
        away = distances(of_val, references.features, min(NEIGHBOURS, len(references)))
        held_out.append(HeldOut(learned.head.logits(of_val), val.numbers(codes), away, "validation"))
    if len(val) < _ENOUGH_VALIDATION and learned.folds:
        held_out.append(_out_of_fold(learned, len(codes), recipe))
    return FittedHead(learned.head, HeldOut.together(held_out), references)


def learn_head(
    split: Split,
    recipe: PretrainedSettings,
    frozen: FrozenNetwork,
    store: FeatureStore,
    history: Path | None = None,
    *,
    progress: Progress = silent,
) -> LearnedHead:
    """Fit a linear head on the features that a frozen network has of the training part; parameters as above."""
    train, n_classes = split.part("train"), len(split.index.classes)
    views = recipe.views or max(1, min(VIEWS, (MOST_VIEWS - len(split.part("val"))) // len(train)))
    features = extract(sources(train, recipe.mpp), frozen, store, views=views, progress=progress)
    labels = train.numbers(split.index.classes)
    folds = grouped_folds(labels, kept_together(train), n_classes, seed=recipe.seed)
    strength, scores = recipe.strength or _USUAL_STRENGTH, ()
    if not recipe.strength and folds:
        strength, scores = choose_strength(
            features, labels, folds, n_classes, weighting=recipe.class_weights, seed=recipe.seed, progress=progress
        )
    if history:
        write_table(history, HISTORY_COLUMNS, map(asdict, scores))
    head = fit_head(features, labels, n_classes, strength, recipe.class_weights)
    return LearnedHead(head, features, labels, folds, strength)


def _out_of_fold(learned: LearnedHead, n_classes: int, recipe: PretrainedSettings) -> HeldOut:
    features, labels = learned.features, learned.labels
    logits = np.full((len(labels), n_classes), np.nan, np.float32)
    away = np.full(len(labels), np.nan)
    for train, held in learned.folds:
        head = fit_head(features[train], labels[train], n_classes, learned.strength, recipe.class_weights)
        logits[held] = head.logits(features[held, 0])
        references = features[train[choose_references(labels[train], recipe.seed)], 0]
        away[held] = distances(features[held, 0], references, min(NEIGHBOURS, len(references)))
    return HeldOut(logits, labels, away, "out-of-fold")
