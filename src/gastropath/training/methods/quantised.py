"""A model of the recipe ``transfer`` in 8-bit integers: the backbone first, then a new head on what it gives."""

from __future__ import annotations

import hashlib

import keras
import numpy as np

from gastropath.inference.ood import choose_references
from gastropath.training.context import TrainingContext
from gastropath.training.export import quantised_graph
from gastropath.training.feature_network import FEATURES, with_head
from gastropath.training.features import FrozenNetwork
from gastropath.training.methods.transfer import fitted_head
from gastropath.training.network import KerasNetwork
from gastropath.training.recipe import TransferRecipe
from gastropath.training.tile_source import sources
from gastropath.training.trained import Trained

CALIBRATION_TILES = 128
"""Training tiles on which the range of every map is measured."""


def quantise(recipe: TransferRecipe, model: keras.Model, context: TrainingContext) -> Trained:
    """Quantise the backbone of a model and fit a new head on its features.

    Parameters
    ----------
    recipe
        The model was trained by.
    model
        From :func:`gastropath.training.feature_network.with_head`; its head is not used.
    context
        With the tiles it was trained on.
    """
    network = keras.Model(model.inputs[0], model.get_layer(FEATURES).output)
    train = context.split.part("train")
    rows = choose_references(train.numbers(context.classes), recipe.seed, CALIBRATION_TILES)
    tiles = np.stack([tile.load(recipe.tile_px) for tile in sources(train.take(rows), recipe.mpp)])
    graph = quantised_graph(model, tiles, features_only=True)
    digest = hashlib.sha256(graph).hexdigest()
    frozen = FrozenNetwork(f"int8 {digest}", network.output_shape[-1], recipe.tile_px, lambda: graph)
    fitted = fitted_head(recipe, context, frozen)
    whole = with_head(network, fitted.head.kernel, fitted.head.bias)
    return Trained(KerasNetwork(whole), quantised_graph(whole, tiles), fitted.held_out, fitted.references)
