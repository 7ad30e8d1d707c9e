"""Pretrained networks by name: the one that comes with the package, and Keras's own where their weights can be had."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import keras
import numpy as np
from keras import layers

from gastropath.errors import UnknownSetting, did_you_mean
from gastropath.training.efficientnet_lite import efficientnet_lite0
from gastropath.training.lite0 import LITE0, weights_sha256

_KERAS = "keras:"
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
_IMAGENET_MEAN_255 = np.array([123.68, 116.779, 103.939], np.float32)

_MINUS_ONE_TO_ONE = ("Inception", "MobileNetV2", "NASNet", "Xception", "ResNet50V2", "ResNet101V2", "ResNet152V2")
_STANDARDISED = ("DenseNet",)
_BLUE_FIRST = ("VGG", "ResNet50", "ResNet101", "ResNet152")
"""How ``keras.applications`` scales the pixels of models that do not do it themselves, by the start of their names."""


@dataclass(frozen=True)
class Backbone:
    """A pretrained network up to its last map, without pooling and classifier.

    Attributes
    ----------
    name
        As in the recipe.
    model
        Takes ``uint8`` tiles, shape (n, tile_px, tile_px, 3), and scales them itself.
    sha256
        Hash of the weights: part of the name of every feature made with them.
    """

    name: str
    model: keras.Model
    sha256: str

    def map(self, layer: str) -> keras.KerasTensor:
        """Return the output of a layer, shape (n, h, w, channels); ``"last"`` is the last one.

        Raises
        ------
        UnknownSetting
            If there is no such layer, or its output is no map.
        """
        if layer == "last":
            return self.model.output
        found = {one.name: one.output for one in self.model.layers if len(getattr(one.output, "shape", ())) == 4}
        if layer not in found:
            raise UnknownSetting(
                f"maps: {self.name} has no map {layer!r}{_shortly(layer, found)}", parameter="settings"
            )
        return found[layer]


def backbone(name: str, tile_px: int = 224, weights: str = "") -> Backbone:
    """Build a pretrained network.

    Parameters
    ----------
    name
        ``"efficientnet-lite0"``, whose weights come with the package, or ``"keras:NAME"`` for a model of
        ``keras.applications``, e.g. ``"keras:EfficientNetV2B0"``.
    tile_px
        Side of a tile in pixels.
    weights
        Weights file of a ``keras:`` model (made without its classifier); without one, ImageNet weights are downloaded
        by Keras, or taken from where it downloaded them before.

    Raises
    ------
    UnknownSetting
        If there is no such network, or its weights can be had neither from a file nor from the network.
    """
    if name == LITE0:
        if weights:
            raise UnknownSetting(
                f"weights: {LITE0} comes with its own", parameter="settings", remedy="leave the setting out"
            )
        return Backbone(name, efficientnet_lite0(tile_px), weights_sha256())
    if not name.startswith(_KERAS):
        raise UnknownSetting(
            f"backbone: there is no {name!r}; expected {LITE0!r}, or keras:NAME with a model of "
            "keras.applications, e.g. 'keras:EfficientNetV2B0'",
            parameter="settings",
        )
    model = _keras_model(name.removeprefix(_KERAS), tile_px, weights)
    digest = hashlib.sha256()
    for variable in model.variables:
        digest.update(np.ascontiguousarray(variable).tobytes())
    return Backbone(name, model, digest.hexdigest())


def _keras_model(name: str, tile_px: int, weights: str) -> keras.Model:
    builders = {
        key: value
        for key, value in vars(keras.applications).items()
        if callable(value) and key[:1].isupper() and not key.startswith("_")
    }
    if name not in builders:
        raise UnknownSetting(
            f"backbone: keras.applications has no {name!r}{did_you_mean(name, builders)}", parameter="settings"
        )
    if weights and not Path(weights).is_file():
        raise UnknownSetting("weights: there is no such file", where=weights, parameter="settings")
    image = keras.Input((tile_px, tile_px, 3), dtype="uint8", name="image")
    try:
        build = cast("Callable[..., keras.Model]", builders[name])
        model = build(
            include_top=False,
            weights=weights or "imagenet",
            input_tensor=_scaled(name, cast("keras.KerasTensor", image)),
        )
    except Exception as error:  # Keras reports a missing network, a full disk and a wrong file as many types
        raise _without_weights(name, weights, error) from None
    if name.startswith(_BLUE_FIRST) and not name.startswith(_MINUS_ONE_TO_ONE):
        first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
        kernel, *rest = first.get_weights()
        first.set_weights([kernel[:, :, ::-1], *rest])  # it was trained with blue first; tiles have red first
    return keras.Model(image, model.output, name=name)


def _scaled(name: str, image: keras.KerasTensor) -> keras.KerasTensor:
    """Scale ``uint8`` tiles as the network was trained to expect, with a stock layer."""
    if name.startswith(_MINUS_ONE_TO_ONE) or name == "MobileNet":
        return layers.Rescaling(1 / 127.5, -1.0, name="scale")(image)
    if name.startswith(_STANDARDISED):
        scale, offset = 1 / (255 * _IMAGENET_STD), -_IMAGENET_MEAN / _IMAGENET_STD
        return layers.Rescaling(scale.tolist(), offset.tolist(), name="scale")(image)
    if name.startswith(_BLUE_FIRST):
        return layers.Rescaling(1.0, (-_IMAGENET_MEAN_255).tolist(), name="scale")(image)
    return layers.Rescaling(1.0, name="scale")(image)  # scaled inside


def _without_weights(name: str, weights: str, error: Exception) -> UnknownSetting:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if weights:
        what = f"weights: does not fit keras.applications.{name} without its classifier: {reason}"
        return UnknownSetting(what, where=weights, parameter="settings")
    return UnknownSetting(
        f"backbone: the ImageNet weights of keras.applications.{name} are not on this computer and could not be "
        f"downloaded ({reason})",
        parameter="settings",
        remedy=f"connect to a network, name a file (weights=FILE), or use another network (backbone={LITE0})",
    )


def _shortly(layer: str, known: dict[str, keras.KerasTensor]) -> str:
    close = did_you_mean(layer, known)
    return close if "did you mean" in close else "; 'last' is its last map"
