"""A small HTTP server on this computer that serves files well, or as badly as a test asks for."""

from __future__ import annotations

import http.server
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message


@dataclass
class FileServer:
    """Serves ``files``; the answers in ``script`` come first, one a request to that path."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    script: dict[str, deque[Answer]] = field(default_factory=dict)
    always: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Message]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def next_answers(self, path: str, *answers: Answer) -> None:
        self.script.setdefault(path, deque()).extend(answers)

    def ranges(self, path: str) -> list[str | None]:
        """The ``Range`` header of each request for this path."""
        return [headers.get("Range") for asked, headers in self.asked if asked == path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: FileServer

    def do_GET(self) -> None:
        self.files.asked.append((self.path, self.headers))
        self.close_connection = True
        script = self.files.script.get(self.path)
        answer = script.popleft() if script else self.files.always.get(self.path, honest)
        with suppress(ConnectionError):  # the client has seen enough
            answer(self)

    @property
    def body(self) -> bytes | None:
        return self.files.files.get(self.path)

    @property
    def start(self) -> int:
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def respond(self, status: int, body: bytes, headers: Mapping[str, object] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": len(body), "Connection": "close", **(headers or {})}.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


Answer = Callable[[Handler], None]


def honest(to: Handler, n_bytes: int | None = None) -> None:
    """The whole file, or the range asked for; only its first ``n_bytes`` if given."""
    body, start = to.body, to.start
    if body is None:
        to.respond(404, b"no such file")
        return
    if start >= len(body):
        to.respond(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        return
    rest = body[start:]
    headers: dict[str, object] = {"Content-Length": len(rest), "Content-Type": "application/zip"}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    to.respond(206 if start else 200, rest[:n_bytes], headers)


def cut_after(n_bytes: int) -> Answer:
    """Announce all that is asked for, send so many bytes, and hang up."""
    return lambda to: honest(to, n_bytes)


def stall_after(n_bytes: int) -> Answer:
    """Send so many bytes, then nothing, and keep the connection."""

    def answer(to: Handler) -> None:
        honest(to, n_bytes)
        to.wfile.flush()
        to.files.closing.wait()

    return answer


def whole(to: Handler) -> None:
    """Take no notice of Range."""
    to.respond(200, to.body or b"", {"Content-Type": "application/zip"})


def whole_cut_after(n_bytes: int) -> Answer:
    """Take no notice of Range, and hang up after so many bytes."""
    return lambda to: to.respond(200, (to.body or b"")[:n_bytes], {"Content-Length": len(to.body or b"")})


def sending(body: bytes, status: int = 200, **headers: object) -> Answer:
    """Send this, with headers whose names are written with ``_`` for ``-``; ``None`` leaves one out."""
    return lambda to: to.respond(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def html(to: Handler) -> None:
    to.respond(200, b"<!DOCTYPE html><p>Log in", {"Content-Type": "text/html; charset=utf-8"})


def nothing(to: Handler) -> None:
    """Hang up without a word."""


def redirecting(address: str) -> Answer:
    return sending(b"", 302, Location=address)


@contextmanager
def serving() -> Iterator[FileServer]:
    """Run a server on a free port until the block ends."""
    handler = type("BoundHandler", (Handler,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        files = FileServer(f"http://127.0.0.1:{server.server_port}")
        handler.files = files  # pyright: ignore[reportAttributeAccessIssue]  (made in the line above)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield files
        finally:
            files.closing.set()
            server.shutdown()
            thread.join()
