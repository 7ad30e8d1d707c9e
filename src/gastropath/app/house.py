"""How many visitors fit into the house, and what those hear who come when it is full.

Each open page keeps three descriptors of the process: its connection, and two that Streamlit's script runs with.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_VISITORS = 300
"""Pages open at a time, however many descriptors there are."""

IDLE_SECONDS = 120
"""A page in which nothing was done for so long makes room for a new visitor, where there is no other."""

HEAD_SECONDS = 10
"""Time that the head of a request may take to come; a connection without one is closed."""

_OWN_DESCRIPTORS = 96  # of the process, and of visitors whose page is still being loaded
_SPARE_DESCRIPTORS = 32  # left when a visitor is let in, for what the answers need
_DESCRIPTORS_A_PAGE = 4
_HEALTH = "/_stcore/health"
_STREAM = "/_stcore/stream"

_FULL = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>GastroPath: full</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="30"></head>
<body style="font-family: sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>GastroPath has as many visitors as it can serve</h1>
<p>Nobody else can be let in at the moment. This page tries again every 30 seconds.</p></body></html>
"""


def descriptors() -> int:
    """Return how many descriptors this process may have open, raised to what the system lets it have."""
    if sys.platform == "win32":  # which has no such limit
        return 2**16
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OWN_DESCRIPTORS + 2 * _DESCRIPTORS_A_PAGE * MOST_VISITORS
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        with suppress(OSError, ValueError):  # where the system counts otherwise than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return soft


def most_visitors(allowed: int) -> int:
    """Return how many pages may be open at a time with so many descriptors."""
    return max(1, min(MOST_VISITORS, (allowed - _OWN_DESCRIPTORS) // _DESCRIPTORS_A_PAGE))


def descriptors_open() -> int:
    """Return how many descriptors this process has open; 0 where the system does not list them."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError as error:
        return sys.maxsize if error.errno in (errno.EMFILE, errno.ENFILE) else 0


@dataclass(eq=False)
class _Visit:
    last: float
    evicted: asyncio.Event = field(default_factory=asyncio.Event)


class FullHouse:
    """Middleware that lets only so many visitors in; one more takes the place of the page that was idle longest."""

    def __init__(self, app: ASGIApp, most: int | None = None, make_room: Callable[[], None] | None = None) -> None:
        self._app = app
        self._allowed = descriptors()
        self._most = most or most_visitors(self._allowed)
        self._make_room = make_room
        self._visits: set[_Visit] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"].endswith(_STREAM):
            await self._visit(scope, receive, send)
            return
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            if scope["path"].endswith(_HEALTH):
                if self._is_full():
                    await PlainTextResponse("full", 503)(scope, receive, send)
                    return
            elif _asks_for_the_page(scope) and self._is_full():
                await HTMLResponse(_FULL, 503, {"Retry-After": "30"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_full(self) -> bool:
        return (self._present() >= self._most and self._idle() is None) or self._is_short()

    def _is_short(self) -> bool:
        """Tell whether descriptors lack, also when visitors who left have given back theirs."""
        if self._make_room and not self._has_descriptors():
            self._make_room()
        return not self._has_descriptors()

    def _has_descriptors(self) -> bool:
        return descriptors_open() + _DESCRIPTORS_A_PAGE + _SPARE_DESCRIPTORS <= self._allowed

    def _present(self) -> int:
        return sum(not visit.evicted.is_set() for visit in self._visits)

    def _idle(self) -> _Visit | None:
        longest = min((v for v in self._visits if not v.evicted.is_set()), key=lambda v: v.last, default=None)
        return longest if longest and _now() - longest.last >= IDLE_SECONDS else None

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_full():
            await send({"type": "websocket.close", "code": 1013, "reason": "full"})
            return
        if self._present() >= self._most and (idle := self._idle()):
            idle.evicted.set()
        visit = _Visit(_now())
        self._visits.add(visit)

        async def heard() -> Message:
            coming, leaving = asyncio.ensure_future(receive()), asyncio.ensure_future(visit.evicted.wait())
            try:
                await asyncio.wait({coming, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    visit.last = _now()
                    return coming.result()
            finally:
                coming.cancel()
                leaving.cancel()
            with suppress(Exception):  # the visitor may have left by now
                await send({"type": "websocket.close", "code": 1013, "reason": "idle"})
            return {"type": "websocket.disconnect", "code": 1013}

        try:
            await self._app(scope, heard, send)
        finally:
            self._visits.discard(visit)


class PromptProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, but a connection on which no whole request head comes is closed."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Go on waiting, or stop where a request is whole."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        if self._timer:
            self._timer.cancel()

    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        if self._waits() and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)
        elif self._timer and not self._waits():
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        is_still_http = self.transport.get_protocol() is self  # a page's stream has another
        if is_still_http and self._waits():
            self.transport.close()


def _asks_for_the_page(scope: Scope) -> bool:
    is_html = "text/html" in Headers(scope=scope).get("accept", "")
    return is_html and "/_stcore/" not in scope["path"] and "/static/" not in scope["path"]


def _now() -> float:
    return asyncio.get_running_loop().time()
