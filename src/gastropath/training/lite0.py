"""EfficientNet-Lite0 (Liu 2020), the backbone that needs no model hub, as a list of layers.

The list is all there is to know of the network: the LiteRT graph and the Keras file are both written from it, so that
a head can be fitted on it without starting TensorFlow. Weights are ImageNet's, converted once by
``tools/convert_backbone.py`` and kept in half precision in the package.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal, NamedTuple

import numpy as np

from gastropath.errors import BadBundle

LITE0 = "efficientnet-lite0"
"""The backbone that needs neither network nor download."""

FEATURES = 1280
"""Channels of the last map."""

LAST = "head_relu"
"""Name of the layer that gives it."""

EPSILON = 1e-3
"""Of batch normalisation."""

MOST = 6.0
"""What a rectified activation is at most."""

_FOLDER = "backbones"
_NAME = "efficientnet_lite0"

Kind = Literal["image", "scale", "conv", "depthwise", "norm", "relu", "add", "pool", "unit", "join", "dense"]


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


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes
    ----------
    kind
        What it does.
    name
        As Keras calls it.
    inputs
        Names of the layers whose outputs it takes.
    shape
        Of its output, without the batch.
    kernel, stride
        Side of the filters in pixels, and between their places; of convolutions.
    weights
        In the order in which Keras keeps them; none where there are none, or they are not loaded.
    """

    kind: Kind
    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    kernel: int = 1
    stride: int = 1
    weights: tuple[np.ndarray, ...] = field(default=(), compare=False, repr=False)


WEIGHTS: Mapping[Kind, tuple[str, ...]] = {
    "conv": ("kernel",),
    "depthwise": ("kernel",),
    "norm": ("gamma", "beta", "moving_mean", "moving_variance"),
    "dense": ("kernel", "bias"),
}
"""Names of the weights of each kind of layer that has some, in Keras's order."""


def lite0(tile_px: int = 224, *, pretrained: bool = True) -> list[Layer]:
    """List the layers up to the last map, without pooling and classifier.

    Parameters
    ----------
    tile_px
        Side of a tile in pixels.
    pretrained
        With the ImageNet weights that come with the package.

    Returns
    -------
    list of Layer
        From ``uint8`` tiles, shape (tile_px, tile_px, 3), to the last map, shape (⌈tile_px / 32⌉, ⌈tile_px / 32⌉,
        1280). Maps of the blocks are the outputs of the layers ``block_01`` to ``block_16``.

    Raises
    ------
    BadBundle
        If the weights in the package are damaged.
    """
    made = _Chain(tile_px, _weights() if pretrained else {})
    made.add("image", "image", (tile_px, tile_px, 3))
    made.add("scale", "scale", (tile_px, tile_px, 3))
    made.convolved(32, 3, 2, "stem")
    number = 0
    for stage in STAGES:
        for place in range(stage.blocks):
            number += 1
            made.block(stage, stage.stride if place == 0 else 1, f"block_{number:02d}")
    made.convolved(FEATURES, 1, 1, "head")
    return made.layers


def with_features(layers: Sequence[Layer], maps: Sequence[str]) -> list[Layer]:
    """Pool some maps, bring each to unit length, and join them; see
    :func:`gastropath.training.feature_network.feature_network`."""  # fmt: skip
    shapes = {layer.name: layer.shape for layer in layers}
    names = [LAST if name == "last" else name for name in maps]
    pools, units = [], []
    for number, name in enumerate(names, start=1):
        width = shapes[name][-1:]
        pools.append(Layer("pool", f"pool_{number}", (name,), width))
        units.append(Layer("unit", f"unit_{number}", (f"pool_{number}",), width))
    joined = Layer("join", "features", tuple(unit.name for unit in units), (sum(unit.shape[0] for unit in units),))
    return [*layers, *pools, *units, joined]


def with_head(layers: Sequence[Layer], kernel: np.ndarray, bias: np.ndarray) -> list[Layer]:
    """Put a linear head with softmax on the last of some layers: shapes (f, classes) and (classes,)."""
    weights = (kernel.astype(np.float32), bias.astype(np.float32))
    return [*layers, Layer("dense", "probabilities", (layers[-1].name,), bias.shape, weights=weights)]


def weights_sha256() -> str:
    """Return the hash of the pretrained weights, which is part of the name of every feature made with them."""
    return json.loads(_file(".json").read_text("utf-8"))["sha256"]


class _Chain:
    """Layers one behind the other."""

    def __init__(self, side: int, weights: Mapping[str, np.ndarray]) -> None:
        self.layers: list[Layer] = []
        self._side, self._weights = side, weights

    def add(self, kind: Kind, name: str, shape: tuple[int, ...], kernel: int = 1, stride: int = 1) -> None:
        """Add a layer behind the last one."""
        before = tuple(layer.name for layer in self.layers[-1:])
        names = WEIGHTS.get(kind, ()) if self._weights else ()
        weights = tuple(self._weights[f"{name}/{one}"].astype(np.float32) for one in names)
        self.layers.append(Layer(kind, name, before, shape, kernel, stride, weights))

    def convolved(self, channels: int, kernel: int, stride: int, name: str) -> None:
        """Filter, normalise, and cut off what is below 0 or above 6."""
        shape = self._after(stride, channels)
        self.add("conv", name, shape, kernel, stride)
        self.add("norm", f"{name}_norm", shape)
        self.add("relu", f"{name}_relu", shape)

    def block(self, stage: Stage, stride: int, name: str) -> None:
        """Expand, filter each channel, project, and add the input where shapes allow (inverted residual, Sandler 2018)."""  # noqa: E501
        entered = self.layers[-1]
        channels = entered.shape[-1]
        if stage.expansion > 1:
            self.convolved(channels * stage.expansion, 1, 1, f"{name}_expand")
        shape = self._after(stride, channels * stage.expansion)
        self.add("depthwise", f"{name}_depthwise", shape, stage.kernel, stride)
        self.add("norm", f"{name}_depthwise_norm", shape)
        self.add("relu", f"{name}_depthwise_relu", shape)
        shape = self._after(1, stage.channels)
        self.add("conv", f"{name}_project", shape)
        joined = stride == 1 and channels == stage.channels
        self.add("norm", f"{name}_project_norm" if joined else name, shape)
        if joined:
            self.layers.append(Layer("add", name, (self.layers[-1].name, entered.name), shape))

    def _after(self, stride: int, channels: int) -> tuple[int, int, int]:
        self._side = -(-self._side // stride)
        return self._side, self._side, channels


def _weights() -> dict[str, np.ndarray]:
    data = _file(".npz").read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != weights_sha256():
        raise BadBundle(
            f"{_file('.npz')}: the weights have the hash {found[:12]}…, expected {weights_sha256()[:12]}…; "
            "install gastropath again"
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return dict(stored.items())


def _file(suffix: str) -> Traversable:
    return resources.files("gastropath") / _FOLDER / f"{_NAME}{suffix}"
