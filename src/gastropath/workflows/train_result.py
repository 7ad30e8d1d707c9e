"""A finished run, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.tables import read_table

if TYPE_CHECKING:
    from gastropath.evaluation.label_noise import Suspect
    from gastropath.results.card import Card
    from gastropath.results.metrics import Metrics

REFUSED = "refused.csv"
"""The table of files that could not be read, in a run folder."""


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes
    ----------
    folder
        The run folder; ``gastropath.load`` opens its model.
    metrics
        What the model is worth on the test part.
    cross_validation
        The same over all tiles, each judged by a model that was made without its fold; ``None`` without folds.
    suspects
        Labels to doubt, the most suspicious first; none without folds.
    refused
        Path and reason of each file that could not be read.
    remarks
        Settings of the recipe that changed nothing, and whether training gained nothing, a sentence each.
    was_finished
        Whether nothing was left to do.
    """

    folder: Path
    metrics: Metrics
    cross_validation: Metrics | None = None
    suspects: Sequence[Suspect] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    was_finished: bool = False

    @property
    def bundle(self) -> Path:
        """The folder of the sealed bundle."""
        return self.folder / "model"

    @property
    def card(self) -> Card:
        """The sealed card."""
        from gastropath.results.card import Card

        return Card.parse((self.bundle / "card.json").read_bytes(), self.bundle / "card.json")

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


def finished(run: Path) -> TrainResult:
    """Return what a run that needs nothing more has found."""
    from gastropath.results.metrics import Metrics

    found = {name: run / name for name in ("metrics.json", "cross_validation.json")}
    metrics = {name: Metrics.parse(file.read_bytes(), file) for name, file in found.items() if file.is_file()}
    return TrainResult(
        run,
        metrics["metrics.json"],
        metrics.get("cross_validation.json"),
        refused=refused_in(run),
        was_finished=True,
    )


def refused_in(run: Path) -> dict[str, str]:
    """Return path and reason of each file that could not be read when the run began."""
    if not (run / REFUSED).exists():
        return {}
    _, rows = read_table(run / REFUSED, ("path", "problem"))
    return {row["path"]: row.get("problem_detail", row["problem"]) for row in rows}
