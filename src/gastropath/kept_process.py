"""One process, kept for the next call, for what a foreign parser may never finish: bounded in time and memory.

A header of a few bytes can make a parser run without end, take all memory, or die. Here that ends as a refusal of the
one file: the process is killed, and the next call starts another.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, TypeVar

from gastropath.errors import CannotParse, GastroPathError, in_words

Result = TypeVar("Result")

SECONDS = 30.0
"""Time that a call may take: a header is read in a fraction of a second, on a slow network disk in some."""

MEGABYTES = 2048
"""Memory that the process may take."""

_START_SECONDS = 120.0
"""Time that a new process may take to start and to load the modules of a function, on a cold network disk too."""

_ORPHANED_SECONDS = 5.0
"""So long after its time the process ends by itself, should nobody be there any more to end it."""

_HEAD = 8  # bytes that say how long a message is
_WATCHED_SECONDS = 0.2
_STARTED, _DONE, _REFUSED, _FAILED, _MEMORY = "started", "done", "refused", "failed", "memory"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class _Turns:
    """A lock that whoever came first gets first: one who asks again at once does not overtake those who wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:  # interrupted while it waited
            with self._lock:
                has_turn = turn.is_set()
                if not has_turn:
                    self._waiting.remove(turn)
            if has_turn:
                self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


class KeptProcess:
    """A process that runs one function at a time; may be shared by threads, which take turns as they came."""

    def __init__(self, megabytes: int = MEGABYTES) -> None:
        self._megabytes = megabytes
        self._turns = _Turns()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._started_by = 0

    def call(self, function: Callable[..., Result], *arguments: object, seconds: float = SECONDS) -> Result:
        """Return ``function(*arguments)``, computed in the process.

        Parameters
        ----------
        function
            Of a module that the process can import. It, its arguments and its result travel between processes.
        arguments
            Of the function.
        seconds
            Time that it may take.

        Raises
        ------
        GastroPathError
            As the function raises it.
        CannotParse
            In place of every other exception, and where the function takes too long, needs too much memory or ends its
            process.
        """
        with self._turns:
            try:
                return self._call(function, arguments, seconds)
            except GastroPathError:
                raise
            except BaseException:  # interrupted: the answer that is still to come is nobody's
                self.stop()
                raise

    def stop(self) -> None:
        """End the process, whatever it does; the next call starts another."""
        process, self._process = self._process, None
        if process is None or self._started_by != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError, AttributeError):
                pipe.close()  # pyright: ignore[reportOptionalMemberAccess]  # suppressed
        process.wait()

    def _call(self, function: Callable[..., Result], arguments: tuple[object, ...], seconds: float) -> Result:
        message = pickle.dumps((function, arguments, seconds))
        process = self._running()
        try:
            assert process.stdin is not None
            _send(process.stdin, message)
        except OSError:
            self.stop()
            raise CannotParse("ends the software that reads it", code="ended") from None
        self._answer(_START_SECONDS)
        kind, *answer = self._answer(seconds)
        if kind == _DONE:
            return answer[0]
        if kind == _REFUSED:
            raise answer[0]
        if kind == _MEMORY:
            self.stop()
            raise CannotParse(f"needs more than {self._megabytes:,} MB of memory to be read", code="memory")
        raise CannotParse(answer[0])

    def _answer(self, seconds: float) -> tuple[Any, ...]:
        began = time.monotonic()
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.stop()
            took = round(time.monotonic() - began)
            raise CannotParse(f"could not be read within {took} seconds", code="time") from None
        if answer is None:
            code = self._process.wait() if self._process else None
            self.stop()
            if code == _EXIT_MEMORY:
                raise CannotParse(f"needs more than {self._megabytes:,} MB of memory to be read", code="memory")
            raise CannotParse("ends the software that reads it", code="ended")
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._started_by != os.getpid():  # a fork of the process that started it: that one's answers are not ours
            self._process = None
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        places = os.pathsep.join(place or os.getcwd() for place in sys.path)
        env = os.environ | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONPATH": places}
        code = f"from gastropath.kept_process import serve; serve({self._megabytes})"
        options = ["-P", "-W", "ignore", "-X", f"utf8={sys.flags.utf8_mode}"]
        self._process = subprocess.Popen(
            [sys.executable, *options, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
        )
        self._started_by = os.getpid()
        self._answers = queue.SimpleQueue()
        listener = threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True)
        listener.start()
        return self._process


_is_kept = False
"""Set in a kept process."""

_KEPT = KeptProcess()
atexit.register(_KEPT.stop)


def in_kept_process(function: Callable[..., Result], *arguments: object, seconds: float = SECONDS) -> Result:
    """Return ``function(*arguments)``, computed in the one process that is kept; see :meth:`KeptProcess.call`.

    Asked by a function that runs in a kept process itself, it runs there too, within that one's bounds.
    """
    if _is_kept:
        try:
            return function(*arguments)
        except (GastroPathError, MemoryError):
            raise
        except Exception as error:
            raise CannotParse(in_words(error)) from None
    return _KEPT.call(function, *arguments, seconds=seconds)


def _send(pipe: BinaryIO | Any, message: bytes) -> None:
    pipe.write(len(message).to_bytes(_HEAD, "big"))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: BinaryIO | Any) -> bytes | None:
    """Return the next message; ``None`` at the end."""
    head = pipe.read(_HEAD)
    if len(head) < _HEAD:
        return None
    length = int.from_bytes(head, "big")
    message = pipe.read(length)
    return message if len(message) == length else None


def _listen(pipe: BinaryIO | Any, answers: queue.SimpleQueue[tuple[Any, ...] | None]) -> None:
    with suppress(OSError, ValueError):  # closed by `stop`
        while (message := _receive(pipe)) is not None:
            answers.put(pickle.loads(message))
    answers.put(None)


_EXIT_MEMORY = 77
"""Exit status of a process that has grown too large."""


def serve(megabytes: int) -> None:
    """Answer calls until nobody asks any more: what the kept process runs.

    Parameters
    ----------
    megabytes
        Memory that this process may take.
    """
    global _is_kept
    _is_kept = True
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # what a library prints must not come between the messages
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked is interrupted, and ends this process
    _bound_memory(megabytes)
    while (message := _receive(inward)) is not None:
        faulthandler.dump_traceback_later(_START_SECONDS, exit=True, file=nowhere)
        try:
            function, arguments, seconds = pickle.loads(message)
            _send(outward, pickle.dumps((_STARTED,)))
            faulthandler.dump_traceback_later(seconds + _ORPHANED_SECONDS, exit=True, file=nowhere)
            answer = pickle.dumps((_DONE, function(*arguments)))
        except GastroPathError as error:
            answer = pickle.dumps((_REFUSED, error))
        except MemoryError:
            answer = pickle.dumps((_MEMORY,))
        except BaseException as error:
            answer = pickle.dumps((_FAILED, in_words(error)))
        faulthandler.cancel_dump_traceback_later()
        try:
            _send(outward, answer)
        except OSError:
            return


def _bound_memory(megabytes: int) -> None:
    if sys.platform == "linux":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = megabytes * 2**20
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
    else:  # macOS does not keep to such limits, and Windows has none for a process alone
        threading.Thread(target=_watch_memory, args=(megabytes * 2**20,), daemon=True).start()


def _watch_memory(most: int) -> None:
    while _peak_bytes() <= most:
        time.sleep(_WATCHED_SECONDS)
    os._exit(_EXIT_MEMORY)


def _peak_bytes() -> int:
    """Return how much memory this process takes, or at most took."""
    if sys.platform == "win32":
        return _peak_bytes_on_windows()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_bytes_on_windows() -> int:
    import ctypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS
        _fields_ = (
            ("size", ctypes.c_uint32),
            ("page_faults", ctypes.c_uint32),
            *((f"number_{i}", ctypes.c_size_t) for i in range(8)),
        )

    counters = Counters(size=ctypes.sizeof(Counters))
    kernel: Any = ctypes.WinDLL("kernel32")  # pyright: ignore[reportAttributeAccessIssue]  # on Windows alone
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.GetCurrentProcess())
    kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    return counters.number_6  # PagefileUsage; PeakPagefileUsage comes last
