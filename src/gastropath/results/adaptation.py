"""What a model learned from its user, and what that is worth: a part of ``card.json``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gastropath.results.interval import Part, ShareInterval

Unit = Literal["slide", "block", "group"]
"""What was left out together: a slide; a block of the only slide there is; a group of tiles."""


class LabelCount(Part):
    """How many labels of each class came from a slide, or from tiles of one folder."""

    where: Annotated[str, Field(max_length=300)]
    labels: dict[str, Annotated[int, Field(ge=1)]]


class Judgement(Part):
    """The share of right answers before and after, on ``n`` labelled tiles of ``units`` slides, blocks or groups.

    ``source`` says how the labels came about. Tiles to check (``check``) were drawn at random and never learned from:
    the model itself answered them. The others (``own``, ``suggested``) were each answered by a head that was fitted
    without their unit; where labels were ``suggested``, the model had a say in what they are, and the figure is one of
    training.
    """

    source: Literal["check", "own", "suggested"]
    n: Annotated[int, Field(ge=1)]
    units: Annotated[int, Field(ge=1)]
    unit: Unit
    before: ShareInterval
    after: ShareInterval


class KeptKnowledge(Part):
    """The share of right answers on ``n`` tiles that the model learned from earlier, each answered by a head that was
    fitted without its unit: without the new labels (``before``) and with them (``after``).
    """

    n: Annotated[int, Field(ge=1)]
    units_known: bool
    before: ShareInterval
    after: ShareInterval


class Adaptation(Part):
    """How the head of a model was fitted anew on labels of its user.

    ``base`` and ``base_sha256`` name the model it came from, and the hash of its graph; ``base_source`` is where on the
    Hub it lies, empty where that is not known. ``share`` is what the new labels weigh together beside the model's own
    tiles; ``strength`` the inverse of the penalty.
    """

    base: Annotated[str, Field(max_length=200)]
    base_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    base_source: Annotated[str, Field(max_length=500)]
    labels: Annotated[tuple[LabelCount, ...], Field(min_length=1, max_length=1000)]
    sources: dict[Literal["own", "suggested", "check"], Annotated[int, Field(ge=1)]]
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    share: Annotated[float, Field(gt=0)]
    strength: Annotated[float, Field(gt=0)]
    judgements: tuple[Judgement, ...] = ()
    kept: KeptKnowledge | None = None

    @property
    def headline(self) -> Judgement | None:
        """The figure that may stand for the model: on tiles to check, else on own labels; ``None`` where is none."""
        return next((found for source in ("check", "own") for found in self.judgements if found.source == source), None)
