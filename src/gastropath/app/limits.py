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
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

MAX_FILE_MB = 25
"""Larger files are refused by the page before they are sent, and by the server before they are read."""

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
_MAX_FORM_BYTES = MAX_FILE_MB * 2**20 + 2**20  # a file, with what a form puts around it

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
        if not get_instance().is_active_session(session):
            await _hang_up(400, "Invalid session", scope, receive, send)  # as Streamlit says, but only when it has all
            return
        if len(files_held().get(session, ())) >= MAX_VISITOR_FILES:
            await _hang_up(429, "Too many files", scope, receive, send)
            return
        if size > _MAX_FORM_BYTES:
            await _hang_up(413, "The file is too large", scope, receive, send)
            return
        total = came = 0  # bytes that were sent, and of them those that are held
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
                    total += len(part)
                    if total > _MAX_FORM_BYTES:  # of a request that does not say how long it is
                        await _hang_up(413, "The file is too large", scope, receive, send)
                        return
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
            await _hang_up(408, "The upload took too long", scope, receive, send)
        finally:
            self._arriving[session] -= came
            self._arriving += Counter()  # drops those at zero

    def _refusal(self, session: str, size: int) -> str:
        held = {owner: _bytes(files) for owner, files in files_held().items()}
        of_visitor = held.get(session, 0) + self._arriving[session] + size
        if of_visitor > MAX_VISITOR_BYTES:
            return (
                f"The file was not taken: {(of_visitor - size) / 1e6:.0f} MB of your files are held already, and "
                f"{MAX_VISITOR_BYTES / 1e6:.0f} MB are the most. Remove some, or upload fewer at a time."
            )
        if sum(held.values()) + self._arriving.total() + size > MAX_ALL_BYTES:
            return "The file was not taken: the server is holding as many files as it can. Try again in some minutes."
        return ""


def files_held() -> dict[str, list[UploadedFileRec]]:
    """Return the files held, by session."""
    manager = cast("MemoryUploadedFileManager", get_instance().uploaded_file_mgr)
    return {session: list(files.values()) for session, files in list(manager.file_storage.items())}


def _bytes(files: list[UploadedFileRec]) -> int:
    sizes = [len(file.data) for file in files]
    return sum([size if size > _LEAST_BYTES else _LEAST_BYTES for size in sizes])  # max() takes three times as long


async def _hang_up(status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, and close the connection: what is still to come is not read."""
    await PlainTextResponse(why, status, {"Connection": "close"})(scope, receive, send)


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
