"""How many visitors fit: the middleware and the protocol, without a browser."""

import asyncio
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import uvicorn
from page_driver import app_command, free_port, served
from starlette.responses import PlainTextResponse
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from gastropath.app import house
from gastropath.app.house import FullHouse, PromptProtocol, most_visitors


class Visitor:
    """A page that is open in a browser."""

    def __init__(self, server) -> None:
        self.to_server: asyncio.Queue = asyncio.Queue()
        self.heard: list[dict] = []
        scope = {"type": "websocket", "path": "/_stcore/stream", "headers": []}
        self.task = asyncio.create_task(server(scope, self.to_server.get, self.hear))

    async def hear(self, message) -> None:
        self.heard.append(message)

    @property
    def is_in(self) -> bool:
        return [message["type"] for message in self.heard] == ["websocket.accept"]


async def streamlit(scope, receive, send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("ok")(scope, receive, send)
        return
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def get(server, path: str, accept: str = "text/html") -> tuple[int, str]:
    found: list[dict] = []

    async def hear(message) -> None:
        found.append(message)

    headers = [(b"accept", accept.encode())]
    await server({"type": "http", "method": "GET", "path": path, "headers": headers}, None, hear)
    return found[0]["status"], found[1]["body"].decode()


async def a_moment() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_one_visitor_too_many_sees_a_page_that_says_so_and_health_tells_the_truth():
    async def story() -> None:
        server = FullHouse(streamlit, 2)
        first, second = Visitor(server), Visitor(server)
        await a_moment()
        assert first.is_in
        assert second.is_in
        third = Visitor(server)
        await a_moment()
        assert third.heard[0]["type"] == "websocket.close"
        status, page = await get(server, "/")
        assert status == 503
        assert "as many visitors as it can serve" in page
        assert await get(server, "/_stcore/health", "*/*") == (503, "full")
        assert (await get(server, "/static/index.js", "*/*"))[0] == 200
        await first.to_server.put({"type": "websocket.disconnect"})
        await a_moment()
        assert (await get(server, "/"))[0] == 200
        assert (await get(server, "/_stcore/health", "*/*"))[0] == 200
        second.task.cancel()

    asyncio.run(story())


def test_the_page_that_was_idle_longest_makes_room(monkeypatch):
    monkeypatch.setattr(house, "IDLE_SECONDS", 0.05)

    async def story() -> None:
        server = FullHouse(streamlit, 2)
        idle, busy = Visitor(server), Visitor(server)
        await asyncio.sleep(0.1)
        await busy.to_server.put({"type": "websocket.receive", "bytes": b""})
        await a_moment()
        assert (await get(server, "/"))[0] == 200
        new = Visitor(server)
        await a_moment()
        assert new.is_in
        assert busy.is_in
        assert idle.heard[-1]["type"] == "websocket.close"
        await asyncio.wait_for(idle.task, 10)
        late = Visitor(server)
        await a_moment()
        assert not late.is_in
        new.task.cancel()
        busy.task.cancel()

    asyncio.run(story())


def test_a_house_without_descriptors_is_full_until_those_who_left_give_back_theirs(monkeypatch):
    monkeypatch.setattr(house, "descriptors", lambda: 256)
    monkeypatch.setattr(house, "descriptors_open", lambda: sum(open_now))
    open_now, left = [150, 0], [80, 70]

    def make_room() -> None:
        open_now[1] = left.pop()

    async def story() -> None:
        server = FullHouse(streamlit, make_room=make_room)
        open_now[1] = 80
        early = Visitor(server)
        await a_moment()
        assert early.is_in
        assert left == [80]
        open_now[1] = 100
        assert (await get(server, "/"))[0] == 503
        assert not left
        left.extend([100, 100, 100])
        open_now[1] = 100
        assert await get(server, "/_stcore/health", "*/*") == (503, "full")
        assert (await get(server, "/static/index.js", "*/*"))[0] == 200
        late = Visitor(server)
        await a_moment()
        assert late.heard[0]["type"] == "websocket.close"
        early.task.cancel()

    asyncio.run(story())


@pytest.mark.skipif(sys.platform == "win32", reason="which lists no descriptors")
def test_open_descriptors_are_counted():
    before = house.descriptors_open()
    with socket.socket(), socket.socket():
        assert house.descriptors_open() == before + 2


@pytest.mark.parametrize("descriptors", [64, 256, 1024, 4096, 2**16])
def test_every_visitor_has_the_descriptors_that_a_page_takes(descriptors):
    most = most_visitors(descriptors)
    assert 1 <= most <= house.MOST_VISITORS
    assert most == 1 or 3 * most + 64 < descriptors


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /"])
def test_a_connection_without_a_whole_request_is_closed(monkeypatch, sent):
    monkeypatch.setattr(house, "HEAD_SECONDS", 0.2)

    async def story() -> bytes:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            config = uvicorn.Config(streamlit, http=PromptProtocol, log_level="critical", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            server.should_exit = True
            await serving
            return answer

    assert asyncio.run(story()).count(b"200 OK") == sent.count(b"\r\n\r\n")


def visit_shortly(url: str) -> None:
    address = f"{url.replace('http', 'ws')}_stcore/stream"
    options = {"subprotocols": ["streamlit"], "open_timeout": 20, "close_timeout": 0.1}  # and no long farewell
    with suppress(OSError, Exception), connect(address, **options) as page:  # pyright: ignore[reportArgumentType]
        message = BackMsg()
        message.rerun_script.query_string = ""
        page.send(message.SerializeToString())
        page.recv(timeout=20)


def status(url: str) -> int:
    request = urllib.request.Request(url, headers={"Accept": "text/html"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set as Linux has it")
def test_short_visits_lock_nobody_out_of_a_house_of_256_descriptors(tmp_path):
    from gastropath.bundle.files import starter

    port = free_port()
    command = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *app_command(starter(), port)]
    with served(command, port, tmp_path / "log") as server:
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(visit_shortly, [server.url] * 300))
        deadline = time.monotonic() + 60
        open_now = f"/proc/{server.process.pid}/fd"
        while len(os.listdir(open_now)) > 128 or status(server.url) != 200:
            assert time.monotonic() < deadline, server.said()
            time.sleep(0.5)
        assert status(f"{server.url}_stcore/health") == 200
        assert "Too many open files" not in server.said()
