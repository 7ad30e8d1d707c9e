"""Runs a function over many inputs, here or on a Dask cluster; the only place that knows which."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import repeat
from typing import Any, Generic, Protocol, TypeVar, cast

from gastropath.errors import CannotUseCluster, MissingExtra

Input = TypeVar("Input")
Result = TypeVar("Result")

_WORTH_PROCESSES = 1000
"""Inputs from which processes repay their start."""

_IN_FLIGHT = 4
"""Inputs that are sent to a cluster before the first answer is waited for, per thread of its workers."""

_CONNECT_SECONDS = 20
_ADDRESS = "an address like tcp://node7:8786, which `dask scheduler` prints"

_given_cores = 0
"""Set in a worker of a cluster, whose node runs others beside it."""


def cores() -> int:
    """Return how many processor cores this process may use: on a worker of a Dask cluster, as many as its threads."""
    if _given_cores:
        return _given_cores
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
    with ThreadPoolExecutor(count) as pool:
        yield from _in_order(lambda item: pool.submit(function, item), inputs, repeat(4 * count), _cancel)


def _in_order(
    submit: Callable[[Input], Any],
    inputs: Iterable[Input],
    room: Iterable[int],
    cancel: Callable[[Sequence[Any]], object],
) -> Iterator[Any]:
    """Yield results in the order of the inputs; for each input ``room`` tells how many may be under way."""
    waiting: deque[Any] = deque()
    try:
        for item, most in zip(inputs, room, strict=False):
            waiting.append(submit(item))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        cancel(list(waiting))


def _cancel(futures: Sequence[Future[Any]]) -> None:
    for future in futures:
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


class Pool(Protocol):
    """Where work is done."""

    @property
    def remote(self) -> bool:
        """Whether functions, inputs and results travel to other processes: they must be picklable, and small."""
        ...

    def each(
        self, function: Callable[[Input], Result], inputs: Iterable[Input], *, workers: int | None = None
    ) -> Iterator[Result]:
        """Yield ``function(x)`` for every input, in order; see :func:`each`. A cluster has its own workers."""
        ...


class _Here:
    """The threads of this process."""

    remote = False
    each = staticmethod(each)


HERE: Pool = _Here()
"""This computer."""


@contextmanager
def pool(scheduler: str | None) -> Iterator[Pool]:
    """Give the cluster behind a Dask scheduler for the time of the block, or this computer where none is named.

    Parameters
    ----------
    scheduler
        Address, e.g. ``tcp://node7:8786``. Whoever may speak to it can run anything on its workers, as with every Dask
        cluster: keep it in a trusted network, or use ``tls://`` with Dask's own settings.

    Raises
    ------
    MissingExtra
        If Dask is not installed.
    CannotUseCluster
        If no scheduler answers there.
    """
    if scheduler is None:
        yield HERE
        return
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtra("--scheduler", "cluster", "distributed") from None
    if not re.fullmatch(r"([a-z]+://)?.+:\d+", scheduler):
        raise CannotUseCluster(f"{scheduler}: expected {_ADDRESS}")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told in our own words
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise CannotUseCluster(
            f"{scheduler}: no Dask scheduler answers here ({' '.join(str(error).split())[:200]}); expected {_ADDRESS}"
        ) from None
    with client:
        yield _Dask(client, scheduler)


class _Dask:
    """The workers of a Dask cluster. Dask places the work, and does again what a dead worker had."""

    remote = True

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address

    def each(
        self, function: Callable[[Input], Result], inputs: Iterable[Input], *, workers: int | None = None
    ) -> Iterator[Result]:
        """See :class:`Pool`. Results are taken in order; only a few inputs a thread are under way."""
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        task = _Task(function, version("gastropath"))
        submit, cancel = partial(self._client.submit, task, pure=False), partial(self._client.cancel, force=True)
        try:
            yield from _in_order(submit, inputs, self._room(), cancel)
        except KilledWorker:
            raise CannotUseCluster(
                f"{self._address}: the same piece of work ended several workers; they may lack memory. "
                "The same command goes on"
            ) from None
        except (CommClosedError, CancelledError):
            raise CannotUseCluster(
                f"{self._address}: the scheduler is gone; start it anew: the same command goes on"
            ) from None
        except (ImportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "deserialization" not in str(error):
                raise
            told = " ".join(str(error).split())
            raise CannotUseCluster(
                f"{self._address}: a worker cannot do the work ({told}); it needs the same installation as this one"
            ) from None

    def _room(self) -> Iterator[int]:
        """Yield how many inputs may be under way, and look now and then whether workers came or went."""
        while True:
            yield from repeat(_IN_FLIGHT * max(8, sum(self._client.nthreads().values())), 64)


@dataclass(frozen=True)
class _Task(Generic[Input, Result]):
    """Does a piece of work on a worker, with as many cores as the worker has threads."""

    function: Callable[[Input], Result]
    version: str

    def __call__(self, item: Input) -> Result:
        global _given_cores
        from distributed import get_worker

        worker = get_worker()
        if (found := version("gastropath")) != self.version:
            raise CannotUseCluster(f"{worker.address}: has GastroPath {found}; expected {self.version}, as here")
        _given_cores = worker.state.nthreads
        return self.function(item)
