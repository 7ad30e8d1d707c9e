"""The head that is fitted anew after each label, beside everything else that goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Condition, Thread

from gastropath.inference.linear_head import Head
from gastropath.parallel import one_thread_each
from gastropath.teach.examples import Examples
from gastropath.teach.lesson.figures import Figures, left_out
from gastropath.teach.lesson.heads import fitted, spread
from gastropath.teach.refit import Base

_QUIET_S = 1.0
"""After so long without a label, figures are reckoned up: they take several times as long as the head."""


@dataclass(frozen=True)
class Lore:
    """What was learned from some labels.

    Attributes
    ----------
    version
        Of the head; 0 is the model that is taught.
    revision
        Of the labels that it was learned from.
    head
        On all classes of the lesson.
    figures
        ``None`` until they are reckoned up.
    """

    version: int
    revision: int
    head: Head
    figures: Figures | None = None


@dataclass(frozen=True)
class Task:
    """Labels to learn from."""

    revision: int
    learning: Examples
    checking: Examples


class Learner:
    """Fits heads in a thread of its own: always on the newest labels, leaving out those that were overtaken.

    Parameters
    ----------
    base
        What the model knows, of the classes of the lesson.
    whole
        The same of its own classes, which is judged beside.
    codes
        Classes of the lesson.
    told
        Called after each change of :attr:`lore`, in that thread; with an error where nothing could be learned.
    """

    def __init__(
        self, base: Base, whole: Base, codes: Sequence[str], told: Callable[[Exception | None], object]
    ) -> None:
        self._base, self._whole, self._codes, self._told = base, whole, tuple(codes), told
        self._news = Condition()
        self._task: Task | None = None
        self._is_ended = False
        self.lore = Lore(0, 0, spread(whole.head, whole.codes, self._codes))
        self._thread = Thread(target=self._work, name="learner", daemon=True)
        self._thread.start()

    def learn(self, task: Task) -> None:
        """Learn from these labels next, and forget those that wait."""
        with self._news:
            self._task = task
            self._news.notify()

    def end(self) -> None:
        """Learn nothing more, and wait until what is being learned is done."""
        with self._news:
            self._is_ended = True
            self._news.notify()
        self._thread.join()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                self._learn(task)
            except Exception as error:  # told on the page: a thread that ended would leave it learning for ever
                self._told(error)

    def _learn(self, task: Task) -> None:
        with one_thread_each():
            head = self._fitted(task.learning)
            self._put(Lore(self.lore.version + 1, task.revision, head))
            with self._news:
                if self._news.wait_for(self._is_late, _QUIET_S):
                    return
            base, whole = self._base, self._whole
            figures = left_out(base, whole, task.learning, task.checking, self._codes, head, self._is_late)
            if figures:
                self._put(replace(self.lore, figures=figures))

    def _is_late(self) -> bool:
        """Tell whether something else is to be done."""
        return self._is_ended or self._task is not None

    def _fitted(self, learning: Examples) -> Head:
        """Learn from labels; without any, the model stays as it is."""
        if not len(learning):
            return spread(self._whole.head, self._whole.codes, self._codes)
        return fitted(self._base, learning, self._codes, self.lore.head)

    def _next(self) -> Task | None:
        with self._news:
            self._news.wait_for(self._is_late)
            task, self._task = self._task, None
            return None if self._is_ended else task

    def _put(self, lore: Lore) -> None:
        self.lore = lore
        self._told(None)
