"""What is labelled now, by all steps so far; any of them can be taken back and done again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gastropath.errors import UnknownSetting
from gastropath.teach.labels import Source
from gastropath.teach.lesson.journal import Step

Place = tuple[str, int]
"""Name of a map, and number of a tile in its grid."""


@dataclass(frozen=True)
class Given:
    """The label of a tile.

    Attributes
    ----------
    label
        Class code.
    source
        How it came about.
    by, at
        Who and when.
    """

    label: str
    source: Source
    by: str = ""
    at: str = ""


Change = dict[Place, tuple[Given | None, Given | None]]
"""The label of each tile before and after a step."""


class Record:
    """The labels that stand after some steps.

    Attributes
    ----------
    labels
        Of each labelled tile, in the order in which they were given.
    checked
        Tiles that were ever labelled to check the model: once the answer was seen they check nothing any more.

    Examples
    --------
    >>> record = Record()
    >>> record.take(Step("label", "biopsy", (3, 4), "TUM"))
    >>> record.take(Step("undo"))
    >>> record.labels, record.can_redo
    ({}, True)
    """

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        """Take the steps of a journal, in order."""
        self.labels: dict[Place, Given] = {}
        self.checked: set[Place] = set()
        self._done: list[Change] = []
        self._undone: list[Change] = []
        for step in steps:
            self.take(step)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back, and none taken since."""
        return bool(self._undone)

    def check(self, step: Step) -> None:
        """Check that a step can be taken now.

        Raises
        ------
        UnknownSetting
            If there is nothing to take back, or to do again.
        """
        if step.kind == "undo" and not self.can_undo:
            raise UnknownSetting("there is nothing to undo")
        if step.kind == "redo" and not self.can_redo:
            raise UnknownSetting("there is nothing to redo")

    def take(self, step: Step) -> None:
        """Take a step.

        Raises
        ------
        UnknownSetting
            See :meth:`check`.
        """
        self.check(step)
        if step.kind == "undo":
            self._undone.append(self._done.pop())
            self._put({place: before for place, (before, _) in self._undone[-1].items()})
        elif step.kind == "redo":
            self._done.append(self._undone.pop())
            self._put({place: after for place, (_, after) in self._done[-1].items()})
        else:
            given = Given(step.label, step.source, step.by, step.at) if step.label else None
            places = [(step.map, tile) for tile in step.tiles]
            self._done.append({place: (self.labels.get(place), given) for place in places})
            self._undone.clear()
            self._put(dict.fromkeys(places, given))
            if step.source == "check":
                self.checked.update(places)

    def _put(self, labels: dict[Place, Given | None]) -> None:
        for place, given in labels.items():
            self.labels.pop(place, None)
            if given is not None:
                self.labels[place] = given
