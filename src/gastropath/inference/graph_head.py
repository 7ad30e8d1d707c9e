"""The linear head inside a LiteRT graph: read it, and put another in its place, with more classes or fewer.

The last layer of a graph is found by going back from its output ``logits``; what else holds its numbers, such as the
class-activation maps, is found by comparing. The file is taken apart and put together by the interface that LiteRT
brings along, so no training software is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from gastropath.errors import BadBundle
from gastropath.inference.linear_head import Head

_CODES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
_FLOATING = {schema.TensorType.FLOAT32: np.dtype("<f4"), schema.TensorType.FLOAT16: np.dtype("<f2")}
_ELEMENTWISE = {
    "ADD", "ADD_N", "AVERAGE_POOL_2D", "CAST", "DEQUANTIZE", "DIV", "MAXIMUM", "MUL", "RELU", "RESIZE_BILINEAR", "SUB",
}  # fmt: skip
"""Operations that leave the classes on the axis they are on."""

_ALIKE = 2e-3
"""Relative difference up to which two arrays hold the same numbers: half precision rounds by 5e-4."""


def read_head(graph: bytes) -> Head:
    """Return the head of a graph: what gives its ``logits`` when it is applied to its ``features``.

    Parameters
    ----------
    graph
        Of a ``.tflite`` file.

    Raises
    ------
    BadBundle
        If the graph does not end in one linear layer on its features.
    """
    return _Graph(graph).head


def with_head(graph: bytes, head: Head) -> bytes:
    """Return a graph whose answers and class-activation maps come from another head; its features stay.

    Parameters
    ----------
    graph
        Of a ``.tflite`` file.
    head
        On as many features, of any number of classes.

    Raises
    ------
    BadBundle
        If the graph does not end in one linear layer on its features, or does with the classes what is not known here.
    ValueError
        If the head is made for another number of features.
    """
    opened = _Graph(graph)
    opened.put(head)
    return opened.to_bytes()


class _Graph:
    def __init__(self, content: bytes) -> None:
        try:
            self._model: Any = schema.ModelT.InitFromPackedBuf(content, 0)  # the generated classes have no types
            self._graph: Any = self._model.subgraphs[0]
            (signature,) = self._model.signatureDefs
            outputs = {output.name.decode(): output.tensorIndex for output in signature.outputs}
            self._features, self._logits = outputs["features"], outputs["logits"]
            self._makers = {tensor: made for made in self._graph.operators for tensor in made.outputs}
            self._size = len(content)
            self._layer, self._stored, self._factor = self._last_layer()
            self._stored_bias = self._constant_behind(self._layer.inputs[2]) if self._layer.inputs[2] >= 0 else None
        except BadBundle:
            raise
        except Exception as error:  # whatever a damaged file makes of the generated code
            raise BadBundle(f"the graph cannot be taken apart: {error}") from None

    @property
    def head(self) -> Head:
        kernel = self._values(self._stored)
        bias = np.zeros(len(kernel)) if self._stored_bias is None else self._values(self._stored_bias)
        return Head((kernel.T * self._factor).astype(np.float32), (bias * self._factor).astype(np.float32))

    def put(self, head: Head) -> None:
        old = self._values(self._stored)
        classes, features = old.shape
        if head.kernel.shape[0] != features:
            raise ValueError(f"a head on {head.kernel.shape[0]} features for a graph that gives {features}")
        new = head.kernel.T.astype(np.float64) / self._factor
        axes: dict[int, int] = {}
        for tensor, first, width, turned, scale in list(self._copies(old)):
            part = scale * new[:, first : first + width]
            shape = list(self._graph.tensors[tensor].shape)
            axis = shape.index(classes) if not turned else len(shape) - 1 - shape[::-1].index(classes)
            shape[axis] = len(new)
            self._store(tensor, (part.T if turned else part).reshape(shape))
            axes[tensor] = axis
        if self._stored_bias is None:
            self._add_bias(head.bias / self._factor)
        else:
            self._store(self._stored_bias, head.bias / self._factor)
            axes[self._stored_bias] = 0
        self._propagate(axes, classes, len(new))

    def to_bytes(self) -> bytes:
        builder = flatbuffers.Builder(self._size + 2**20)
        builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _last_layer(self) -> tuple[Any, int, float]:
        """Return the layer that gives the logits, the tensor of its weights, and what its answers are multiplied by."""
        maker, factor = self._makers.get(self._logits), 1.0
        if maker and self._kind(maker) == "MUL":
            numbers = [self._values(t) for t in map(self._constant_behind, maker.inputs) if t is not None]
            if len(numbers) == 1 and numbers[0].size == 1:
                factor = float(numbers[0].ravel()[0])
                (inner,) = (t for t in maker.inputs if self._constant_behind(t) is None)
                maker = self._makers.get(inner)
        if not maker or self._kind(maker) != "FULLY_CONNECTED" or maker.inputs[0] != self._features:
            raise BadBundle("its logits are not one linear layer on its features")
        if (stored := self._constant_behind(maker.inputs[1])) is None:
            raise BadBundle("the weights of its last layer are no floating-point numbers")
        return maker, stored, factor

    def _kind(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return _CODES[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _constant_behind(self, tensor: int) -> int | None:
        """Return the tensor of floating-point constants that this is, or that it is unpacked from."""
        maker = self._makers.get(tensor)
        if maker and self._kind(maker) == "DEQUANTIZE":
            tensor = maker.inputs[0]
        is_constant = self._model.buffers[self._graph.tensors[tensor].buffer].data is not None
        return tensor if is_constant and self._graph.tensors[tensor].type in _FLOATING else None

    def _values(self, tensor: int) -> np.ndarray:
        found = self._graph.tensors[tensor]
        data = np.asarray(self._model.buffers[found.buffer].data, np.uint8).tobytes()
        shape = [] if found.shape is None else list(found.shape)
        return np.frombuffer(data, _FLOATING[found.type]).astype(np.float64).reshape(shape)

    def _store(self, tensor: int, values: np.ndarray) -> None:
        found = self._graph.tensors[tensor]
        dtype = _FLOATING[found.type]
        most = np.finfo(dtype).max
        self._fill(found, np.clip(values, -most, most).astype(dtype))

    def _fill(self, tensor: Any, values: np.ndarray) -> None:
        """Give a tensor a buffer of its own: the old one may serve others too."""
        buffer: Any = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        tensor.buffer, tensor.shape = len(self._model.buffers) - 1, list(values.shape)

    def _constant(self, name: bytes, kind: int, values: np.ndarray) -> int:
        made: Any = schema.TensorT()
        made.name, made.type, made.hasRank = name, kind, True
        self._fill(made, values)
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def _copies(self, kernel: np.ndarray) -> Iterator[tuple[int, int, int, bool, float]]:
        """Yield the constants that hold some columns of the kernel, shape (classes, f), as they are or multiplied.

        Yields
        ------
        tensor, first, width, turned, scale
            Which columns, whether the constant has them as rows, and what they are multiplied by.
        """
        classes = len(kernel)
        taken = {tensor for operator in self._graph.operators for tensor in operator.inputs if tensor >= 0}
        for tensor in sorted(t for t in taken if self._graph.tensors[t].type in _FLOATING):
            shape = self._graph.tensors[tensor].shape
            sides = [] if shape is None else [int(side) for side in shape if side != 1]
            if len(sides) != 2 or classes not in sides or self._constant_behind(tensor) != tensor:
                continue
            values = self._values(tensor).reshape(sides)
            for turned in (False, True):
                rows = values.T if turned else values
                if len(rows) == classes and (found := _where(rows, kernel)):
                    yield tensor, found[0], rows.shape[1], turned, found[1]
                    break

    def _add_bias(self, bias: np.ndarray) -> None:
        added = self._constant(b"bias", schema.TensorType.FLOAT32, bias.astype("<f4"))
        self._layer.inputs = [*self._layer.inputs[:2], added]

    def _propagate(self, axes: dict[int, int], before: int, now: int) -> None:
        """Follow the classes through the graph, and change the shapes they are part of.

        Parameters
        ----------
        axes
            Axis of the classes in each changed constant; grows.
        before, now
            Number of classes.
        """
        for operator in self._graph.operators:
            carried = [(place, tensor) for place, tensor in enumerate(operator.inputs) if tensor in axes]
            if not carried:
                continue
            kind, (output,) = self._kind(operator), operator.outputs
            shape = list(self._graph.tensors[output].shape)
            axis = self._axis(kind, operator, carried, axes, shape, before)
            if axis is None or not 0 <= axis < len(shape) or shape[axis] != before:
                raise BadBundle(f"the graph does {kind} with its classes, which no other head can be put behind")
            if kind == "RESHAPE":
                self._reshape_to(operator, axis, now)
            self._resize(output, axis, now)
            axes[output] = axis

    def _axis(
        self, kind: str, operator: Any, carried: list[tuple[int, int]], axes: dict[int, int], shape: list[int], n: int
    ) -> int | None:
        """Return on which axis of an operator's output the classes lie; ``None`` where that is not known."""
        place, tensor = carried[0]
        axis = axes[tensor]
        own = self._graph.tensors[tensor].shape
        if kind in _ELEMENTWISE:
            return axis + len(shape) - len(own)
        if kind == "FULLY_CONNECTED":
            return axis if place == 0 else len(shape) - 1
        if kind == "BATCH_MATMUL":
            return axis if axis != len(own) - (1 if place == 0 else 2) else None
        if kind == "TRANSPOSE":
            order = np.frombuffer(
                bytes(self._model.buffers[self._graph.tensors[operator.inputs[1]].buffer].data), "<i4"
            )
            return order.tolist().index(axis)
        if kind == "RESHAPE":  # what lies behind the classes stays as much
            behind = int(np.prod(own[axis + 1 :]))
            places = [a for a, side in enumerate(shape) if side == n and int(np.prod(shape[a + 1 :])) == behind]
            return places[0] if len(places) == 1 else None
        return None

    def _reshape_to(self, operator: Any, axis: int, now: int) -> None:
        wanted = self._graph.tensors[operator.inputs[1]]
        shape = np.frombuffer(bytes(self._model.buffers[wanted.buffer].data), "<i4").copy()
        shape[axis] = now
        operator.inputs = [operator.inputs[0], self._constant(b"shape", schema.TensorType.INT32, shape)]
        if operator.builtinOptions is not None and operator.builtinOptions.newShape is not None:
            operator.builtinOptions.newShape = shape.tolist()

    def _resize(self, tensor: int, axis: int, now: int) -> None:
        found = self._graph.tensors[tensor]
        for name in ("shape", "shapeSignature"):
            if (sides := getattr(found, name)) is not None:
                sides = [int(side) for side in sides]
                sides[axis] = now
                setattr(found, name, sides)


def _where(rows: np.ndarray, kernel: np.ndarray) -> tuple[int, float] | None:
    """Return from which column on the kernel holds these rows, and what they are multiplied by."""
    width = rows.shape[1]
    length = float(np.linalg.norm(rows))
    for first in range(kernel.shape[1] - width + 1 if length else 0):
        part = kernel[:, first : first + width]
        scale = float((rows * part).sum() / max(float((part**2).sum()), 1e-30))
        if np.linalg.norm(rows - scale * part) <= _ALIKE * length:
            return first, scale
    return None
