"""The stream between a page and the server, of which nobody's floods or fragments keep other visitors waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent

MOST_BYTES = 2 * 2**20
"""Of one message from a page; one that names a thousand files has half a megabyte."""

MESSAGE_SECONDS = 30
"""Time that a message may take to come; a page that leaves one unfinished is closed."""

_AT_ONCE = 16_384  # bytes that are looked at before others have their turn
_REST = 19  # times as long as they took, others have their turn: nobody's bytes take more than a twentieth


class FairStream(WebSocketsSansIOProtocol):
    """WebSockets as uvicorn speaks them, but what comes is looked at little by little.

    uvicorn reads at once all that has come: a quarter of a megabyte of empty fragments holds everybody up for a
    second. It also answers pings of those who never read the answers, and keeps these in memory.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._come = bytearray()
        self._turn: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._rest = 0.0

    def data_received(self, data: bytes) -> None:
        """Take what has come; no more is asked for before that was looked at."""
        self._come += data
        if self._turn is None:
            self._look()
        else:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on when what was written has been read."""
        super().resume_writing()
        self._go_on()

    async def receive(self) -> ASGIReceiveEvent:
        """Give the next message; go on when all are given."""
        message = await super().receive()
        self._go_on()
        return message

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking and waiting."""
        super().connection_lost(exc)
        for timer in (self._turn, self._deadline):
            if timer:
                timer.cancel()
        self._come.clear()

    def _look(self) -> None:
        self._turn = None
        began = self.loop.time()
        part = bytes(self._come[:_AT_ONCE])
        del self._come[:_AT_ONCE]
        super().data_received(part)
        if not self.handshake_initiated:  # it comes whole; one that cannot be read would be kept, unanswered, for ever
            self.transport.close()
        self._rest = _REST * (self.loop.time() - began)
        self._watch()
        self._go_on()

    def _go_on(self) -> None:
        """Look at more, or let more come, unless earlier messages wait to be taken or answers to be read."""
        if self.disconnected or self.transport.is_closing():
            return
        waits = self.read_paused or not self.writable.is_set()
        if self._come and self._turn is None and not waits:
            self._turn = self.loop.call_later(self._rest, self._look)
        if self._come or waits:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _watch(self) -> None:
        is_unfinished = bool(self.frames or self.conn.reader.buffer)
        if is_unfinished and self._deadline is None:
            self._deadline = self.loop.call_later(MESSAGE_SECONDS, self.transport.close)
        elif self._deadline and not is_unfinished:
            self._deadline.cancel()
            self._deadline = None
