"""EfficientNet-Lite0 (Liu 2020), the backbone that needs no model hub, as a flat functional Keras model.

The layers are Keras's own, so the model saves, loads and exports like any other. Weights are ImageNet's, converted once
by ``tools/convert_backbone.py`` and kept in half precision in the package.
"""

from __future__ import annotations

import hashlib
import io
import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from gastropath.errors import BadBundle

FEATURES = 1280
"""Channels of the last map."""

_EPSILON = 1e-3
_FOLDER = "backbones"
_NAME = "efficientnet_lite0"


class Stage(NamedTuple):
    """Blocks of one width; only the first has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


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
    image = keras.Input((tile_px, tile_px, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, -127 / 128, name="scale")(image)
    x = _convolved(x, 32, 3, 2, "stem")
    number = 0
    for stage in STAGES:
        for place in range(stage.blocks):
            number += 1
            stride = stage.stride if place == 0 else 1
            x = _block(x, stage, stride, f"block_{number:02d}")
    x = _convolved(x, FEATURES, 1, 1, "head")
    model = keras.Model(image, x, name=_NAME)
    if pretrained:
        for variable, values in zip(model.variables, _weights(model), strict=True):
            variable.assign(values)
    return model


def weights_sha256() -> str:
    """Return the hash of the pretrained weights, which is part of the name of every feature made with them."""
    return json.loads(_file(".json").read_text("utf-8"))["sha256"]


def _block(x: keras.KerasTensor, stage: Stage, stride: int, name: str) -> keras.KerasTensor:
    """Expand, filter each channel, project, and add the input where shapes allow (inverted residual, Sandler 2018)."""
    entered, channels = x, x.shape[-1]
    if stage.expansion > 1:
        x = _convolved(x, channels * stage.expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(stage.kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_depthwise_norm")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(stage.channels, 1, use_bias=False, name=f"{name}_project")(x)
    joined = stride == 1 and channels == stage.channels
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_project_norm" if joined else name)(x)
    return layers.Add(name=name)([x, entered]) if joined else x


def _convolved(x: keras.KerasTensor, channels: int, kernel: int, stride: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _weights(model: keras.Model) -> list[np.ndarray]:
    data = _file(".npz").read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != weights_sha256():
        raise BadBundle(
            f"{_file('.npz')}: the weights have the hash {found[:12]}…, expected {weights_sha256()[:12]}…; "
            "install gastropath again"
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return [stored[variable.path].astype(np.float32) for variable in model.variables]


def _file(suffix: str) -> Traversable:
    return resources.files("gastropath") / _FOLDER / f"{_NAME}{suffix}"
