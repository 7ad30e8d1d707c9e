"""The specified network, and recipe ``cnn``: trained from scratch."""

from __future__ import annotations

import keras
from keras import layers

from gastropath.data.split.units import kept_together
from gastropath.training.context import TrainingContext
from gastropath.training.epochs import EpochTraining, decoded_parts
from gastropath.training.network import KerasNetwork
from gastropath.training.recipe import CnnRecipe
from gastropath.training.trained import Trained


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


def compiled(model: keras.Sequential, learning_rate: float) -> keras.Sequential:
    """Compile as specified: Adam, categorical cross-entropy, accuracy."""
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def train(recipe: CnnRecipe, context: TrainingContext) -> Trained:
    """Train the specified network, or go on where an interrupted call stopped."""
    learned, watched = decoded_parts(context, recipe.tile_px, recipe.mpp)

    def fresh() -> keras.Model:
        return compiled(specified_cnn(learned.n_classes, recipe.tile_px), recipe.learning_rate)

    training = EpochTraining(
        learned,
        watched,
        recipe,
        recipe.monitor,
        context.history,
        context.work,
        progress=context.progress,
        tensorboard=context.tensorboard,
    )
    units = kept_together(context.split.part("train")), kept_together(context.split.part("val"))
    return Trained.judged(
        KerasNetwork(training.fit(fresh)), learned, watched, units, recipe.seed, progress=context.progress
    )
