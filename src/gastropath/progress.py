"""How long work tells how far it has come, and in which of its stages it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)`` while long work goes on; ``what`` may be a :class:`Stage`."""


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


class Stage(str):
    """The name of a stage: a text like any other for who only prints it, which also knows its place and a detail.

    Attributes
    ----------
    number, of
        Which stage it is, from 1, and how many there are; 0 where that is not known.
    detail
        What goes on in it now, e.g. the epoch; may change from call to call while the name stays.

    Examples
    --------
    >>> stage = Stage("training", 2, 3, detail="epoch 4 of 20")
    >>> stage == "training", stage.described
    (True, 'stage 2 of 3: training, epoch 4 of 20')
    """

    number: int
    of: int
    detail: str

    def __new__(cls, name: str, number: int = 0, of: int = 0, *, detail: str = "") -> Stage:
        """Name a stage."""
        stage = super().__new__(cls, name)
        stage.number, stage.of, stage.detail = number, of, detail
        return stage

    @property
    def numbered(self) -> str:
        """Number and name; the name alone where there is one stage only."""
        return f"stage {self.number} of {self.of}: {self}" if self.of > 1 else str(self)

    @property
    def described(self) -> str:
        """Number, name and detail."""
        return f"{self.numbered}, {self.detail}" if self.detail else self.numbered

    @classmethod
    def of_name(cls, what: str) -> Stage:
        """Return the stage that a callback of progress was told."""
        return what if isinstance(what, cls) else cls(what)


class Stages:
    """The stages of long work, in order: each gives its rooms a callback that knows in which stage they work.

    Examples
    --------
    >>> told = []
    >>> stages = Stages(["reading tiles", "training"], lambda what, done, total: told.append(what))
    >>> stages["training"]("computing features", 3, 8)
    >>> told[0].described
    'stage 2 of 2: training, computing features'
    """

    def __init__(self, names: Sequence[str], progress: Progress | None) -> None:
        """Name the stages.

        Parameters
        ----------
        names
            In order.
        progress
            What is told of them; ``None`` for nobody.
        """
        self.names = tuple(names)
        self._progress = progress or silent

    def __getitem__(self, name: str) -> Progress:
        """Return the callback for the work of a stage."""
        return self.at(self.names.index(name))

    def at(self, place: int) -> Progress:
        """Return the callback for the work of the stage at a place, from 0."""
        name, number, of = self.names[place], place + 1, len(self.names)

        def show(what: str, done: int, total: int) -> None:
            inner = Stage.of_name(what)
            detail = ", ".join(filter(None, ("" if inner == name else str(inner), inner.detail)))
            self._progress(Stage(name, number, of, detail=detail), done, total)

        return show
