"""The specified network."""

from __future__ import annotations

import keras
from keras import layers


def specified_cnn(n_classes: int, tile_px: int = 224) -> keras.Sequential:
    """Build the convolutional network of the specification, layer by layer.

    The division by 255 is its first layer, so it takes ``uint8`` tiles and nobody can forget it. With eight classes
    and tiles of 224 px it has 11,169,992 parameters.

    Parameters
    ----------
    n_classes
        Number of tissue classes.
    tile_px
        Side of a tile in pixels.

    Returns
    -------
    keras.Sequential
        Takes ``uint8`` tiles, shape (n, tile_px, tile_px, 3); gives probabilities, shape (n, n_classes).
    """
    return keras.Sequential(
        [
            keras.Input((tile_px, tile_px, 3), dtype="uint8", name="image"),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(32, (3, 3), activation="relu", name="conv_1"),
            layers.MaxPooling2D((2, 2), name="pool_1"),
            layers.Conv2D(64, (3, 3), activation="relu", name="conv_2"),
            layers.MaxPooling2D((2, 2), name="pool_2"),
            layers.Conv2D(128, (3, 3), activation="relu", name="conv_3"),
            layers.MaxPooling2D((2, 2), name="pool_3"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(128, activation="relu", name="features"),
            layers.Dense(n_classes, activation="softmax", name="probabilities"),
        ],
        name="specified_cnn",
    )


def without_optimizer(model: keras.Sequential) -> keras.Sequential:
    """Wrap the same layers (and so the same weights) in a model that carries no optimizer state.

    Saved, it is a third of the size, and loads without a word in a process that only wants to predict.
    """
    image = keras.Input(batch_shape=model.input_shape, dtype="uint8", name="image")
    return keras.Sequential([image, *model.layers], name=model.name)
