"""Settings of a recipe that changed nothing in a run, and training that gained nothing, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gastropath.data.split.split import Split
from gastropath.results.card import Card
from gastropath.training.recipe import Recipe


def remarks(
    recipe: Recipe, split: Split, card: Card, history: Sequence[Mapping[str, float]], *, noted: bool = False
) -> Iterator[str]:
    """Yield a sentence for each setting that did nothing, and for training that was of no use.

    Parameters
    ----------
    recipe
        How the model was trained.
    split
        What it was trained on.
    card
        Of the calibrated model.
    history
        Rows of ``history.csv``.
    noted
        Whether epochs were to be noted for TensorBoard.
    """
    counts = Counter(split.part("train").labels)
    if recipe.class_weights == "balanced" and len(set(counts.values())) == 1:
        yield "The setting class_weights changed nothing: every class has as many training tiles."
    if recipe.abstain_by == "none":
        yield "The setting abstain_at changed nothing: abstain_by is none, so the model answers at any confidence."
    if recipe.abstain_unmet == "answer" and not (card.abstention and card.abstention.state == "unmet"):
        yield "The setting abstain_unmet changed nothing: the target was not found to be out of reach."
    if getattr(recipe, "strength", None) == 0 and recipe.method == "transfer" and not history:
        yield "The strength could not be chosen, since a class lies in too few groups: the usual one was taken."
    if noted and recipe.method == "transfer":
        yield "Nothing was written for TensorBoard: transfer has no epochs; the strengths it tried are in history.csv."
    if recipe.method == "finetune" and history and min(row["epoch"] for row in history) == 0:
        watched = "val_macro_f1" if "val_macro_f1" in history[0] else "val_accuracy"
        if max(history, key=lambda row: (row[watched], -row["epoch"]))["epoch"] == 0:
            yield (
                f"No epoch made the model better on the validation part ({watched} of {history[0][watched]:.3f} before "
                "the first): the model is that of transfer, as it was before its first epoch."
            )
