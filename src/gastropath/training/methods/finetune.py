"""Recipe ``finetune``: the model of ``transfer``, trained on end to end."""

from __future__ import annotations

from pathlib import Path

import keras

from gastropath.data.split.units import kept_together
from gastropath.inference.head_strength import learn_head
from gastropath.outputs import replacing
from gastropath.training.augment import Augmentation
from gastropath.training.context import TrainingContext
from gastropath.training.epochs import EpochTraining, decoded_parts
from gastropath.training.features import extract
from gastropath.training.input_pipeline import steps
from gastropath.training.methods.transfer import views_of
from gastropath.training.network import KerasNetwork, frozen_backbone
from gastropath.training.recipe import FinetuneRecipe
from gastropath.training.tile_source import sources
from gastropath.training.trained import Trained

MONITOR = "val_macro_f1"


def train(recipe: FinetuneRecipe, context: TrainingContext) -> Trained:
    """Train the linear head, then all weights from there, or go on where an interrupted call stopped."""
    start = context.work / "start.keras"
    if not start.exists():
        _write_start(start, recipe, context)
    learned, watched = decoded_parts(context, recipe.tile_px, recipe.mpp)
    per_epoch = steps(learned, recipe.batch_size)

    def fresh() -> keras.Model:
        model = keras.models.load_model(start, compile=False)
        assert isinstance(model, keras.Model), f"{start} is not a Keras model"
        return compiled(model, recipe, per_epoch)

    training = EpochTraining(
        learned,
        watched,
        recipe,
        MONITOR,
        context.history,
        context.work,
        change=Augmentation(recipe.turns, recipe.zoom, recipe.stain, recipe.blur_px),
        start_counts=True,
        progress=context.progress,
        tensorboard=context.tensorboard,
    )
    units = kept_together(context.split.part("train")), kept_together(context.split.part("val"))
    return Trained.judged(
        KerasNetwork(training.fit(fresh)), learned, watched, units, recipe.seed, progress=context.progress
    )


def compiled(model: keras.Model, recipe: FinetuneRecipe, steps_per_epoch: int) -> keras.Model:
    """Compile for training on: Adam on a cosine with warm-up, cross-entropy with smoothed labels, macro-F1.

    Batch normalisation keeps the statistics and scales it came with: batches are too small and too much alike to
    estimate new ones, and so the result does not depend on how many devices share a batch.
    """
    for layer in model.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else recipe.learning_rate,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=max(1, recipe.epochs * steps_per_epoch - warmup),
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),  # pyright: ignore[reportArgumentType]  # Keras documents schedules
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy", keras.metrics.F1Score(average="macro", name=MONITOR.removeprefix("val_"))],
    )
    return model


def _write_start(start: Path, recipe: FinetuneRecipe, context: TrainingContext) -> None:
    """Fit the head that training goes on from, and write the whole network with it."""
    network = frozen_backbone(recipe.backbone, recipe.weights, recipe.maps, recipe.tile_px)
    tiles = context.split.part("train")
    views = views_of(recipe.views, len(tiles), len(context.split.part("val")))
    features = extract(
        sources(tiles, recipe.mpp), network.frozen, context.store, views=views, progress=context.progress
    )
    learned = learn_head(
        features,
        tiles.numbers(context.classes),
        kept_together(tiles),
        len(context.classes),
        strength=recipe.strength,
        weighting=recipe.class_weights,
        seed=recipe.seed,
        progress=context.progress,
    )
    with replacing(start) as partial:
        network.with_head(learned.head).save(partial)
