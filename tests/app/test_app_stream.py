"""The stream of a page: what is read of it at a time, and how long it may leave a message unfinished."""

import asyncio
from collections import deque

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from gastropath.app import stream
from gastropath.app.stream import FairStream

REQUEST = (
    b"GET /_stcore/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Transport(asyncio.Transport):
    """A connection that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_read, self.is_closed = True, False

    def write(self, data) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


class Page:
    """A page that is open, and what the server heard of it."""

    def __init__(self) -> None:
        self.heard: deque[bytes] = deque()
        self.transport = Transport()
        config = uvicorn.Config(self.serve, interface="asgi3", ws=FairStream, log_level="critical")
        config.load()
        self.protocol = FairStream(config, ServerState(), {})
        self.protocol.connection_made(self.transport)

    async def serve(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message["bytes"])

    async def open(self) -> None:
        self.protocol.data_received(REQUEST)
        await self.until(lambda: bool(self.transport.written))
        self.transport.written.clear()

    async def until(self, holds) -> None:
        while not holds():
            await asyncio.sleep(0.001)


def frame(data: bytes, opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    """Let others have their turn, but none that lasts."""
    monkeypatch.setattr(stream, "_REST", 0)


def with_a_page(story) -> None:
    async def told() -> None:
        page = Page()
        await page.open()
        await story(page)
        page.protocol.connection_lost(None)

    asyncio.run(asyncio.wait_for(told(), 20))


def test_messages_come_whole_and_in_their_order():
    messages = [bytes(500_000), *(b"%d" % number for number in range(3_000)), b"last"]
    sent = b"".join(map(frame, messages))

    async def story(page: Page) -> None:
        for start in range(0, len(sent), 200_000):
            await page.until(lambda: page.transport.is_read)
            page.protocol.data_received(sent[start : start + 200_000])
        await page.until(lambda: len(page.heard) == len(messages))
        assert list(page.heard) == messages
        assert page.transport.is_read

    with_a_page(story)


def test_of_a_flood_little_is_looked_at_before_others_have_their_turn():
    async def story(page: Page) -> None:
        page.protocol.data_received(frame(b"x") * 6_000)
        assert 0 < page.protocol.queue.qsize() < 3_000
        assert not page.transport.is_read
        await page.until(lambda: len(page.heard) == 6_000)
        assert page.transport.is_read

    with_a_page(story)


def test_pings_of_one_who_reads_no_answers_are_not_answered_until_they_are_read():
    async def story(page: Page) -> None:
        page.protocol.pause_writing()
        page.protocol.data_received(frame(b"ping", Opcode.PING) * 6_000)
        await asyncio.sleep(0.05)
        held = len(page.transport.written)
        assert held < 20_000
        assert not page.transport.is_read
        page.protocol.resume_writing()
        await page.until(lambda: len(page.transport.written) == 6_000 * len(b"\x8a\x04ping"))
        assert page.transport.is_read

    with_a_page(story)


@pytest.mark.parametrize(
    "sent",
    [frame(bytes(100))[:50], frame(b"a", fin=False), frame(b"a", fin=False) + b"\x80\x81"],
    ids=["head", "fragment", "next"],
)
def test_a_page_that_leaves_a_message_unfinished_is_closed(monkeypatch, sent):
    monkeypatch.setattr(stream, "MESSAGE_SECONDS", 0.02)

    async def story(page: Page) -> None:
        page.protocol.data_received(sent)
        assert not page.transport.is_closed
        await page.until(lambda: page.transport.is_closed)

    with_a_page(story)


@pytest.mark.parametrize("more", [b"X: " + b"x" * 10_000, b"X: x\r\n" * 200 + b"X: x"], ids=["long", "many"])
def test_a_request_for_a_stream_that_cannot_be_read_is_closed(more):
    async def story() -> None:
        page = Page()
        page.protocol.data_received(REQUEST.replace(b"Host: x", b"Host: x\r\n" + more))
        assert page.transport.is_closed
        assert not page.transport.written

    asyncio.run(story())


def test_a_page_that_finishes_its_messages_is_not_closed(monkeypatch):
    monkeypatch.setattr(stream, "MESSAGE_SECONDS", 0.02)
    whole = frame(bytes(100))

    async def story(page: Page) -> None:
        page.protocol.data_received(whole[:50])
        page.protocol.data_received(whole[50:])
        await asyncio.sleep(0.06)
        assert not page.transport.is_closed
        assert list(page.heard) == [bytes(100)]

    with_a_page(story)
