"""What training hands over: a whole network, whoever can write it as a LiteRT graph and as a Keras file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from gastropath.inference.linear_head import Head
from gastropath.inference.nativelog import without_native_log
from gastropath.training.features import FrozenNetwork
from gastropath.training.lite0 import LITE0, Layer, lite0, weights_sha256, with_features, with_head
from gastropath.training.lite0_graph import can_write, write_graph
from gastropath.training.lite0_keras import write_keras

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "float16"]

NAME = "linear_probe"
"""Of a network with a linear head."""


class Network(Protocol):
    """A whole trained network, from ``uint8`` tiles to probabilities."""

    def graph(self, precision: Precision = "float32") -> bytes:
        """Return the LiteRT graph; see :func:`gastropath.training.export.export_graph`."""
        ...

    def save(self, file: Path, temperature: float = 1.0) -> None:
        """Write it as a ``.keras`` file, its last layer divided by the temperature.

        So Keras answers with the same probabilities as the bundle.
        """
        ...


class Backbone(Protocol):
    """A frozen network that gives features, on which a head can be put."""

    @property
    def frozen(self) -> FrozenNetwork:
        """What computes the features; named after all its answers depend on."""
        ...

    def with_head(self, head: Head) -> Network:
        """Return the whole network."""
        ...


@dataclass(frozen=True)
class LiteNetwork:
    """A network that is a list of layers."""

    layers: Sequence[Layer]

    def graph(self, precision: Precision = "float32") -> bytes:
        """See :class:`Network`."""
        return write_graph(self.layers, precision)

    def save(self, file: Path, temperature: float = 1.0) -> None:
        """See :class:`Network`."""
        *layers, head = self.layers
        kernel, bias = (values / np.float32(temperature) for values in head.weights)
        write_keras(with_head(layers, kernel, bias), file, NAME)


@dataclass(frozen=True)
class LiteBackbone:
    """The backbone that comes with the package; TensorFlow is not started for it."""

    maps: tuple[str, ...]
    tile_px: int

    @property
    def frozen(self) -> FrozenNetwork:
        """See :class:`Backbone`."""
        key = json.dumps([LITE0, weights_sha256(), self.maps, self.tile_px, "lite0_graph"])
        width = with_features(lite0(self.tile_px, pretrained=False), self.maps)[-1].shape[0]
        return FrozenNetwork(key, width, self.tile_px, cache(lambda: write_graph(self._layers())))

    def with_head(self, head: Head) -> LiteNetwork:
        """See :class:`Backbone`."""
        return LiteNetwork(with_head(self._layers(), head.kernel, head.bias))

    def _layers(self) -> list[Layer]:
        return with_features(lite0(self.tile_px), self.maps)


@dataclass(frozen=True)
class KerasNetwork:
    """A network that Keras holds, and TensorFlow converts."""

    model: keras.Model

    def graph(self, precision: Precision = "float32") -> bytes:
        """See :class:`Network`."""
        from gastropath.training.export import export_graph

        return export_graph(self.model, precision)

    def save(self, file: Path, temperature: float = 1.0) -> None:
        """See :class:`Network`."""
        from gastropath.training.feature_network import PROBABILITIES
        from gastropath.training.keras_file import save_for_older_keras

        if temperature != 1.0:
            head = self.model.get_layer(PROBABILITIES)
            head.set_weights([values / np.float32(temperature) for values in head.get_weights()])
        save_for_older_keras(self.model, file)


@dataclass(frozen=True)
class KerasBackbone:
    """Pooled maps of any network that Keras holds; see :func:`gastropath.training.feature_network.feature_network`."""

    model: keras.Model
    key: str

    @property
    def frozen(self) -> FrozenNetwork:
        """See :class:`Backbone`."""
        from gastropath.training.export import feature_graph

        _, tile_px, _, _ = self.model.input_shape
        return FrozenNetwork(self.key, self.model.output_shape[-1], tile_px, cache(lambda: feature_graph(self.model)))

    def with_head(self, head: Head) -> KerasNetwork:
        """See :class:`Backbone`."""
        from gastropath.training.feature_network import with_head as joined

        return KerasNetwork(joined(self.model, head.kernel, head.bias))


def frozen_backbone(name: str, weights: str, maps: Sequence[str], tile_px: int) -> Backbone:
    """Return a backbone of which some maps are pooled.

    Parameters
    ----------
    name, weights, tile_px
        See :func:`gastropath.training.backbones.backbone`.
    maps
        See :func:`gastropath.training.feature_network.feature_network`.

    Raises
    ------
    UnknownSetting
        If there is no such network or map, or its weights cannot be had.
    """
    if name == LITE0 and not weights and can_write(lite0(tile_px, pretrained=False), maps):
        return LiteBackbone(tuple(maps), tile_px)
    start_tensorflow()
    from gastropath.training.backbones import backbone
    from gastropath.training.feature_network import feature_network

    source = backbone(name, tile_px, weights)
    return KerasBackbone(feature_network(source, maps), json.dumps([source.name, source.sha256, maps, tile_px]))


def start_tensorflow() -> None:
    """Load TensorFlow with its start-up lines going nowhere."""
    with without_native_log():
        import tensorflow  # noqa: F401
