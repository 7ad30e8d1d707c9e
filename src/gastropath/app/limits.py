"""What visitors may take of the server's memory, and that nothing of theirs goes to disk.

Streamlit limits the size of one file. It limits neither the sum nor the number of files, its form parser writes a file
above 1 MB to the disk, and what a visitor uploaded stays until somebody else leaves the page (for that see
:mod:`gastropath.app.absent`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from streamlit.runtime import get_instance

from gastropath.app.internals import UPLOAD_PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

MAX_FILE_MB = 25
"""Larger files are refused by the page before they are sent, and by Streamlit before they are read."""

MAX_VISITOR_BYTES = 48_000_000
"""Held of one visitor's files at a time; what comes on top is not taken."""

MAX_ALL_BYTES = 128_000_000
"""Held of all visitors' files at a time."""

MAX_VISITOR_FILES = 1_000
"""Files held of one visitor, however small, and including the notes on files that were not taken."""

_UPLOAD_SECONDS = 300  # 25 MB at 0.7 Mbit/s; what arrives more slowly keeps others from their turn
_SILENT_SECONDS = 15  # an upload of which nothing more comes is given up
_LEAST_BYTES = 4_096  # what a file takes at least, with its name and the objects around it
_HEAD_BYTES = 16_384  # of a form part: its headers, and in them the file's name

_END_OF_HEAD = b"\r\n\r\n"
_DIGITS = 16  # of a length in bytes

_NOT_TAKEN = b"\0gastropath: not taken\0"

_P = ParamSpec("_P")
_T = TypeVar("_T")


def keep_forms_in_memory() -> None:
    """Have the form parser of this process write no file to the disk, whatever its size.

    Streamlit gives its users no setting for that. The size is limited before: by Streamlit for a file, by
    :class:`UploadLimits` for all.
    """
    from starlette.formparsers import MultiPartParser

    MultiPartParser.spool_max_size = 0


def not_taken(content: bytes) -> str | None:
    """Return why an upload was not taken, where :class:`UploadLimits` put this in place of the file."""
    return content.removeprefix(_NOT_TAKEN).decode() if content.startswith(_NOT_TAKEN) else None


def in_turn(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let only one visitor at a time into a function that decodes a picture: a large one takes 140 MB meanwhile."""
    turn = threading.Lock()

    @wraps(function)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with turn:
            return function(*args, **kwargs)

    return alone


class UploadLimits:
    """Middleware that keeps uploads within :data:`MAX_VISITOR_BYTES` and :data:`MAX_ALL_BYTES`.

    What has come counts, not what was announced: nobody takes others' room by promising files. A file that turns out
    to be one too many is thrown away as it arrives, and Streamlit gets a note in its place, so that the page can say
    why beside the file's name (see :func:`not_taken`). An error status instead would reach the visitor as "AxiosError:
    Request failed with status code 413".
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arriving: Counter[str] = Counter()  # bytes by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = UPLOAD_PATH.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if upload is None:
            await self._app(scope, receive, send)
            return
        session, size = upload["session"], _announced(scope)
        if len(files_held().get(session, ())) >= MAX_VISITOR_FILES:
            await PlainTextResponse("Too many files", 429)(scope, receive, send)
            return
        came = 0
        parts: deque[bytes] = deque()
        reason = self._refusal(session, size)
        try:
            async with asyncio.timeout(_UPLOAD_SECONDS):
                more = True
                while more:
                    async with asyncio.timeout(_SILENT_SECONDS):
                        message = await receive()
                    if message["type"] != "http.request":
                        return  # the visitor left
                    part, more = message.get("body", b""), message.get("more_body", False)
                    reason = reason or self._refusal(session, len(part))
                    if reason:
                        part = _head_of(b"".join([*parts, part]))
                        parts.clear()
                        self._arriving[session] -= came
                        came = 0
                    else:
                        came += len(part)
                        self._arriving[session] += len(part)
                    parts.append(part)
            if reason:
                parts = deque([_note_instead(parts[0], reason)])
            await self._app(scope, _again(parts, receive), send)
        except TimeoutError:
            headers = {"Connection": "close"}
            await PlainTextResponse("The upload took too long", 408, headers)(scope, receive, send)
        finally:
            self._arriving[session] -= came
            self._arriving += Counter()  # drops those at zero

    def _refusal(self, session: str, size: int) -> str:
        held = Counter({owner: sum(sizes) for owner, sizes in files_held().items()}) + self._arriving
        if held[session] + size > MAX_VISITOR_BYTES:
            return (
                f"The file was not taken: {held[session] / 1e6:.0f} MB of your files are held already, and "
                f"{MAX_VISITOR_BYTES / 1e6:.0f} MB are the most. Remove some, or upload fewer at a time."
            )
        if held.total() + size > MAX_ALL_BYTES:
            return "The file was not taken: the server is holding as many files as it can. Try again in some minutes."
        return ""


def files_held() -> dict[str, list[int]]:
    """Return the size of each file held, by session."""
    manager = cast("MemoryUploadedFileManager", get_instance().uploaded_file_mgr)
    return {
        session: [max(_LEAST_BYTES, len(file.data)) for file in list(files.values())]
        for session, files in list(manager.file_storage.items())
    }


def _announced(scope: Scope) -> int:
    """Return the bytes that a request says it brings; 0 where it does not say."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < _DIGITS else 0


def _head_of(part: bytes) -> bytes:
    """Return as much of the beginning of a form as a note on its file needs."""
    head, found, _ = part[:_HEAD_BYTES].partition(_END_OF_HEAD)
    return head + found


def _note_instead(head: bytes, reason: str) -> bytes:
    """Return a form with a note in place of its file; the part's headers, with the name, stay."""
    headers, delimiter = head.partition(_END_OF_HEAD)[0], head.partition(b"\r\n")[0]
    return b"\r\n".join([headers, b"", _NOT_TAKEN + reason.encode(), delimiter + b"--", b""])


def _again(parts: deque[bytes], after: Receive) -> Receive:
    """Give the parts of a request that has come, each once."""

    async def given() -> Message:
        if not parts:
            return await after()
        part = parts.popleft()
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    return given
