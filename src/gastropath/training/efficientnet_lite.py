"""The backbone of :mod:`gastropath.training.lite0` as a flat functional Keras model.

The layers are Keras's own, so the model saves, loads and exports like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from gastropath.training.lite0 import EPSILON, MOST, Layer, lite0

_NAME = "efficientnet_lite0"


def efficientnet_lite0(tile_px: int = 224, *, pretrained: bool = True) -> keras.Model:
    """Build the network up to its last map, without pooling and classifier.

    Parameters
    ----------
    tile_px
        Side of a tile in pixels.
    pretrained
        Load the ImageNet weights that come with the package; otherwise they are random.

    Returns
    -------
    keras.Model
        Takes ``uint8`` tiles, shape (n, tile_px, tile_px, 3); gives the last map, shape (n, ⌈tile_px / 32⌉,
        ⌈tile_px / 32⌉, 1280). Maps of the blocks are the outputs of the layers ``block_01`` to ``block_16``.

    Raises
    ------
    BadBundle
        If the weights in the package are damaged.
    """
    listed = lite0(tile_px, pretrained=pretrained)
    outputs: dict[str, Any] = {}
    for layer in listed:
        outputs[layer.name] = _built(layer, outputs)
    model = keras.Model(outputs[listed[0].name], outputs[listed[-1].name], name=_NAME)
    if pretrained:
        weights = [values for layer in listed for values in layer.weights]
        for variable, values in zip(model.variables, weights, strict=True):
            variable.assign(np.asarray(values))
    return model


def _built(layer: Layer, outputs: Mapping[str, Any]) -> Any:
    taken = [outputs[name] for name in layer.inputs]
    match layer.kind:
        case "image":
            return keras.Input(layer.shape, dtype="uint8", name=layer.name)
        case "scale":
            return layers.Rescaling(1 / 128, -127 / 128, name=layer.name)(*taken)
        case "conv":
            filters = layer.shape[-1]
            made = layers.Conv2D(filters, layer.kernel, layer.stride, "same", use_bias=False, name=layer.name)
            return made(*taken)
        case "depthwise":
            made = layers.DepthwiseConv2D(layer.kernel, layer.stride, "same", use_bias=False, name=layer.name)
            return made(*taken)
        case "norm":
            return layers.BatchNormalization(epsilon=EPSILON, name=layer.name)(*taken)
        case "relu":
            return layers.ReLU(MOST, name=layer.name)(*taken)
        case "add":
            return layers.Add(name=layer.name)(taken)
        case _:
            raise ValueError(f"{layer.name}: a backbone has no layer of kind {layer.kind!r}")
