"""``split.json``: how a split was made."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gastropath.results.documents import Document, Upgrade
from gastropath.results.interval import Part, Share
from gastropath.results.versions import split_2, split_3

Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FoldCounts(Part):
    """How many folds there are, and how many listed tiles have none."""

    k: Annotated[int, Field(ge=1)]
    left_out: Count


class SplitDocument(Document):
    """How tiles were divided, and the fingerprints of the tiles and of the table that it belongs to.

    ``block`` and ``gap`` are by class, ``None`` where no file numbers were used; pairs are ``None`` where they were not
    counted. ``kept_together`` counts the tiles that stay with others of their slide by ``groups`` (``grouped_by`` says
    where these come from), by ``neighbours`` in number, or by ``nothing``; ``None`` where that is not known or nothing
    was meant to. The fingerprints are of pixels, whatever the tiles are called; ``None`` in a document of an earlier
    version, which knew paths only.
    """

    upgrades: ClassVar[tuple[Upgrade, ...]] = (split_2, split_3)

    format_version: Literal[3] = 3
    method: Annotated[str, Field(max_length=100)]
    seed: int | None
    fractions: dict[str, Share]
    tiles: dict[str, Count]
    groups: dict[str, Count]
    block: dict[str, Count] | None
    gap: dict[str, Count] | None
    purged: dict[str, Count]
    folds: FoldCounts | None
    kept_together: dict[str, Count] | None
    grouped_by: str
    duplicate_pairs_across_parts: Count | None
    identical_pairs_across_parts: Count | None
    near_pairs_across_parts: Count | None
    index_sha256: Digest | None
    split_sha256: Digest | None
    synthetic: bool
