"""The progress of long work on a terminal: one bar, and a line for each stage that is over."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from gastropath.progress import Stage

_BAR_COLUMNS = 20


class Bar:
    """Shows the stage that goes on, with its number, what goes on in it, and the time that is left of that."""

    def __init__(self, console: Console) -> None:
        """Draw on a console, which must be a terminal; what is printed there meanwhile stands above the bar."""
        self._bars = Progress(
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            BarColumn(_BAR_COLUMNS),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
        )
        self._title = ""
        self._task: TaskID | None = None
        self._began = 0.0
        self._done = 0

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish("" if kind is None else ", not finished")
        self._bars.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Show how far a stage has come."""
        stage = Stage.of_name(what)
        if self._task is None or stage.numbered != self._title:
            self._finish()
            self._title, self._began = stage.numbered, time.monotonic()
            self._task = self._bars.add_task(escape(stage.described), total=total, completed=done)
        elif done < self._done:  # other work of the same stage: how long the last took says nothing of it
            self._bars.reset(self._task, total=total)
        self._done = done
        self._bars.update(self._task, description=escape(stage.described), completed=done, total=total)

    def _finish(self, how: str = "") -> None:
        """Turn the bar into a line."""
        if self._task is None:
            return
        self._bars.remove_task(self._task)
        self._task = None
        seconds = round(time.monotonic() - self._began)
        took = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
        self._bars.console.print(escape(f"{self._title} ({took}{how})"))
