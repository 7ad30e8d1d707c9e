"""One file over HTTP: resumed at its last byte, verified, and under its final name only when it is right."""

from __future__ import annotations

import functools
import hashlib
import http.client
import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from email.message import Message
from pathlib import Path
from types import TracebackType

from gastropath.data.fetch.web import (
    TIMEOUT_SECONDS,
    NoSuchRange,
    Refused,
    Sleep,
    Tell,
    TryAgain,
    ask,
    persist,
    read,
    unheard,
)
from gastropath.errors import CannotDownload
from gastropath.outputs import write_json, writing
from gastropath.progress import Progress, silent

_MEGABYTE = 1_000_000


def download(
    addresses: Sequence[str],
    file: Path,
    *,
    size: int,
    md5: str,
    begins_with: bytes = b"",
    sleep: Sleep = time.sleep,
    progress: Progress = silent,
    tell: Tell = unheard,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """Download one file of known size and MD5.

    What has come lies in ``<file>.partial``, and ``<file>.partial.json`` says of which version it is; a later call
    with the same size and MD5 goes on at the last byte. ``file`` itself appears when all of it is there and right.

    Parameters
    ----------
    addresses
        Where the same file can be had; the next is asked when one refuses.
    file
        The final name. It must not exist.
    size
        In bytes, as published.
    md5
        In hexadecimal, as published.
    begins_with
        The first bytes of every file of this kind: an error page is told from the file by them before a byte is kept.
    sleep
        Waits between attempts.
    progress
        Called with megabytes.
    tell
        Told why there is a pause.
    timeout_seconds
        A connection on which nothing comes for so long counts as broken.

    Raises
    ------
    CannotDownload
        If every address refuses or fails :data:`~gastropath.data.fetch.web.ATTEMPTS` times without one byte more (the
        partial file stays for the next call), or if what came has another MD5 twice (it is deleted).
    CannotWrite
        If the disk is full or the folder read-only. The partial file stays.
    """
    with writing(file), PartialFile(file, size, md5, progress) as partial:
        for is_last in (False, True):
            _complete(addresses, partial, begins_with, sleep, tell, timeout_seconds)
            found = partial.digest.hexdigest()
            if found == md5.lower():
                partial.finish()
                return
            partial.empty()
            if not is_last:
                tell(f"{file.name}: came with another MD5 ({found}) than published ({md5}); once more from the start")
    raise CannotDownload(
        f"{file.name}: what came has the MD5 {found}, published is {md5}; it was deleted. Something on the way "
        "changes the file: try another network"
    )


class PartialFile:
    """The part of a file that has come, its running MD5, and the record of what it is a part of.

    Parameters
    ----------
    file
        Final name.
    size, md5
        Of the whole.
    progress
        Called with megabytes, first while an old part is read again, then as bytes come.
    """

    def __init__(self, file: Path, size: int, md5: str, progress: Progress = silent) -> None:
        self.file = file
        self.size = size
        self.path = part_of(file)
        self.digest = hashlib.md5(usedforsecurity=False)
        self.position = 0
        self._record = _record_of(file)
        self._md5 = md5.lower()
        self._etag = ""
        self._progress = progress
        self._shown = -1
        self._stream = self.path.open("a+b", buffering=0)  # unbuffered: what has come outlives a kill
        self._take_up()

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if not self.position:
            self.path.unlink(missing_ok=True)
            self._record.unlink(missing_ok=True)

    def range_header(self) -> dict[str, str]:
        """Return the headers that ask for the rest; none where all is wanted."""
        if not self.position:
            return {}
        return {"Range": f"bytes={self.position}-", **({"If-Range": self._etag} if self._etag else {})}

    def begin(self, etag: str) -> None:
        """Start at zero with the version of the file that has this ETag."""
        self.empty()
        self._etag = etag
        write_json(self._record, {"md5": self._md5, "size": self.size, "etag": etag})

    def add(self, chunk: bytes) -> None:
        """Append bytes."""
        while chunk:
            written = self._stream.write(chunk)
            self.digest.update(chunk[:written])
            self.position += written
            chunk = chunk[written:]
        self._show("downloading")

    def empty(self) -> None:
        """Forget all that has come."""
        self._stream.truncate(0)
        self.digest = hashlib.md5(usedforsecurity=False)
        self.position = 0
        self._etag = ""

    def finish(self) -> None:
        """Give the file its final name."""
        os.fsync(self._stream.fileno())
        self._stream.close()
        os.replace(self.path, self.file)
        self._record.unlink(missing_ok=True)

    def _take_up(self) -> None:
        """Go on with an old part where it is one of this version of the file, else start at zero."""
        if resumable_bytes(self.file, self.size, self._md5):
            self._etag = str(_read_record(self._record).get("etag", ""))
            self._stream.seek(0)
            while chunk := self._stream.read(1 << 20):
                self.digest.update(chunk)
                self.position += len(chunk)
                self._show("checking what has come before")
        else:
            self.empty()
        self._shown = -1

    def _show(self, what: str) -> None:
        total = math.ceil(self.size / _MEGABYTE)
        done = total if self.position == self.size else self.position // _MEGABYTE
        if done != self._shown:
            self._shown = done
            self._progress(f"{what} (MB)", done, total)


def resumable_bytes(file: Path, size: int, md5: str) -> int:
    """Return how many bytes of this version of the file have come in earlier calls of :func:`download`."""
    path = part_of(file)
    if not path.is_file() or not 0 < path.stat().st_size <= size:
        return 0
    record = _read_record(_record_of(file))
    return path.stat().st_size if (record.get("md5"), record.get("size")) == (md5.lower(), size) else 0


def part_of(file: Path) -> Path:
    """Return the name of what has come of ``file`` so far."""
    return file.with_name(f"{file.name}.partial")


def _record_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.partial.json")


def _read_record(record: Path) -> Mapping[str, object]:
    try:
        document = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _complete(
    addresses: Sequence[str],
    partial: PartialFile,
    begins_with: bytes,
    sleep: Sleep,
    tell: Tell,
    timeout_seconds: float,
) -> None:
    reasons: list[str] = []
    for address in addresses:
        attempt = functools.partial(_attempt, address, partial, begins_with, timeout_seconds)
        try:
            persist(attempt, sleep=sleep, tell=tell, reached=lambda: partial.position)
        except Refused as refusal:
            reasons.append(str(refusal))
        else:
            return
    kept = f"; {partial.position:,} of {partial.size:,} bytes are kept, the same command goes on there"
    raise CannotDownload("; ".join(dict.fromkeys(reasons)) + (kept if partial.position else ""))


def _attempt(address: str, partial: PartialFile, begins_with: bytes, timeout_seconds: float) -> None:
    """Ask once for what is missing, and keep what comes."""
    if partial.position == partial.size:
        return
    try:
        response = ask(address, partial.range_header(), timeout_seconds)
    except NoSuchRange:
        asked = partial.position
        partial.empty()
        raise TryAgain(f"{address}: has nothing from byte {asked:,} on, starting at zero") from None
    with response:
        first = _first_byte(address, response, partial)
        signature = begins_with if first == 0 else b""
        chunk = _beginning(response, len(signature))
        _check_kind(address, response, chunk, signature)
        if first == 0 and chunk:  # only now is it known that what comes deserves the place of what was there
            partial.begin(_strong_etag(response.headers))
        while chunk:
            if partial.position + len(chunk) > partial.size:
                partial.empty()
                raise Refused(f"{address}: sends more than the {partial.size:,} bytes that are published")
            partial.add(chunk)
            chunk = read(response)
    if partial.position < partial.size:
        raise TryAgain(f"the connection ended after {partial.position:,} of {partial.size:,} bytes")


def _first_byte(address: str, response: http.client.HTTPResponse, partial: PartialFile) -> int:
    """Return where in the file the body of this response begins; nothing that fits ill gets past here."""
    first, total = 0, None
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != partial.position:
            sent = response.headers.get("Content-Range", "nothing said of where")
            asked = partial.position
            partial.empty()
            raise TryAgain(f"{address}: asked for bytes from {asked:,} on, sent {sent}, starting at zero")
        first, total = int(found[1]), None if found[2] == "*" else int(found[2])
    elif response.status != 200:
        raise Refused(
            f"{address}: answers {response.status} {response.reason} without the file, as servers do that let only "
            "browsers through"
        )
    elif response.headers.get_content_type() != "text/html":
        total = response.length
    if total not in (None, partial.size):
        raise Refused(f"{address}: offers a file of {total:,} bytes, published are {partial.size:,}")
    return first


def _check_kind(address: str, response: http.client.HTTPResponse, chunk: bytes, signature: bytes) -> None:
    if response.headers.get_content_type() == "text/html":
        raise Refused(f"{address}: answers with an HTML page, not with the file")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(f"{address}: sends the file encoded ({response.headers['Content-Encoding']}), not as it is")
    if chunk and not chunk.startswith(signature):
        raise Refused(f"{address}: expected a file that begins with {signature!r}, found {chunk[:16]!r}")


def _strong_etag(headers: Message) -> str:
    etag = headers.get("ETag", "").strip()
    return etag if etag.startswith('"') else ""  # a weak one, W/"…", says nothing about bytes


def _beginning(response: http.client.HTTPResponse, n_bytes: int) -> bytes:
    """Return the first bytes of the body, at least so many; none where the connection ended before."""
    chunk = read(response)
    while len(chunk) < n_bytes and (more := read(response)):
        chunk += more
    return chunk if len(chunk) >= n_bytes else b""
