"""A reverse proxy that shows a server under a path, as nginx does with ``proxy_pass``; for tests only."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class _Connection(socketserver.StreamRequestHandler):
    """Passes a connection on: its one request with another path, then bytes both ways.

    A connection carries one request (``Connection: close``), or one WebSocket.
    """

    def handle(self) -> None:
        proxy = self.server
        assert isinstance(proxy, _Proxy)
        lines = []
        while line := self.rfile.readline().decode("latin-1").strip():
            lines.append(line)
        if not lines:
            return  # a browser that opened a connection and did not use it
        method, path, version = lines[0].split(" ")
        if path != proxy.prefix and not path.startswith(f"{proxy.prefix}/"):
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if proxy.strip:
            path = path.removeprefix(proxy.prefix) or "/"
        headers = lines[1:]
        if "upgrade: websocket" not in (header.lower() for header in headers):
            headers = [header for header in headers if not header.lower().startswith("connection:")]
            headers.append("Connection: close")
        head = "\r\n".join([f"{method} {path} {version}", *headers, "", ""]).encode("latin-1")
        with socket.create_connection(("localhost", proxy.behind)) as behind:
            behind.sendall(head)
            upwards = threading.Thread(target=self._send_up, args=(behind,))
            upwards.start()
            with suppress(ConnectionError):
                while data := behind.recv(65_536):
                    self.wfile.write(data)
            for end in (behind, self.connection):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            upwards.join()

    def _send_up(self, behind: socket.socket) -> None:
        with suppress(OSError):
            while data := self.rfile.read1(65_536):  # pyright: ignore[reportAttributeAccessIssue]  (it is buffered)
                behind.sendall(data)
            behind.shutdown(socket.SHUT_WR)


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, behind: int, prefix: str, *, strip: bool) -> None:
        self.behind, self.prefix, self.strip = behind, prefix, strip
        super().__init__(("127.0.0.1", 0), _Connection)


@contextmanager
def proxied(behind: int, prefix: str, *, strip: bool) -> Iterator[str]:
    """Show a server under a path while the block lasts; gives the URL.

    Parameters
    ----------
    behind
        Port on which the server listens.
    prefix
        Path with a leading slash, without one at its end.
    strip
        Whether the path is taken off again before a request is passed on.
    """
    with _Proxy(behind, prefix, strip=strip) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}{prefix}/"
        proxy.shutdown()
        thread.join()
