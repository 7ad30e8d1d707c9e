"""``card.json``: everything about a model that is needed to use it rightly."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from gastropath.results.adaptation import Adaptation
from gastropath.results.documents import Document, Upgrade
from gastropath.results.interval import Part, Share, ShareInterval
from gastropath.results.metrics import Metrics
from gastropath.results.versions import card_2, card_3, card_4, card_5, card_6
from gastropath.tissue_classes import MAX_CODE, shared_columns

INTENDED_USE = (
    "Research and education: sorting tiles of H&E-stained gastric tissue into the classes listed. Not for diagnosis; "
    "it assists and does not replace a pathologist, and clinical validation comes before any use on patients."
)
PUBLISHED_LABELS = "Labels of the training tiles are taken as they were published."
REVIEWED_LABELS = (
    "Labels of the training tiles were reviewed by a person; what is not in the review is taken as published."
)

MEASURED = "Whether a picture is out of distribution is measured, not understood."
UNLIKE_IS_MEASURED = (
    f"{MEASURED} The model may assign a class to other pictures, blank glass and tissue of another kind."
)
LIMITATIONS = (
    "Other scanners, stains, magnifications and tissues can lower its accuracy without a sign.",
    UNLIKE_IS_MEASURED,
    PUBLISHED_LABELS,
)

Source = Literal["validation", "out-of-fold"]
"""Tiles a model did not learn from: the validation part, or each tile by a model made without its fold."""


class CardClass(Part):
    """One output of the model."""

    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]
    name: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]
    color: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class CardInput(Part):
    """What the graph takes: square ``uint8`` RGB tiles at a known resolution."""

    tile_px: Annotated[int, Field(ge=32, le=1024)]
    mpp: Annotated[float, Field(gt=0)]
    dtype: Literal["uint8"] = "uint8"
    layout: Literal["NHWC"] = "NHWC"


class Calibration(Part):
    """What the logits are divided by before the softmax; 1 where confidence was not calibrated."""

    method: Literal["none", "temperature"] = "none"
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] = 1.0
    fitted_on: Source | None = None
    n: Annotated[int, Field(ge=0)] = 0


TargetState = Literal["met", "not_shown", "unmet"]
"""Whether an accuracy asked for is reached: the interval lies above it, holds it, or lies below it."""


class Abstention(Part):
    """Below which confidence the model abstains, and what that gave on the ``n`` tiles it was chosen on.

    ``coverage`` is the share of these tiles that reach the threshold. ``selective_accuracy`` is the share of right
    answers where the threshold for each tile is chosen without its group, so that it does not profit from the choice;
    its interval is missing in models of earlier versions. Where the target is ``unmet`` the model abstains on every
    tile, unless it was told to answer (``answers_unmet``).
    """

    threshold: Share
    target: Literal["accuracy", "coverage"]
    target_value: Share
    state: TargetState
    answers_unmet: bool = False
    coverage: Share
    selective_accuracy: ShareInterval
    fitted_on: Source
    n: Annotated[int, Field(ge=1)]

    @property
    def answers_from(self) -> float:
        """The confidence from which the model answers; infinite where it never does."""
        return math.inf if self.state == "unmet" and not self.answers_unmet else self.threshold


class Domain(Part):
    """How far a tile may lie from the training tiles, of which ``references.npz`` holds features.

    The threshold is the distance that ``accepted_share`` of ``n`` tiles of other groups keep below.
    """

    method: Literal["cosine-knn"] = "cosine-knn"
    threshold: Annotated[float, Field(ge=0, le=2)]
    neighbours: Annotated[int, Field(ge=1, le=100)]
    references: Annotated[int, Field(ge=1)]
    accepted_share: Share
    fitted_on: Source
    n: Annotated[int, Field(ge=1)]


class Property(Part):
    """Mean and standard deviation over tiles."""

    mean: float
    sd: Annotated[float, Field(ge=0)]


class LabelReview(Part):
    """What a person's review of the labels changed in the tiles a model learned from, and the hash of the decisions."""

    dropped: Annotated[int, Field(ge=0)]
    relabelled: Annotated[int, Field(ge=0)]
    sha256: str


class TrainingData(Part):
    """What the model learned from, and how to cite it where the tiles tell (empty where they do not).

    ``appearance`` tells what the tiles look like (empty where nobody looked).
    """

    name: str
    n_tiles: Annotated[int, Field(ge=0)]
    licence: str
    sha256: str
    synthetic: bool
    citation: Annotated[str, Field(max_length=4000)] = ""
    appearance: dict[str, Property] = Field(default_factory=dict)
    review: LabelReview | None = None


class SelfTest(Part):
    """What the graph answered for a drawn picture where it was made; other computers must answer the same."""

    logits: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]


class Card(Document):
    """The model card that programs read.

    ``recipe`` holds the settings it was trained with; ``metrics`` is ``None`` in a draft, and what ``metrics.json``
    holds once the bundle is sealed. ``adaptation`` is ``None`` where the head was not fitted anew on labels of a user,
    ``self_test`` where nothing was recorded.
    """

    upgrades: ClassVar[tuple[Upgrade, ...]] = (card_2, card_3, card_4, card_5, card_6)

    format_version: Literal[6] = 6
    name: Annotated[str, Field(min_length=1, max_length=200)]
    created: str
    classes: Annotated[tuple[CardClass, ...], Field(min_length=2, max_length=1000)]
    input: CardInput
    precision: Literal["float32", "float16", "int8"]
    calibration: Calibration = Calibration()
    abstention: Abstention | None = None
    domain: Domain | None = None
    training_data: TrainingData
    recipe: dict[str, Any] = Field(default_factory=dict)
    metrics: Metrics | None = None
    adaptation: Adaptation | None = None
    self_test: SelfTest | None = None
    files: dict[str, str]
    versions: dict[str, str]
    intended_use: str = INTENDED_USE
    limitations: tuple[str, ...] = LIMITATIONS
    _source: str = PrivateAttr(default="")

    @property
    def source(self) -> str:
        """Where it was fetched, as ``hf://OWNER/NAME@COMMIT``; empty where it is not of the Hub. Not in the file."""
        return self._source

    def fetched_from(self, source: str) -> Card:
        """Return the card of a model that was fetched there."""
        card = self.model_copy()
        card._source = source
        return card

    @property
    def codes(self) -> tuple[str, ...]:
        """Class codes in the order of the outputs."""
        return tuple(entry.code for entry in self.classes)

    @field_validator("recipe")
    @classmethod
    def _finite_settings(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        json.dumps(recipe, allow_nan=False)  # a ValueError, which pydantic reports
        return recipe

    @field_validator("files")
    @classmethod
    def _plain_names(cls, files: dict[str, str]) -> dict[str, str]:
        for name, digest in files.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
                raise ValueError(f"file name {name!r} is not a plain name")
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise ValueError(f"the hash of {name} is not a SHA-256")
        return files

    @model_validator(mode="after")
    def _distinct_codes(self) -> Card:
        if len(set(self.codes)) != len(self.codes):
            raise ValueError("a class code occurs twice")
        if problem := shared_columns(self.codes):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _a_logit_a_class(self) -> Card:
        if self.self_test and len(self.self_test.logits) != len(self.classes):
            raise ValueError(f"self_test has {len(self.self_test.logits)} logits for {len(self.classes)} classes")
        return self
