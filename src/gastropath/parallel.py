"""Runs a function over many inputs, here or on a Dask cluster; the only place that knows which."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain, islice, repeat
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from gastropath.errors import CannotUseCluster, MissingExtra, UnknownSetting

Input = TypeVar("Input")
Result = TypeVar("Result")

_WORTH_PROCESSES = 1000
"""Number of inputs from which processes repay their start."""

_BATCH = 16
"""Inputs that travel to a process together: sending one takes about as long as sending many."""

_MATRIX_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that matrix libraries read once, when they are loaded."""

_IN_FLIGHT = 4
"""Inputs that are sent to a cluster before its first result is awaited, per thread of its workers."""

_CONNECT_SECONDS = 20
_ADDRESS = "an address like tcp://node7:8786, which `dask scheduler` prints"

_given_cores = 0
"""Set in a worker of a cluster, whose node runs other workers too, and where a caller allows fewer than there are."""


def cores() -> int:
    """Return how many processor cores this process may use: on a worker of a Dask cluster, as many as its threads."""
    if _given_cores:
        return _given_cores
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """Let this process use no more than so many cores while the block lasts; ``None`` changes nothing.

    Raises
    ------
    UnknownSetting
        If it is less than one.
    """
    global _given_cores
    if threads is not None and threads < 1:
        raise UnknownSetting(f"is {threads}; expected at least 1", parameter="threads")
    before = _given_cores
    _given_cores = min(threads, cores()) if threads else before
    try:
        yield
    finally:
        _given_cores = before


def one_thread_each() -> AbstractContextManager[object]:
    """Keep the matrix library to one thread while a block lasts.

    Where every core is busy already, more threads would slow each other down; and in products too small to be shared
    they mostly wait, which they do by spinning: a head fitted on 900 rows took 1.1 core-seconds with two threads and
    0.12 with one.

    Raises
    ------
    MissingExtra
        If threadpoolctl is not installed.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtra("this", "evaluate", "threadpoolctl") from None
    return threadpool_limits(1)


def each(
    function: Callable[[Input], Result],
    inputs: Iterable[Input],
    *,
    workers: int | None = None,
    prefer: Literal["threads", "processes"] = "threads",
) -> Iterator[Result]:
    """Yield ``function(x)`` for every input, in order, with a bounded number under way.

    Parameters
    ----------
    function
        Called once an input, by several workers at a time. Its first error ends the iteration and is raised here.
    inputs
        Taken lazily, so memory does not grow with their number.
    workers
        Threads, by default one more than there are cores, so that waiting for the disk costs nothing; or processes, by
        default one a core.
    prefer
        ``"threads"`` suit work that releases Python's lock: decoding, resampling, hashing, inference. ``"processes"``
        suit work of many small steps that hold it: ``function``, inputs and results travel between processes and must
        be small, and each process keeps the matrix library to one thread. Fewer than a thousand inputs, a single core
        or an installation without joblib get threads all the same.
    """
    if prefer == "processes":
        following = iter(inputs)
        first = list(islice(following, _WORTH_PROCESSES))
        inputs = chain(first, following)
        if len(first) == _WORTH_PROCESSES and (executor := _processes(workers or cores())):
            yield from _in_processes(executor, function, inputs)
            return
    count = workers or _given_cores or cores() + 1
    with ThreadPoolExecutor(count) as pool:
        yield from _in_order(partial(pool.submit, function), inputs, repeat(4 * count), _cancel)


def _processes(count: int) -> Executor | None:
    """Start processes that need no ``if __name__ == "__main__"`` in the caller's script; ``None`` where they cannot."""
    if count == 1:
        return None
    try:
        from joblib.externals.loky import ProcessPoolExecutor
    except ImportError:
        return None
    return cast("Executor", ProcessPoolExecutor(count, env=dict.fromkeys(_MATRIX_THREADS, "1")))


def _in_processes(executor: Executor, function: Callable[[Input], Result], inputs: Iterable[Input]) -> Iterator[Result]:
    def submit(batch: list[Input]) -> Future[list[Result]]:
        return executor.submit(_all_of, function, batch)

    following = iter(inputs)
    batches = iter(lambda: list(islice(following, _BATCH)), [])
    with executor:
        for results in _in_order(submit, batches, repeat(4 * cores()), _cancel):
            yield from results


def _all_of(function: Callable[[Input], Result], inputs: list[Input]) -> list[Result]:
    return [function(item) for item in inputs]


def _in_order(
    submit: Callable[[Input], Any],
    inputs: Iterable[Input],
    room: Iterable[int],
    cancel: Callable[[Sequence[Any]], object],
) -> Iterator[Any]:
    """Yield results in the order of the inputs; for each input ``room`` says how many may be under way."""
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


class Pool(Protocol):
    """Where work is done."""

    @property
    def remote(self) -> bool:
        """Whether functions, inputs and results travel to other processes: they must be picklable, and small."""
        ...

    def each(
        self, function: Callable[[Input], Result], inputs: Iterable[Input], *, workers: int | None = None
    ) -> Iterator[Result]:
        """Yield ``function(x)`` for every input, in order; see :func:`each`. A cluster ignores ``workers``."""
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
        Address, e.g. ``tcp://node7:8786``. Whoever can reach it can run anything on its workers, as with every Dask
        cluster: keep it in a trusted network, or use ``tls://`` with Dask's own settings.

    Raises
    ------
    MissingExtra
        If Dask is not installed.
    CannotUseCluster
        If it is not an address, or no scheduler answers there.
    """
    if scheduler is None:
        yield HERE
        return
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtra("working on a Dask cluster", "cluster", "distributed") from None
    if not re.fullmatch(r"([a-z]+://)?.+:\d+", scheduler):
        raise CannotUseCluster(f"{scheduler!r} is not an address", parameter="scheduler", remedy=f"expected {_ADDRESS}")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said in our own words
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        what = f"no Dask scheduler answers here ({' '.join(str(error).split())[:200]})"
        raise CannotUseCluster(what, where=scheduler, parameter="scheduler", remedy=f"expected {_ADDRESS}") from None
    with client:
        yield _Dask(client, scheduler)


class _Dask:
    """The workers of a Dask cluster. Dask distributes the work, and repeats what a dead worker had."""

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
                "one task killed several workers, probably for lack of memory",
                where=self._address,
                remedy="give each worker more memory or fewer threads and run it again: finished work is kept",
            ) from None
        except (CommClosedError, CancelledError):
            raise CannotUseCluster(
                "the scheduler has stopped",
                where=self._address,
                remedy="start the scheduler and run it again: finished work is kept",
            ) from None
        except (ImportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "deserialization" not in str(error):
                raise
            raise CannotUseCluster(
                f"a worker cannot run the task ({' '.join(str(error).split())})",
                where=self._address,
                remedy="each worker needs the same installation as this computer",
            ) from None

    def _room(self) -> Iterator[int]:
        """Yield how many inputs may be under way, and look now and then whether workers came or went."""
        while True:
            yield from repeat(_IN_FLIGHT * max(8, sum(self._client.nthreads().values())), 64)


@dataclass(frozen=True)
class _Task(Generic[Input, Result]):
    """A function that runs on a worker, with as many cores as the worker has threads."""

    function: Callable[[Input], Result]
    version: str

    def __call__(self, item: Input) -> Result:
        global _given_cores
        from distributed import get_worker

        worker = get_worker()
        if (installed := version("gastropath")) != self.version:
            what = f"the worker has GastroPath {installed}, this computer {self.version}"
            raise CannotUseCluster(what, where=worker.address, remedy="install the same version on both")
        _given_cores = worker.state.nthreads
        return self.function(item)
