"""One GET over HTTP: never less safe than its address, repeated while that helps, refused in plain words."""

from __future__ import annotations

import http.client
import json
import math
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

from gastropath import __version__
from gastropath.errors import CannotDownload

ATTEMPTS = 6
"""How often in a row a server may fail to send a byte more than it has before."""

LONGEST_PAUSE_SECONDS = 60.0
"""Pauses grow as 1, 2, 4, 8, … seconds up to this, where the server names none itself."""

LONGEST_ASKED_PAUSE_SECONDS = 600.0
"""A server that asks for a longer pause than this is left alone: the command ends and says so."""

TIMEOUT_SECONDS = 60.0
"""A connection on which nothing comes for so long counts as broken."""

_CHUNK_BYTES = 1 << 18
_LARGEST_DOCUMENT_BYTES = 4_000_000

Tell = Callable[[str], None]
"""Called with one sentence about something the user may want to know meanwhile."""

Sleep = Callable[[float], None]
"""Called with the seconds to wait."""

_Result = TypeVar("_Result")


class Refused(Exception):
    """This address will not give the file, however often it is asked; the message says why."""


class TryAgain(Exception):
    """Something that passes.

    Attributes
    ----------
    pause_seconds
        When the server said to come back; ``None`` where it did not.
    """

    def __init__(self, what: str, pause_seconds: float | None = None) -> None:
        super().__init__(what)
        self.pause_seconds = pause_seconds


class NoSuchRange(Exception):
    """Status 416: the server has nothing from the byte on that was asked for."""


def unheard(sentence: str) -> None:
    """Tell nobody."""


def read_document(
    address: str, *, sleep: Sleep = time.sleep, tell: Tell = unheard, timeout_seconds: float = TIMEOUT_SECONDS
) -> object:
    """Read one small JSON document.

    Raises
    ------
    CannotDownload
        If the server refuses, stays out of reach, or answers with anything else.
    """

    def attempt() -> object:
        with ask(address, {"Accept": "application/json"}, timeout_seconds) as response:
            text = b""
            while len(text) <= _LARGEST_DOCUMENT_BYTES and (chunk := read(response)):
                text += chunk
            if response.length and len(text) <= _LARGEST_DOCUMENT_BYTES:
                raise TryAgain(f"{address}: the connection ended after {len(text):,} bytes")
        try:
            return json.loads(text[:_LARGEST_DOCUMENT_BYTES])
        except ValueError:
            kind = response.headers.get_content_type()
            raise Refused(f"{address}: expected a JSON document, found {kind} with {len(text):,} bytes") from None

    try:
        return persist(attempt, sleep=sleep, tell=tell)
    except Refused as refusal:
        raise CannotDownload(str(refusal)) from None


def persist(
    attempt: Callable[[], _Result], *, sleep: Sleep, tell: Tell, reached: Callable[[], int] = lambda: 0
) -> _Result:
    """Repeat ``attempt`` while it raises :class:`TryAgain`, at most :data:`ATTEMPTS` times without getting further.

    Parameters
    ----------
    attempt
        What to do.
    sleep, tell
        Wait, and say why.
    reached
        Returns how far ``attempt`` has got; a greater number than ever before sets the count back.

    Raises
    ------
    Refused
        When the attempts are used up, or if the server asks for too long a pause.
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
                raise Refused(f"{trouble}, {ATTEMPTS} times in a row") from None
            pause = trouble.pause_seconds
            if pause is not None and pause > LONGEST_ASKED_PAUSE_SECONDS:
                raise Refused(f"{trouble} and asks to come back in {math.ceil(pause / 60):,} minutes") from None
            pause = min(2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS) if pause is None else pause
            tell(f"{trouble}; trying again in {pause:.0f} s ({failures} of {ATTEMPTS - 1})")
            sleep(pause)


def read(response: http.client.HTTPResponse) -> bytes:
    """Return the next bytes of the body; none at its end, however that came about."""
    try:
        return response.read1(_CHUNK_BYTES)
    except http.client.IncompleteRead as cut:
        return cut.partial
    except (OSError, http.client.HTTPException):  # reset, timed out: the caller sees that bytes are missing
        return b""


def ask(address: str, headers: Mapping[str, str], timeout_seconds: float) -> http.client.HTTPResponse:
    """Send one GET and return the response, whose status is 2xx.

    Raises
    ------
    Refused, TryAgain, NoSuchRange
        By what the server answers, or if it does not.
    """
    own = {"User-Agent": f"gastropath/{__version__}", "Accept-Encoding": "identity"}
    server = urlsplit(address).netloc
    try:
        request = urllib.request.Request(address, headers={**own, **headers})
        if request.type not in ("https", "http"):
            raise Refused(f"{address}: expected an address that begins with https://")
        return _opener().open(request, timeout=timeout_seconds)
    except urllib.error.HTTPError as answer:
        with answer:
            raise _meaning(address, answer) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise Refused(f"{server}: its certificate is not trusted ({error.reason.verify_message})") from None
        raise TryAgain(f"{server}: no connection ({error.reason})") from None
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain(f"{server}: the connection broke ({error})") from None
    except ValueError:
        raise Refused(f"{address}: expected an address that begins with https://") from None


def _meaning(address: str, answer: urllib.error.HTTPError) -> Exception:
    status = f"{answer.code} {answer.reason}"
    if answer.code == 416:
        return NoSuchRange()
    if answer.code in (408, 425, 429) or answer.code >= 500:
        return TryAgain(f"{address}: the server answers {status}", asked_pause_seconds(answer.headers))
    if answer.code == 404:
        return Refused(f"{address}: the server has no such file ({status})")
    return Refused(f"{address}: the server refuses ({status})")


def asked_pause_seconds(headers: Message) -> float | None:
    """Return what ``Retry-After`` asks for, in seconds or as a date, which is set against the server's own clock."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    except (TypeError, ValueError):
        return None


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to anything else."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme not in ("https", req.type):
            raise Refused(f"{req.full_url}: leads from {req.type} to {newurl.partition('?')[0]}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https alone: no redirect can lead to a file or to FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
