"""From a Keras model to a LiteRT graph with named outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from gastropath.inference.nativelog import without_native_log
from gastropath.training.feature_network import FEATURES, PROBABILITIES, pooled_maps

Precision = Literal["float32", "float16"]

_FLOATING = (
    "MEAN", "FULLY_CONNECTED", "BATCH_MATMUL", "RESHAPE", "AVERAGE_POOL_2D", "MUL", "SUB", "DIV", "SQRT", "RSQRT",
    "SQUARE", "SUM", "CONCATENATION", "L2_NORMALIZATION", "MAXIMUM", "CAST", "TRANSPOSE", "ADD_N", "GATHER", "PACK",
    "STRIDED_SLICE", "RESIZE_BILINEAR",
)  # fmt: skip
"""Operations that quantisation leaves in floating point; convolutions and the sums between them are what is left."""

_BODY = "body"
"""Named, because Keras would number it by what was built before, and the number would stand in the graph."""

Serve = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def export_graph(model: keras.Model, precision: Precision = "float32", *, temperature: float = 1.0) -> bytes:
    """Convert a trained network to a LiteRT graph.

    The graph has one signature, ``image`` (``uint8``, shape (n, tile_px, tile_px, 3)) to

    - ``logits`` (n, classes): before temperature and softmax;
    - ``features`` (n, f): what the last layer sees;
    - ``cam`` (n, h, w, classes): a class-activation map of each class.

    Parameters
    ----------
    model
        From :func:`gastropath.training.cnn.specified_cnn` or :func:`gastropath.training.feature_network.with_head`.
    precision
        ``"float16"`` stores weights in half the space and computes in float32.
    temperature
        What the model's last layer was divided by when it was calibrated; the logits are without it.

    Returns
    -------
    bytes
        A ``.tflite`` file.
    """
    serve = _specified_cnn(model) if isinstance(model, keras.Sequential) else _feature_network(model)

    def uncalibrated(image: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = serve(image)
        return {**answer, "logits": answer["logits"] * temperature} if temperature != 1.0 else answer

    return _converted(model, uncalibrated, _floating(precision))


def feature_graph(network: keras.Model) -> bytes:
    """Convert a feature network to a LiteRT graph from ``image`` to ``features``, both as in :func:`export_graph`."""
    return _converted(network, lambda image: {"features": network(image, training=False)}, _floating("float32"))


def quantised_graph(
    model: keras.Model, tiles: np.ndarray, *, features_only: bool = False, temperature: float = 1.0
) -> bytes:
    """Convert a network with a linear head, its backbone in 8-bit integers and all behind it in floating point.

    Static quantisation: the range of every map is measured on tiles, so the integer arithmetic needs no statistics of
    the picture at hand. Pooling, unit length, head and activation maps stay in floating point, where they are cheap.

    Parameters
    ----------
    model
        From :func:`gastropath.training.feature_network.with_head`.
    tiles
        Some hundred training tiles, ``uint8``, shape (n, tile_px, tile_px, 3).
    features_only
        Leave the head out: what a head is then fitted on, so that it learns the rounding instead of suffering it.
    temperature
        As in :func:`export_graph`.
    """
    serve = _feature_network(model)

    def wanted(image: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = serve(image)
        if features_only:
            return {"features": answer["features"]}
        return {**answer, "logits": answer["logits"] * temperature}

    def calibrating() -> Iterator[dict[str, np.ndarray]]:
        return ({"image": tile[None]} for tile in tiles)

    def quantise(converter: tf.lite.TFLiteConverter) -> bytes:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = calibrating
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(_FLOATING))
        debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_options=options)
        return debugger.get_nondebug_quantized_model()

    return _converted(model, wanted, quantise)


def _specified_cnn(model: keras.Sequential) -> Serve:
    """Serve the specified network, with Grad-CAM at its last pooling layer (Selvaraju et al. 2017).

    Grad-CAM needs no gradient here. Behind the pooled map P the network is z = P·W1 + b1, h = max(z, 0),
    logits = h·W2 + b2, so d logit_c / dP = W1 · ([z > 0] ∘ W2[:, c]), and its mean over the positions, the weight of
    each channel, needs only W1 averaged over the positions.
    """
    hidden, output = model.get_layer("features"), model.get_layer(PROBABILITIES)
    pooled = keras.Model(model.inputs, model.get_layer("pool_3").output, name=_BODY)
    _, height, width, channels = pooled.output_shape

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        maps = pooled(image, training=False)
        before = tf.matmul(tf.reshape(maps, [-1, height * width * channels]), hidden.kernel) + hidden.bias
        features = tf.nn.relu(before)
        logits = tf.matmul(features, output.kernel) + output.bias
        averaged = tf.reduce_mean(tf.reshape(hidden.kernel, [height * width, channels, -1]), axis=0)
        active = tf.cast(before > 0, tf.float32)
        weights = tf.einsum("kj,nj,jc->nkc", averaged, active, output.kernel)
        cam = tf.nn.relu(tf.einsum("nhwk,nkc->nhwc", maps, weights))
        return {"logits": logits, "features": features, "cam": cam}

    return serve


def _feature_network(model: keras.Model) -> Serve:
    """Serve a linear head on pooled maps, with class-activation maps (Zhou et al. 2016).

    A logit is b + Σ_d w_d · mean(A_d) / ‖mean(A_d)‖ over the maps A_d of all depths d. Its share at one position of
    A_d is w_d · A_d / ‖mean(A_d)‖; the shares of finer maps are averaged down to the grid of the coarsest. The mean of
    the result over the positions, plus b, is the logit: what the map shows is all there is to explain.
    """
    head = model.get_layer(PROBABILITIES)
    body = keras.Model(model.inputs, [*pooled_maps(model), model.get_layer(FEATURES).output], name=_BODY)
    shapes = [tuple(map_.shape[1:]) for map_ in pooled_maps(model)]
    side = min(height for height, _, _ in shapes)

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        *maps, features = body(image, training=False)
        logits = tf.matmul(features, head.kernel) + head.bias
        shares, first = [], 0
        for map_, (height, width, channels) in zip(maps, shapes, strict=True):
            kernel = head.kernel[first : first + channels]
            share = tf.reshape(
                tf.matmul(tf.reshape(map_, [-1, channels]), kernel), [-1, height, width, kernel.shape[1]]
            )
            if height != side:
                share = _averaged(share, height, side)
            length = tf.sqrt(tf.reduce_sum(tf.square(tf.reduce_mean(map_, axis=(1, 2))), axis=1) + 1e-12)
            shares.append(share / length[:, None, None, None])
            first += channels
        return {"logits": logits, "features": features, "cam": tf.add_n(shares)}

    return serve


def _averaged(share: tf.Tensor, height: int, side: int) -> tf.Tensor:
    """Average a map down to a coarser grid; where cells do not fall together, areas are averaged."""
    factor, rest = divmod(height, side)
    if rest == 0:
        return tf.nn.avg_pool2d(share, factor, factor, "VALID")
    return tf.image.resize(share, (side, side), antialias=True)


def _floating(precision: Precision) -> Callable[[tf.lite.TFLiteConverter], bytes]:
    def convert(converter: tf.lite.TFLiteConverter) -> bytes:
        if precision == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()

    return convert


def _converted(model: keras.Model, serve: Serve, convert: Callable[[tf.lite.TFLiteConverter], bytes]) -> bytes:
    _, side, _, _ = model.input_shape
    module = tf.Module()
    module.variables_of_the_model = [variable.value for variable in model.variables]  # pyright: ignore[reportAttributeAccessIssue]
    signature = tf.function(serve, input_signature=[tf.TensorSpec([None, side, side, 3], tf.uint8, name="image")])
    module.serve = signature  # pyright: ignore[reportAttributeAccessIssue]
    with tempfile.TemporaryDirectory() as folder, without_native_log():
        tf.saved_model.save(module, folder, signatures={"serving_default": signature})
        return convert(tf.lite.TFLiteConverter.from_saved_model(folder))
