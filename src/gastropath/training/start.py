"""What a run starts from: tiles and their parts, a recipe, a review of labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gastropath.data.review import Review
from gastropath.data.split.split import Split, check_trainable
from gastropath.errors import TooFewTiles, UnknownSetting
from gastropath.results.card import Card
from gastropath.tissue_classes import shared_columns
from gastropath.training.cross_validation import fold_splits
from gastropath.training.draft_card import draft_card, with_review
from gastropath.training.recipe import Recipe
from gastropath.training.trained import Trained


@dataclass(frozen=True)
class RunOptions:
    """What a run was asked for beside its recipe; ``None`` where nothing was said."""

    folds: int | None = None
    mpp: float | None = None


@dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes
    ----------
    split
        The tiles as they are published, and how they are divided.
    recipe
        How a model is trained.
    options
        What was asked for beside that.
    review
        Labels that a person looked at again, to be applied before training; ``None`` where there are none.
    """

    split: Split
    recipe: Recipe
    options: RunOptions = RunOptions()
    review: Review | None = None

    @cached_property
    def reviewed(self) -> Split:
        """What is trained on: the split with the labels of the review."""
        return self.review.applied(self.split) if self.review else self.split

    def draft(self, name: str, created: str) -> Card:
        """Return the card of the model before it is trained, given the name of the data and the date."""
        draft = draft_card(self.reviewed, self.recipe, name=name, created=created)
        return with_review(draft, self.review, self.split) if self.review else draft

    def calibrated(self, trained: Trained, draft: Card) -> Card:
        """Return the card with what the recipe asks to be fitted on held-out tiles."""
        recipe = self.recipe
        unmet = recipe.abstain_unmet == "answer"
        return trained.calibrated(draft, recipe.abstain_by, recipe.abstain_at, recipe.in_domain, unmet)

    def check(self) -> None:
        """Check that all that is asked for can be trained.

        Raises
        ------
        TooFewTiles
            If the split cannot be trained on, or no longer can after the review, or one of its folds cannot.
        UnknownSetting
            If two classes would share a column of our tables.
        """
        check_trainable(self.reviewed)
        if problem := shared_columns(self.split.index.classes):
            raise UnknownSetting(problem, parameter="classes", remedy="rename one of them")
        if self.review and self.options.folds:
            self._check_folds(self.review)

    def _check_folds(self, review: Review) -> None:
        """Check that the review leaves each fold's model tiles of every class."""
        for number, part in fold_splits(self.split, with_validation=self.recipe.watches_validation):
            left = set(review.applied(part).part("train").labels)
            if missing := sorted(set(self.split.index.classes) - left):
                raise TooFewTiles(
                    f"after the review no tile of class {missing[0]!r} is left to train on without fold {number}",
                    parameter="review",
                )
