"""Headers of every answer of the server."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from gastropath.app.internals import inline_scripts

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SafeHeaders:
    """Middleware that tells browsers to load, run and send nothing but what comes from and goes to this server.

    Other sites may show the page in a frame, as the Hub does: it has no accounts and no buttons that could be pressed
    for a visitor to their harm.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = {**_HEADERS, "Content-Security-Policy": _content_policy()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _content_policy() -> str:
    """Write the policy for the scripts, styles and pictures that Streamlit's page needs."""
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {_scripts_of_the_page()}",
            "style-src 'self' 'unsafe-inline'",  # Streamlit writes its styles while it runs
            "img-src 'self' data: blob:",  # answers hold their pictures
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        ]
    )


def _scripts_of_the_page() -> str:
    """Return the hashes of the scripts inside Streamlit's page, which are allowed and no others."""
    digests = (hashlib.sha256(script.encode()).digest() for script in inline_scripts())
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
