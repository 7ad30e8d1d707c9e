"""The network of :mod:`gastropath.training.lite0` as a LiteRT graph, written without TensorFlow.

The graph computes what TensorFlow's converter would have it compute: normalisation and activation are part of the
convolution before them, and class-activation maps are those of :func:`gastropath.training.export.export_graph`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from gastropath.training.lite0 import EPSILON, LAST, Layer

_SAME, _VALID = schema.Padding.SAME, schema.Padding.VALID
_NONE, _RELU6 = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU6
_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.uint8): schema.TensorType.UINT8,
}


def can_write(layers: Sequence[Layer], maps: Sequence[str]) -> bool:
    """Return whether the maps are ends of convolutions, and their grids fall together with the coarsest.

    Parameters
    ----------
    layers
        From :func:`gastropath.training.lite0.lite0`.
    maps
        Layers to pool; ``"last"`` is the last map.
    """
    ends = {layer.name: layer.shape[0] for layer in _ends(layers)}
    sides = [ends.get(LAST if name == "last" else name, 0) for name in maps]
    return all(sides) and all(side % min(sides) == 0 for side in sides)


def write_graph(layers: Sequence[Layer], precision: Literal["float32", "float16"] = "float32") -> bytes:
    """Write the graph of some layers.

    Parameters
    ----------
    layers
        From :func:`gastropath.training.lite0.with_features`: the graph has the output ``features``; or from
        :func:`gastropath.training.lite0.with_head`: also ``logits`` and ``cam``, as those of
        :func:`gastropath.training.export.export_graph`.
    precision
        ``"float16"`` stores weights in half the space and computes in float32.

    Returns
    -------
    bytes
        A ``.tflite`` file with one signature, ``serving_default``, from ``image`` (``uint8``, shape (n, tile_px,
        tile_px, 3)).
    """
    made = _Writer(precision == "float16")
    outputs: dict[str, int] = {}
    ends = {layer.name for layer in _ends(layers)}
    by_name = {layer.name: layer for layer in layers}
    means: dict[str, int] = {}
    for layer in layers:
        taken = [outputs[name] for name in layer.inputs if name in outputs]
        first = taken[0] if taken else -1
        if layer.kind == "image":
            outputs[layer.name] = made.tensor("image", layer.shape, np.uint8)
        elif layer.kind == "scale":
            whole = made.operator("CAST", taken, layer.shape)
            scaled = made.operator("MUL", [whole, made.constant(np.float32(1 / 128))], layer.shape, schema.MulOptionsT)
            added = [scaled, made.constant(np.float32(-127 / 128))]
            outputs[layer.name] = made.operator("ADD", added, layer.shape, schema.AddOptionsT)
        elif layer.kind in {"norm", "relu"} and layer.name in ends:
            outputs[layer.name] = _convolution(made, layer, by_name, outputs)
        elif layer.kind == "add":
            outputs[layer.name] = made.operator("ADD", taken, layer.shape, schema.AddOptionsT)
        elif layer.kind == "pool":
            axes = made.constant(np.array([1, 2], np.int32))
            means[layer.name] = made.operator("MEAN", [first, axes], layer.shape, schema.ReducerOptionsT)
            outputs[layer.name] = means[layer.name]
        elif layer.kind == "unit":
            outputs[layer.name] = _unit(made, first, layer.shape)
        elif layer.kind == "join":
            joined = made.operator("CONCATENATION", taken, layer.shape, schema.ConcatenationOptionsT, axis=-1)
            outputs[layer.name] = joined if len(taken) > 1 else first
        elif layer.kind == "dense":
            kernel, bias = layer.weights
            logits = _fully_connected(made, first, kernel, bias)
            pooled = [(outputs[one.inputs[0]], by_name[one.inputs[0]].shape, means[one.name]) for one in _pools(layers)]
            maps = _activation_maps(made, pooled, kernel)
            return made.finished({"cam": maps, "features": first, "logits": logits})
    return made.finished({"features": outputs[layers[-1].name]})


def _ends(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers at which a convolution ends, its normalisation and activation included, and the sums."""
    rectified = {layer.inputs[0] for layer in layers if layer.kind == "relu"}
    return [
        layer
        for layer in layers
        if layer.kind in {"relu", "add"} or (layer.kind == "norm" and layer.name not in rectified)
    ]


def _pools(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer.kind == "pool"]


def _convolution(made: _Writer, end: Layer, by_name: Mapping[str, Layer], outputs: Mapping[str, int]) -> int:
    """Add a convolution whose filters carry the normalisation behind it."""
    norm = by_name[end.inputs[0]] if end.kind == "relu" else end
    layer = by_name[norm.inputs[0]]
    gamma, beta, mean, variance = (values.astype(np.float64) for values in norm.weights)
    factor = gamma / np.sqrt(variance + EPSILON)
    kernel, bias = layer.weights[0].astype(np.float64), beta - mean * factor
    if layer.kind == "depthwise":
        filters = (kernel[..., 0] * factor)[None]
        name, options, more = "DEPTHWISE_CONV_2D", schema.DepthwiseConv2DOptionsT, {"depthMultiplier": 1}
    else:
        filters = np.ascontiguousarray((kernel * factor).transpose(3, 0, 1, 2))
        name, options, more = "CONV_2D", schema.Conv2DOptionsT, {}
    inputs = [outputs[layer.inputs[0]], made.weights(filters), made.weights(bias)]
    return made.operator(
        name,
        inputs,
        end.shape,
        options,
        padding=_SAME,
        strideW=layer.stride,
        strideH=layer.stride,
        dilationWFactor=1,
        dilationHFactor=1,
        fusedActivationFunction=_RELU6 if end.kind == "relu" else _NONE,
        **more,
    )


def _unit(made: _Writer, rows: int, shape: tuple[int, ...]) -> int:
    """Bring rows to unit length, as Keras's ``UnitNormalization`` does; rows of zeros stay."""
    squared = made.operator("SQUARE", [rows], shape)
    last = made.constant(np.array(-1, np.int32))
    total = made.operator("SUM", [squared, last], (1,), schema.ReducerOptionsT, keepDims=True)
    inverse = made.operator("RSQRT", [total], (1,))
    limited = made.operator("MINIMUM", [inverse, made.constant(np.float32(1e12))], (1,))
    return made.operator("MUL", [rows, limited], shape, schema.MulOptionsT)


def _fully_connected(made: _Writer, rows: int, kernel: np.ndarray, bias: np.ndarray | None = None) -> int:
    inputs = [rows, made.weights(np.ascontiguousarray(kernel.T)), -1 if bias is None else made.weights(bias)]
    return made.operator("FULLY_CONNECTED", inputs, (kernel.shape[1],), schema.FullyConnectedOptionsT)


def _activation_maps(made: _Writer, pooled: Sequence[tuple[int, tuple[int, ...], int]], kernel: np.ndarray) -> int:
    """Add up the shares of all maps in the logits, on the grid of the coarsest.

    Parameters
    ----------
    pooled
        Of each map its tensor, its shape, and the tensor of its mean.
    kernel
        Of the head, shape (sum of channels, classes).
    """
    side, classes = min(shape[0] for _, shape, _ in pooled), kernel.shape[1]
    shares, first = [], 0
    for tensor, (height, width, channels), mean in pooled:
        cells = made.reshaped(tensor, (channels,))
        share = _fully_connected(made, cells, kernel[first : first + channels])
        share = made.reshaped(share, (height, width, classes))
        if factor := height // side if height != side else 0:
            sides = {"strideW": factor, "strideH": factor, "filterWidth": factor, "filterHeight": factor}
            share = made.operator(
                "AVERAGE_POOL_2D", [share], (side, side, classes), schema.Pool2DOptionsT, padding=_VALID, **sides
            )
        squared = made.operator("SQUARE", [mean], (channels,))
        last = made.constant(np.array(1, np.int32))
        total = made.operator("SUM", [squared, last], (), schema.ReducerOptionsT)
        added = made.operator("ADD", [total, made.constant(np.float32(1e-12))], (), schema.AddOptionsT)
        length = made.reshaped(made.operator("SQRT", [added], ()), (1, 1, 1))
        shares.append(made.operator("DIV", [share, length], (side, side, classes), schema.DivOptionsT))
        first += channels
    return made.operator("ADD_N", shares, (side, side, classes)) if len(shares) > 1 else shares[0]


class _Writer:
    """Collects tensors and operators of a graph."""

    def __init__(self, half: bool) -> None:
        self._half = half
        self._graph: Any = schema.SubGraphT()  # the generated classes have no types
        self._graph.tensors, self._graph.operators, self._graph.name = [], [], b"main"
        self._buffers: list[Any] = [schema.BufferT()]
        self._codes: dict[int, int] = {}
        self._known: dict[tuple[str, bytes], int] = {}

    def tensor(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> int:
        """Add a tensor of any number of tiles; return its number."""
        made: Any = schema.TensorT()
        made.name, made.type, made.buffer, made.hasRank = name.encode(), _TYPES[np.dtype(dtype)], 0, True
        made.shape, made.shapeSignature = [1, *shape], [-1, *shape]
        return self._added(made)

    def constant(self, values: np.ndarray | np.generic) -> int:
        """Add a constant, or find the one that is the same."""
        values = np.asarray(values)
        key = (f"{values.dtype} {values.shape}", values.tobytes())
        if key not in self._known:
            buffer: Any = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self._buffers.append(buffer)
            made: Any = schema.TensorT()
            made.name, made.type, made.hasRank = f"constant_{len(self._buffers)}".encode(), _TYPES[values.dtype], True
            made.buffer, made.shape = len(self._buffers) - 1, list(values.shape)
            self._known[key] = self._added(made)
        return self._known[key]

    def weights(self, values: np.ndarray) -> int:
        """Add weights, in half precision where that is asked for."""
        if not self._half:
            return self.constant(values.astype(np.float32))
        most = np.finfo(np.float16).max
        stored = self.constant(np.clip(values, -most, most).astype(np.float16))
        unpacked: Any = schema.TensorT()
        unpacked.name, unpacked.type, unpacked.hasRank = b"weights", schema.TensorType.FLOAT32, True
        unpacked.buffer, unpacked.shape = 0, list(values.shape)
        self._operator("DEQUANTIZE", [stored], self._added(unpacked), None, {})
        return len(self._graph.tensors) - 1

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        shape: tuple[int, ...],
        options: type | None = None,
        **settings: int | bool,
    ) -> int:
        """Add an operator; return the tensor of its output, whose shape is given without the batch."""
        output = self.tensor(f"{name.lower()}_{len(self._graph.operators)}", shape)
        self._operator(name, inputs, output, options, settings)
        return output

    def reshaped(self, tensor: int, shape: tuple[int, ...]) -> int:
        """Reshape a tensor; what is left over becomes the batch."""
        return self.operator("RESHAPE", [tensor, self.constant(np.array([-1, *shape], np.int32))], shape)

    def finished(self, outputs: Mapping[str, int]) -> bytes:
        """Return the file, with these outputs."""
        model: Any = schema.ModelT()
        model.version, model.description = 3, b"GastroPath"
        model.buffers, model.subgraphs = self._buffers, [self._graph]
        self._graph.inputs, self._graph.outputs = [0], list(outputs.values())
        model.operatorCodes = [_code(number) for number in self._codes]
        signature: Any = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
        signature.inputs = [_named("image", 0)]
        signature.outputs = [_named(name, number) for name, number in outputs.items()]
        model.signatureDefs = [signature]
        builder = flatbuffers.Builder(sum(len(buffer.data) for buffer in self._buffers[1:]) + 2**20)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _operator(
        self, name: str, inputs: Sequence[int], output: int, options: type | None, settings: Mapping[str, int | bool]
    ) -> None:
        made: Any = schema.OperatorT()
        number = getattr(schema.BuiltinOperator, name)
        made.opcodeIndex = self._codes.setdefault(number, len(self._codes))
        made.inputs, made.outputs = list(inputs), [output]
        if options:
            made.builtinOptions = options()
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options.__name__.removesuffix("T"))
            for key, value in settings.items():
                setattr(made.builtinOptions, key, value)
        self._graph.operators.append(made)

    def _added(self, tensor: object) -> int:
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1


def _code(number: int) -> object:
    code: Any = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    return code


def _named(name: str, tensor: int) -> object:
    made: Any = schema.TensorMapT()
    made.name, made.tensorIndex = name.encode(), tensor
    return made
