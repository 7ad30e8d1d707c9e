"""Runs a function over many inputs; the only place that knows where."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Input = TypeVar("Input")
Result = TypeVar("Result")

_WORTH_PROCESSES = 1000
"""Inputs from which processes repay their start."""

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)`` while long work goes on."""


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def each(
    function: Callable[[Input], Result], inputs: Iterable[Input], *, workers: int | None = None
) -> Iterator[Result]:
    """Yield ``function(x)`` for every input, in order, with a bounded number under way.

    Threads are enough here: decoding, resampling, hashing and inference let go of Python's lock while they work.

    Parameters
    ----------
    function
        Called once an input, from several threads. Its first error ends the iteration and is raised here.
    inputs
        Taken lazily, so memory does not grow with their number.
    workers
        Threads; by default one more than there are cores, so that waiting for the disk costs nothing.
    """
    count = workers or cores() + 1
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in inputs:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 4 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def each_in_processes(function: Callable[[Input], Result], inputs: Sequence[Input]) -> Iterator[Result]:
    """Yield ``function(x)`` for every input, in order, from one process a core where there are many inputs.

    For work of many small steps, each of which holds Python's lock. ``function``, inputs and results travel between
    processes and must be small; each process keeps the matrix library to one thread. A few inputs, or an installation
    without joblib, get threads.
    """
    if len(inputs) < _WORTH_PROCESSES or cores() == 1:
        yield from each(function, inputs)
        return
    try:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky import get_reusable_executor
    except ImportError:
        yield from each(function, inputs)
        return
    try:
        with parallel_config("loky", n_jobs=cores(), inner_max_num_threads=1):
            work = Parallel(return_as="generator")(delayed(function)(item) for item in inputs)
            yield from cast("Iterator[Result]", work)
    finally:
        # Else the processes wait for more work, and hold memory.
        get_reusable_executor(reuse=True).shutdown(wait=True)  # pyright: ignore[reportArgumentType]  # True is documented
