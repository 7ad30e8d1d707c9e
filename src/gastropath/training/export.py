"""From a Keras model to a LiteRT graph with named outputs."""

from __future__ import annotations

import tempfile
from typing import Literal

import keras
import tensorflow as tf

Precision = Literal["float32", "float16"]


def export_graph(model: keras.Sequential, precision: Precision = "float32") -> bytes:
    """Convert the specified network to a LiteRT graph.

    The graph has one signature, ``image`` (``uint8``, shape (n, tile_px, tile_px, 3)) to

    - ``logits`` (n, classes): before the softmax;
    - ``features`` (n, 128): the last hidden layer;
    - ``cam`` (n, h, w, classes): Grad-CAM of each class at the last pooling layer (Selvaraju et al. 2017).

    Grad-CAM needs no gradient here. Behind the pooled map P the network is z = P·W1 + b1, h = max(z, 0),
    logits = h·W2 + b2, so d logit_c / dP = W1 · ([z > 0] ∘ W2[:, c]), and its mean over the positions, the weight of
    each channel, needs only W1 averaged over the positions.

    Parameters
    ----------
    model
        From :func:`gastropath.training.cnn.specified_cnn`.
    precision
        ``"float16"`` stores weights in half the space and computes in float32.

    Returns
    -------
    bytes
        A ``.tflite`` file.
    """
    hidden, output = model.get_layer("features"), model.get_layer("probabilities")
    pooled = keras.Model(model.inputs, model.get_layer("pool_3").output)
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

    _, side, _, _ = pooled.input_shape
    module = tf.Module()
    module.variables_of_the_model = [variable.value for variable in model.variables]  # pyright: ignore[reportAttributeAccessIssue]
    signature = tf.function(serve, input_signature=[tf.TensorSpec([None, side, side, 3], tf.uint8, name="image")])
    module.serve = signature  # pyright: ignore[reportAttributeAccessIssue]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
