"""The card of a model while it is made: what is known before its training, and what its calibration adds later."""

from __future__ import annotations

from pathlib import Path

from gastropath.data.audit.appearance import appearance
from gastropath.data.review import Review
from gastropath.data.split.split import Split
from gastropath.results.card import (
    PUBLISHED_LABELS,
    REVIEWED_LABELS,
    Calibration,
    Card,
    CardClass,
    CardInput,
    LabelReview,
    Property,
    TrainingData,
)
from gastropath.results.environment import versions
from gastropath.tissue_classes import tissue_classes
from gastropath.training.recipe import Recipe


def draft_card(split: Split, recipe: Recipe, *, name: str, created: str) -> Card:
    """Return the card of a model that is not yet trained."""
    return Card(
        name=f"GastroPath {recipe.method} on {name}",
        created=created,
        classes=tuple(CardClass(code=t.code, name=t.name, color=t.color) for t in tissue_classes(split.index.classes)),
        input=CardInput(tile_px=recipe.tile_px, mpp=recipe.mpp),
        precision="float32",
        recipe=recipe.model_dump(mode="json"),
        training_data=TrainingData(
            name=name,
            n_tiles=len(split.rows("train")),
            licence="CC0-1.0" if split.index.synthetic else "as stated by the source of the tiles",
            sha256=split.index.sha256(),
            synthetic=split.index.synthetic,
            citation=citation_of(split.index.root),
            appearance={
                name: Property(mean=mean, sd=sd)
                for name, (mean, sd) in appearance(split.part("train")).properties.items()
            },
        ),
        files={},
        versions=versions(),
    )


def citation_of(root: Path) -> str:
    """Return what ``CITATION.txt`` in a folder of tiles says, or in one of the two above it; empty where none does."""
    for folder in (root, *root.resolve().parents[:2]):
        file = folder / "CITATION.txt"
        if file.is_file():
            return file.read_text("utf-8", "replace")[:4000]
    return ""


def with_review(card: Card, review: Review, split: Split) -> Card:
    """Return a card that tells how many labels a review changed."""
    dropped, relabelled = review.counts(split)
    applied = LabelReview(dropped=dropped, relabelled=relabelled, sha256=review.sha256())
    # The fingerprint stays that of the tiles as they were published.
    data = card.training_data.model_copy(update={"review": applied, "sha256": split.index.sha256()})
    limits = tuple(REVIEWED_LABELS if limit == PUBLISHED_LABELS else limit for limit in card.limitations)
    return card.model_copy(update={"training_data": data, "limitations": limits})


def uncalibrated(card: Card) -> Card:
    """Return a card without what was fitted on held-out tiles."""
    return card.model_copy(update={"calibration": Calibration(), "abstention": None, "domain": None, "metrics": None})
