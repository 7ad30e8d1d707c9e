"""The network of :mod:`gastropath.training.lite0` as a Keras file, written without Keras.

Only what a layer needs to know is written, in the words of the first Keras 3: every later one opens the file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from gastropath.training.lite0 import EPSILON, MOST, WEIGHTS, Kind, Layer

KERAS_VERSION = "3.0.0"
"""Of the format that the file keeps to."""

_CLASSES: Mapping[Kind, tuple[str, str]] = {
    "image": ("InputLayer", "input_layer"),
    "scale": ("Rescaling", "rescaling"),
    "conv": ("Conv2D", "conv2d"),
    "depthwise": ("DepthwiseConv2D", "depthwise_conv2d"),
    "norm": ("BatchNormalization", "batch_normalization"),
    "relu": ("ReLU", "re_lu"),
    "add": ("Add", "add"),
    "pool": ("GlobalAveragePooling2D", "global_average_pooling2d"),
    "unit": ("UnitNormalization", "unit_normalization"),
    "join": ("Concatenate", "concatenate"),
    "dense": ("Dense", "dense"),
}
"""Keras's class of each kind of layer, and its name in a file of weights."""

_WRITTEN = (2026, 1, 1, 0, 0, 0)  # a file says nothing of when it was written: the same model is the same file


def write_keras(layers: Sequence[Layer], file: Path, name: str) -> None:
    """Write layers, of which the first takes the tiles and the last gives the answer, as a ``.keras`` file.

    Parameters
    ----------
    layers
        With weights.
    file
        Is replaced.
    name
        Of the model.
    """
    by_name = {layer.name: layer for layer in layers}
    config = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": name,
            "trainable": True,
            "layers": [_layer(layer, by_name) for layer in layers],
            "input_layers": [layers[0].name, 0, 0],
            "output_layers": [layers[-1].name, 0, 0],
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }
    with zipfile.ZipFile(file, "w") as archive:
        parts = {
            "metadata.json": json.dumps({"keras_version": KERAS_VERSION}).encode(),
            "config.json": json.dumps(config).encode(),
            "model.weights.h5": _weights(layers),
        }
        for part, content in parts.items():
            archive.writestr(zipfile.ZipInfo(part, _WRITTEN), content)


def _layer(layer: Layer, by_name: Mapping[str, Layer]) -> dict[str, object]:
    """Describe a layer, and where its input comes from."""
    alone = layer.kind == "join" and len(layer.inputs) == 1
    taken = [_tensor(by_name[name]) for name in layer.inputs]
    arguments = [taken] if len(taken) > 1 else taken
    return {
        "module": "keras.layers",
        "class_name": "Identity" if alone else _CLASSES[layer.kind][0],
        "config": {"name": layer.name, **({"dtype": "float32"} if alone else _settings(layer))},
        "registered_name": None,
        "name": layer.name,
        "inbound_nodes": [{"args": arguments, "kwargs": {}}] if taken else [],
    }


def _tensor(layer: Layer) -> dict[str, object]:
    dtype = "uint8" if layer.kind == "image" else "float32"
    config = {"shape": [None, *layer.shape], "dtype": dtype, "keras_history": [layer.name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def _settings(layer: Layer) -> dict[str, object]:
    if layer.kind == "image":
        return {"batch_shape": [None, *layer.shape], "dtype": "uint8"}
    own: Mapping[Kind, dict[str, object]] = {
        "scale": {"scale": 1 / 128, "offset": -127 / 128},
        "conv": {
            "filters": layer.shape[-1],
            "kernel_size": [layer.kernel, layer.kernel],
            "strides": [layer.stride, layer.stride],
            "padding": "same",
            "use_bias": False,
        },
        "depthwise": {
            "kernel_size": [layer.kernel, layer.kernel],
            "strides": [layer.stride, layer.stride],
            "padding": "same",
            "use_bias": False,
        },
        "norm": {"epsilon": EPSILON},
        "relu": {"max_value": MOST},
        "join": {"axis": -1},
        "dense": {"units": layer.shape[-1], "activation": "softmax"},
    }
    return {"trainable": True, "dtype": "float32", **own.get(layer.kind, {})}


def _weights(layers: Sequence[Layer]) -> bytes:
    """Return ``model.weights.h5``: Keras finds a layer by its class and how many of it came before."""
    buffer, seen = io.BytesIO(), Counter[str]()
    with h5py.File(buffer, "w") as stored:
        for layer in layers:
            kind = _CLASSES[layer.kind][1]
            place = f"layers/{kind}_{seen[kind]}" if seen[kind] else f"layers/{kind}"
            seen[kind] += 1
            if layer.kind not in WEIGHTS:
                continue
            own = stored.create_group(f"{place}/vars")
            for number, values in enumerate(layer.weights):
                own.create_dataset(str(number), data=np.asarray(values, np.float32), track_times=False)
    return buffer.getvalue()
