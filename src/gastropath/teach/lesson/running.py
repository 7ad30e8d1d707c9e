"""What goes on beside labelling, in threads of its own: slides are mapped at first, and the model is sealed later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Literal

from gastropath.errors import GastroPathError, UnknownSetting
from gastropath.progress import Progress, Stage

State = Literal["mapping", "ready", "sealing"]


@dataclass(frozen=True)
class Work:
    """How far it has come.

    Attributes
    ----------
    state
        What goes on.
    what, done, total
        How far.
    told
        What is wrong, in a sentence; empty where nothing is.
    sealed
        Lines for the user about the model that was sealed last.
    """

    state: State = "mapping"
    what: str = "opening the slides"
    done: int = 0
    total: int = 0
    told: str = ""
    sealed: tuple[str, ...] = ()


class _Ended(Exception):
    """The command ends: whoever is at work leaves at its next step, and nothing half-done has its final name."""


class Running:
    """Does one thing after the other, and tells the page of it.

    Parameters
    ----------
    put
        Changes what the page is told, by the names of :class:`Work`.
    mapped
        Maps slides and opens the maps; called with the progress.
    sealed
        Seals the model, and returns lines for the user; called with whether an earlier one may be replaced, and the
        progress.
    """

    def __init__(
        self,
        put: Callable[..., object],
        mapped: Callable[[Progress], object],
        sealed: Callable[[bool, Progress], tuple[str, ...]],
    ) -> None:
        self._put, self._mapped, self._sealed = put, mapped, sealed
        self._end, self._thread = Event(), Thread()
        self.error: BaseException | None = None
        self._state: State = "mapping"

    def begin(self, stop: Callable[[], object]) -> None:
        """Map the slides; where that fails ``stop`` is called, and :attr:`error` says why."""

        def work() -> None:
            try:
                self._mapped(self._tell)
                self._state = "ready"
                self._put(state="ready", done=0, total=0)
            except _Ended:
                pass
            except BaseException as error:  # whatever it is, it ends the command, which reports it
                self.error = error
                stop()

        self._begin(work)

    def seal(self, replaces: bool) -> None:
        """Begin to seal the model.

        Raises
        ------
        UnknownSetting
            If slides are still being mapped, or the model is being sealed already.
        """
        if self._state != "ready":
            what = "the slides are being mapped" if self._state == "mapping" else "the model is being sealed"
            raise UnknownSetting(f"{what}; wait until that is done")
        self._state = "sealing"
        self._put(state="sealing", what="learning", done=0, total=0, told="", sealed=())

        def work() -> None:
            told, lines = "", ()
            try:
                lines = self._sealed(replaces, self._tell)
            except _Ended:
                return
            except GastroPathError as error:
                told = str(error)
            finally:
                self._state = "ready"
            self._put(state="ready", done=0, total=0, told=told, sealed=lines)

        self._begin(work)

    def end(self) -> None:
        """Have whoever is at work leave, and wait for it."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _begin(self, work: Callable[[], None]) -> None:
        self._thread = Thread(target=work, name="running", daemon=True)
        self._thread.start()

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._end.is_set():
            raise _Ended
        self._put(what=Stage.of_name(what).described, done=done, total=total)
