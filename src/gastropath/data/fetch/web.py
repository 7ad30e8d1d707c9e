"""One GET over HTTP: never less safe than its address, repeated while that helps, refused in plain words."""

from __future__ import annotations

import json
import math
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from time import sleep
from typing import TypeVar
from urllib.parse import urlsplit

from gastropath import __version__
from gastropath.errors import CannotDownload

ATTEMPTS = 6
"""How often in a row a server may fail to send a byte more than before; between them are 1, 2, 4, 8 and 16 seconds."""

LONGEST_PAUSE_SECONDS = 600.0
"""A server that asks for a longer pause than this is left alone: the download ends and says so."""

TIMEOUT_SECONDS = 60.0
"""A connection on which nothing comes for so long counts as broken."""

_LARGEST_DOCUMENT_BYTES = 4_000_000

Tell = Callable[[str], None]
"""Called with one sentence about something the user may want to know meanwhile."""

_Result = TypeVar("_Result")


class TryAgain(Exception):
    """Something that passes; ``pause_seconds`` says when the server wants to be asked again, where it says so."""

    def __init__(self, what: str, pause_seconds: float | None = None) -> None:
        super().__init__(what)
        self.pause_seconds = pause_seconds


def read_document(address: str, tell: Tell) -> object:
    """Read one small JSON document; :class:`CannotDownload` if the server cannot be reached or has none."""

    def attempt() -> object:
        with ask(address, {"Accept": "application/json"}) as response:
            text = bytes_of(response.read, _LARGEST_DOCUMENT_BYTES)
        if not text or (response.length and len(text) < _LARGEST_DOCUMENT_BYTES):
            raise TryAgain(f"{address}: the connection ended after {len(text):,} bytes")
        try:
            return json.loads(text)
        except ValueError:
            kind = response.headers.get_content_type()
            raise CannotDownload(f"expected a JSON document, found {kind}", where=address) from None

    return persist(attempt, tell)


def persist(attempt: Callable[[], _Result], tell: Tell, reached: Callable[[], int] = lambda: 0) -> _Result:
    """Repeat ``attempt`` while it raises :class:`TryAgain`, at most :data:`ATTEMPTS` times without getting further.

    ``reached`` returns how far it has got; a greater number than ever before sets the count back.
    """
    failures, furthest = 0, reached()
    while True:
        try:
            return attempt()
        except TryAgain as trouble:
            if reached() > furthest:  # a server that ignores Range and always breaks at one byte gets no further
                failures, furthest = 0, reached()
            failures += 1
            if failures == ATTEMPTS:
                raise CannotDownload(f"{trouble}, {ATTEMPTS} times in a row") from None
            pause = 2.0 ** (failures - 1) if trouble.pause_seconds is None else trouble.pause_seconds
            if pause > LONGEST_PAUSE_SECONDS:
                raise CannotDownload(f"{trouble} and asks to come back in {math.ceil(pause / 60):,} minutes") from None
            tell(f"{trouble}; trying again in {pause:.0f} s ({failures} of {ATTEMPTS - 1})")
            sleep(pause)


def ask(address: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send one GET and return the response, whose status is 2xx, or 416 where there is nothing from a byte on."""
    if not address.startswith(("https://", "http://")):
        raise CannotDownload("expected an address that begins with https://", where=address)
    own = {"User-Agent": f"gastropath/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(address, headers={**own, **headers})
    try:
        return urllib.request.build_opener(_SafeRedirects).open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as answer:
        if answer.code == 416:
            return answer.fp  # pyright: ignore[reportReturnType]  (the response of which the error was made)
        with answer:
            status, pause = f"{answer.code} {answer.reason}", asked_pause_seconds(answer.headers)
        if answer.code in (408, 425, 429) or answer.code >= 500:
            raise TryAgain(f"{address}: the server answers {status}", pause) from None
        refusal = "has no such file" if answer.code == 404 else "refuses"
        raise CannotDownload(f"the server {refusal} ({status})", where=address) from None
    except (OSError, HTTPException) as error:
        server, reason = urlsplit(address).netloc, getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise CannotDownload(f"its certificate is not trusted ({reason.verify_message})", where=server) from None
        raise TryAgain(f"{server}: no connection ({reason})") from None


def bytes_of(read: Callable[[int], bytes], n_bytes: int) -> bytes:
    """Return what a method of a response reads; none where the connection broke: the caller sees what is missing."""
    try:
        return read(n_bytes)
    except (OSError, HTTPException):
        return b""


def asked_pause_seconds(headers: Message) -> float | None:
    """Return what ``Retry-After`` asks for, in seconds or as a date, which is set against the server's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    except (TypeError, ValueError):
        return None


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never out of the web, nor from https to anything else."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme not in ("https", req.type):
            target = newurl.partition("?")[0]  # what follows may be a signature
            raise CannotDownload(f"leads from {req.type} to {target}, which is not followed", where=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
