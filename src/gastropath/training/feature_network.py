"""The network of the recipe ``transfer``: a backbone, pooled maps of several depths, a linear head."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from gastropath.training.backbones import Backbone

FEATURES = "features"
PROBABILITIES = "probabilities"
_POOL = "pool_"


def feature_network(backbone: Backbone, maps: Sequence[str]) -> keras.Model:
    """Put average pooling on some maps of a backbone, bring each to unit length, and join them.

    The lengths are made equal because maps of different depths differ in scale, and one must not drown another.

    Parameters
    ----------
    backbone
        The pretrained network.
    maps
        Layers to pool, in order; ``"last"`` is the last map.

    Returns
    -------
    keras.Model
        Takes ``uint8`` tiles, shape (n, tile_px, tile_px, 3); gives features, shape (n, sum of the maps' channels).
    """
    pooled = []
    for number, name in enumerate(maps, start=1):
        mean = layers.GlobalAveragePooling2D(name=f"{_POOL}{number}")(backbone.map(name))
        pooled.append(layers.UnitNormalization(name=f"unit_{number}")(mean))
    joined = layers.Concatenate(name=FEATURES)(pooled) if len(pooled) > 1 else layers.Identity(name=FEATURES)(pooled[0])
    return keras.Model(backbone.model.inputs[0], joined, name="features_of_" + backbone.model.name)


def with_head(features: keras.Model, kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    """Put a linear head on a feature network.

    Parameters
    ----------
    features
        From :func:`feature_network`.
    kernel, bias
        Of the head: ``float32``, shapes (features, classes) and (classes,).

    Returns
    -------
    keras.Model
        Takes ``uint8`` tiles; gives probabilities, shape (n, classes).
    """
    head = layers.Dense(len(bias), activation="softmax", name=PROBABILITIES)
    model = keras.Model(features.inputs[0], head(features.output), name="linear_probe")
    head.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return model


def pooled_maps(model: keras.Model) -> list[keras.KerasTensor]:
    """Return the maps that a network of :func:`feature_network` pools, in the order of its features."""
    pools = [layer for layer in model.layers if layer.name.startswith(_POOL)]
    return [layer.input for layer in sorted(pools, key=lambda layer: int(layer.name.removeprefix(_POOL)))]
