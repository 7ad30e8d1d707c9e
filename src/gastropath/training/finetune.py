"""Recipe ``finetune``: the model of ``transfer``, trained on end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from gastropath.data.split.split import Split
from gastropath.outputs import replacing
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.training.augment import Augmentation
from gastropath.training.features import FeatureStore
from gastropath.training.fit import WORK_FOLDER, decoded_parts, fit_epochs
from gastropath.training.linear_probe import with_head
from gastropath.training.pipeline import steps
from gastropath.training.recipe import FinetuneRecipe
from gastropath.training.trained import Trained
from gastropath.training.transfer import learn_head, networks

MONITOR = "val_macro_f1"


def train_finetuned(
    split: Split,
    recipe: FinetuneRecipe,
    draft: Card,
    run: Path,
    store: FeatureStore,
    *,
    devices: Sequence[str] = (),
    progress: Progress = silent,
) -> Trained:
    """Train the linear head, then all weights from there, or go on where an interrupted call stopped.

    Parameters
    ----------
    split
        Trains on its ``train`` part and watches its ``val`` part.
    recipe
        The settings.
    draft
        Card with its classes and input.
    run
        Run folder; receives ``history.csv``, and while training goes on the best model so far.
    store
        Where the features that the head starts from are computed and kept.
    devices
        See :func:`gastropath.training.fit.fit_epochs`.
    """
    start = run / WORK_FOLDER / "start.keras"
    if not start.exists():
        _write_start(start, split, recipe, store, progress)
    train, val = decoded_parts(split, recipe, run, progress=progress)
    per_epoch = steps(train, recipe.batch_size)

    def fresh() -> keras.Model:
        model = keras.models.load_model(start, compile=False)
        assert isinstance(model, keras.Model), f"{start} is no Keras model"
        return compiled(model, recipe, per_epoch)

    change = Augmentation(recipe.turns, recipe.zoom, recipe.stain, recipe.blur_px)
    model = fit_epochs(
        fresh,
        train,
        val,
        recipe,
        MONITOR,
        run,
        change=change,
        start_counts=True,
        devices=devices,
        progress=progress,
    )
    return Trained.judged(model, draft, train, val, recipe.seed, progress=progress)


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


def _write_start(start: Path, split: Split, recipe: FinetuneRecipe, store: FeatureStore, progress: Progress) -> None:
    network, frozen = networks(recipe)
    head = learn_head(split, recipe, frozen, store, progress=progress).head
    with replacing(start) as partial:
        with_head(network, head.kernel, head.bias).save(partial)
