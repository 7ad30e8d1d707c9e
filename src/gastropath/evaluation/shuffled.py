"""A network that has forgotten what it learned: the same LiteRT graph with its weights shuffled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

Weights = Literal["head", "all"]

_FEWEST = 64
"""Numbers from which a constant counts as weights."""

_CONVOLUTIONS = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D)
_UNPACKING = schema.BuiltinOperator.DEQUANTIZE
_BYTES = {schema.TensorType.FLOAT32: 4, schema.TensorType.FLOAT16: 2, schema.TensorType.INT8: 1}
_NUMBERS = {4: np.float32, 2: np.float16, 1: np.int8}


def shuffled(graph: bytes, weights: Weights, *, seed: int = 0) -> bytes:
    """Shuffle the weights of a graph, each layer's among themselves, and draw the sign of each anew.

    Nothing learned is left, and activations keep their scale. With their own signs the weights would keep their mean
    too: where it is below 0, a layer of rectified activations would be silent, and a map of nothing tells nothing.

    Parameters
    ----------
    graph
        Content of a ``.tflite`` file, of any precision.
    weights
        ``"all"``, or only the ``"head"``: what is computed after the last convolution.
    seed
        Of the shuffling.

    Raises
    ------
    ValueError
        If there is nothing to shuffle.
    """
    content = bytearray(graph)
    model: Any = schema.Model.GetRootAs(content, 0)  # the generated classes have no types
    rng = np.random.default_rng(seed)
    buffers = dict(_weights(model, weights))
    if not buffers:
        raise ValueError(f"the graph has no constants of at least {_FEWEST} numbers to shuffle")
    for buffer, size in sorted(buffers.items()):
        stored = model.Buffers(buffer).DataAsNumpy()  # a view of ``content``
        numbers = stored.view(_NUMBERS[size])
        signs = 2 * rng.integers(0, 2, len(numbers), dtype=np.int8) - 1
        numbers[:] = rng.permutation(numbers) * signs
    return bytes(content)


def _weights(model: Any, weights: Weights) -> Iterator[tuple[int, int]]:
    """Yield number of the buffer and bytes of an element, for each constant of some size that a wanted layer reads."""
    subgraph = model.Subgraphs(0)
    operators = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
    codes = [_code(model, operator) for operator in operators]
    last = max((i for i, code in enumerate(codes) if code in _CONVOLUTIONS), default=-1)
    unpacked = {  # float16 weights pass through an operator that makes float32 of them
        operator.Outputs(0): operator.Inputs(0)
        for operator, code in zip(operators, codes, strict=True)
        if code == _UNPACKING
    }
    for place, operator in enumerate(operators):
        if codes[place] == _UNPACKING or (weights == "head" and place <= last):
            continue
        for i in range(operator.InputsLength()):
            if operator.Inputs(i) < 0:  # an input that the operator could have and has not
                continue
            tensor = subgraph.Tensors(unpacked.get(operator.Inputs(i), operator.Inputs(i)))
            size = _BYTES.get(tensor.Type(), 0)
            if size and model.Buffers(tensor.Buffer()).DataLength() >= size * _FEWEST:
                yield tensor.Buffer(), size


def _code(model: Any, operator: Any) -> int:
    code = model.OperatorCodes(operator.OpcodeIndex())
    return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
