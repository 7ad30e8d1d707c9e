"""Who may ask this server anything: only the user's own browser, by a token, and only under this computer's name."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable
from urllib.parse import urlencode, urlsplit

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application, OutputTransform, RequestHandler

TOKEN = "token"
"""Name of the token in the address."""

_COOKIE = "gastropath"
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names of this computer. The port may be another one: that of an SSH tunnel."""

_HEADERS = {
    "Cache-Control": "no-store",  # pictures of patients' tissue stay out of the browser's files
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",  # Bokeh writes its styles while it runs
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SafeHeaders(OutputTransform):
    """Tells browsers to load, run and send nothing but what comes from and goes to this server, and to keep nothing."""

    def __init__(self, request: HTTPServerRequest) -> None:
        """Begin an answer."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers."""
        for name, value in _HEADERS.items():
            headers[name] = value
        headers["Server"] = "GastroPath"
        return status_code, headers, chunk


class Gate(Router):
    """Every request passes here before anything else sees it, whatever its path and its method.

    The token is given once, in the address; the browser is sent on to the same address without it, and has it as a
    cookie from then on, so that links can be copied without giving it away.
    """

    def __init__(self, application: Application, port: int, token: str | None = None) -> None:
        """Guard an application; the token is drawn by chance unless one is given."""
        self.token = token or secrets.token_urlsafe(24)
        self._cookie = f"{_COOKIE}-{port}"  # browsers do not tell ports apart
        self._application = application
        settings = {"cookie": self._cookie, "token": self.token}
        self._closed = Application([(r".*", _Closed)], log_function=_say_nothing)
        self._entrance = Application([(r".*", _Entrance, settings)], log_function=_say_nothing)
        for guarded in (application, self._closed, self._entrance):
            guarded.add_transform(SafeHeaders)

    def find_handler(self, request: HTTPServerRequest, **kwargs: object) -> HTTPMessageDelegate | None:
        """Choose who answers a request."""
        if not self._is_own(request):
            return self._closed.find_handler(request)
        if self._is(request.query_arguments.get(TOKEN, [b""])[0].decode("utf-8", "replace")):
            return self._entrance.find_handler(request)
        found = request.cookies.get(self._cookie)
        if found is None or not self._is(found.value):
            return self._closed.find_handler(request)
        return self._application.find_handler(request)

    def _is(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

    def _is_own(self, request: HTTPServerRequest) -> bool:
        """Tell whether a request names this computer, and comes from no page but its own."""
        host = request.headers.get("Host", "")
        name, colon, port = host.rpartition(":")
        if (name if colon and port.isdigit() else host).lower() not in _HOSTS:
            return False
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return False
        return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none") or _opens_page(request)


def _opens_page(request: HTTPServerRequest) -> bool:
    """Tell whether a person follows a link from elsewhere, which may open the page but not ask for its parts."""
    return request.headers.get("Sec-Fetch-Mode") == "navigate" and request.path == "/" and request.method == "GET"


def _say_nothing(handler: RequestHandler) -> None:
    """Keep the terminal free of requests, and tokens out of it."""


class _Entrance(RequestHandler):
    def initialize(self, cookie: str, token: str) -> None:
        self._cookie, self._token = cookie, token

    def get(self) -> None:
        """Hand out the cookie, and send the browser on to the address without the token."""
        self.set_cookie(self._cookie, self._token, httponly=True, samesite="Lax", path="/")
        rest = [(name, value) for name, values in self.request.query_arguments.items() for value in values]
        query = urlencode([(name, value) for name, value in rest if name != TOKEN])
        self.redirect("/" + (f"?{query}" if query else ""), status=303)


class _Closed(RequestHandler):
    def prepare(self) -> Awaitable[None] | None:
        """Refuse, and say what a user may do who came here with an old address."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish("Closed. Open the address that the command has printed, with its token.\n")
        return None
