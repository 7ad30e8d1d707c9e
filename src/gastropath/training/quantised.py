"""A bundle in 8-bit integers: the backbone first, then head, calibration and domain on what it gives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np

from gastropath.bundle.files import GRAPH, REFERENCES, Bundle, write_bundle
from gastropath.data.split.split import Split
from gastropath.inference.selftest import with_self_test
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.training.calibration import choose_references
from gastropath.training.export import quantised_graph
from gastropath.training.features import FeatureStore, FrozenNetwork
from gastropath.training.linear_probe import FEATURES, with_head
from gastropath.training.recipe import TransferRecipe
from gastropath.training.tiles import sources
from gastropath.training.trained import Trained
from gastropath.training.transfer import fit_on_features

CALIBRATION_TILES = 128
"""Training tiles on which the range of every map is measured."""

NO_VNNI = (
    "Computed in 8-bit integers: faster than floating point on processors with VNNI instructions, hardly faster or "
    "slower on others."
)


def write_quantised(
    model: keras.Model,
    split: Split,
    recipe: TransferRecipe,
    draft: Card,
    store: FeatureStore,
    folder: Path,
    *,
    progress: Progress = silent,
) -> Bundle:
    """Quantise the backbone of a trained model, fit a new head on its features, calibrate, and write the bundle.

    Parameters
    ----------
    model
        From :func:`gastropath.training.linear_probe.with_head`; its head is not used.
    split
        The tiles it was trained on.
    recipe
        How.
    draft
        Card without calibration.
    store
        Where features are computed and kept.
    folder
        Where the bundle goes.
    """
    trained = quantised(model, split, recipe, store, progress=progress)
    limitations = (*draft.limitations, NO_VNNI)
    card = trained.calibrated(draft.model_copy(update={"precision": "int8", "limitations": limitations}), recipe)
    card = with_self_test(card, trained.graph)
    return write_bundle(folder, card, {GRAPH: trained.graph, REFERENCES: trained.references.to_bytes()})


def quantised(
    model: keras.Model, split: Split, recipe: TransferRecipe, store: FeatureStore, *, progress: Progress = silent
) -> Trained:
    """Quantise the backbone of a model and fit a new head on its features."""
    network = keras.Model(model.inputs[0], model.get_layer(FEATURES).output)
    train = split.part("train")
    rows = choose_references(train.numbers(split.index.classes), recipe.seed, CALIBRATION_TILES)
    tiles = np.stack([tile.load(recipe.tile_px) for tile in sources(train.take(rows), recipe.mpp)])
    graph = quantised_graph(model, tiles, features_only=True)
    digest = hashlib.sha256(graph).hexdigest()
    frozen = FrozenNetwork(f"int8 {digest}", network.output_shape[-1], recipe.tile_px, lambda: graph)
    fitted = fit_on_features(split, recipe, frozen, store, progress=progress)
    whole = with_head(network, fitted.head.kernel, fitted.head.bias)
    return Trained(whole, quantised_graph(whole, tiles), fitted.held_out, fitted.references)
