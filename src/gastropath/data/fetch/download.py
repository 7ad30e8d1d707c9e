"""A zip file over HTTP: resumed at its last byte, verified, and under its final name only when it is right.

pooch verifies the file and gives it its name, and keeps nothing of what was not finished. What has come so far is
therefore kept here, and handed to pooch when it is whole.
"""

from __future__ import annotations

import math
import os
import re
from functools import partial
from http.client import HTTPResponse
from io import FileIO
from pathlib import Path

from gastropath.data.fetch.published import PublishedFile
from gastropath.data.fetch.web import Tell, TryAgain, ask, bytes_of, persist
from gastropath.errors import CannotDownload
from gastropath.outputs import writing
from gastropath.progress import Progress

_ZIP = b"PK\x03\x04"
"""How every zip file begins that is not empty: an error page is told from one before a byte is kept."""

_CHUNK_BYTES = 1 << 18


def download(published: PublishedFile, file: Path, work: Path, progress: Progress, tell: Tell) -> None:
    """Download a zip file of known size and MD5; a later call goes on where this one was interrupted.

    Parameters
    ----------
    published
        Size, MD5, and where it can be had; the next address is asked when one refuses.
    file
        The final name. It must not exist. The part stays as a second name of it, where the disk has hard links, until
        :func:`forget` is called: a later call thus knows that the file is no user's.
    work
        Folder for what is not verified yet, on the same disk; the caller removes it.
    progress
        Called with megabytes.
    tell
        Told why there is a pause.

    Raises
    ------
    CannotDownload
        If every address refuses or fails too often without one byte more; the part stays for the next call. If what
        came has another MD5 twice; it is deleted.
    CannotWrite
        If the disk is full or the folder read-only. The part stays.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # what it does, ``progress`` and ``tell`` say
    part = part_of(file, published.md5)
    resuming = partial(_complete, published, part, progress, tell)
    with writing(file):
        for is_last in (False, True):
            try:
                pooch.retrieve(
                    published.addresses[0], f"md5:{published.md5}", file.name, work.absolute(),
                    downloader=resuming,  # pyright: ignore[reportArgumentType]  (pooch describes processors there)
                )  # fmt: skip
            except ValueError as error:  # another MD5
                part.unlink(missing_ok=True)
                if is_last:
                    advice = "something on the way changes the file: try another network"
                    raise CannotDownload(str(error), where=file, remedy=advice) from None
                tell(f"{file.name}: came with another MD5 than published; once more from the start")
            else:
                progress("verifying (MB)", megabytes(published.size), megabytes(published.size))
                os.replace(work / file.name, file)
                return


def part_of(file: Path, md5: str) -> Path:
    """Return where the part of ``file`` lies that has come so far; each published version has a part of its own."""
    return file.with_name(f"{file.name}.{md5[:8]}.partial")


def is_own(file: Path) -> bool:
    """Tell whether a file was downloaded by a call that did not come to :func:`forget` it."""
    return any(part.samefile(file) for part in _parts(file)) if file.is_file() else False


def forget(file: Path) -> None:
    """Remove the second name of a downloaded file."""
    for part in _parts(file):
        part.unlink()


def _parts(file: Path) -> list[Path]:
    return list(file.parent.glob(f"{file.name}.*.partial"))


def _complete(
    published: PublishedFile, part: Path, progress: Progress, tell: Tell, url: str, output: str, pooch: object
) -> None:
    """Fetch what is missing of the part from the first address that has it, and hand the whole over to pooch."""
    size, refusals = published.size, list[str]()
    try:
        with part.open("ab", buffering=0) as file:  # unbuffered: what has come outlives a kill
            for address in published.addresses:
                try:
                    persist(partial(_continue, address, file, size, progress), tell, partial(_end, file))
                    break
                except CannotDownload as refusal:
                    refusals.append(str(refusal))
            else:
                kept = f"; {_end(file):,} of {size:,} bytes are kept, and the next call goes on there"
                raise CannotDownload("; ".join(dict.fromkeys(refusals)) + (kept if _end(file) else ""))
            os.fsync(file.fileno())
    finally:
        if part.is_file() and not part.stat().st_size:
            part.unlink()
    progress("verifying (MB)", 0, megabytes(size))
    Path(output).unlink()
    try:
        os.link(part, output)  # so that an interruption while pooch verifies costs the other name, not the part
    except OSError:  # a disk without hard links
        os.replace(part, output)


def _continue(address: str, file: FileIO, size: int, progress: Progress) -> None:
    """Ask once for what is missing, and keep what comes."""
    if (position := _end(file)) == size:
        return
    with ask(address, {"Range": f"bytes={position}-"} if position else {}) as response:
        first = _first_byte(address, response, position, size)
        if first is None:
            file.truncate(0)
            raise TryAgain(f"{address}: does not go on at byte {position:,}, starting at zero")
        chunk = bytes_of(response.read1, _CHUNK_BYTES)
        if first == 0:
            if not _ZIP.startswith(chunk[: len(_ZIP)]):
                raise CannotDownload(f"expected a zip file, found one that begins with {chunk[:16]!r}", where=address)
            if chunk:  # only now is it known that what comes deserves the place of what was there
                file.truncate(0)
        while chunk:
            if _end(file) + len(chunk) > size:
                file.truncate(0)
                raise CannotDownload(f"sends more than the {size:,} bytes that are published", where=address)
            chunk = chunk[file.write(chunk) :] or bytes_of(response.read1, _CHUNK_BYTES)
            progress("downloading (MB)", megabytes(_end(file)), megabytes(size))
    if _end(file) < size:
        raise TryAgain(f"the connection ended after {_end(file):,} of {size:,} bytes")


def _first_byte(address: str, response: HTTPResponse, position: int, size: int) -> int | None:
    """Return where in the file the body of a response begins; ``None`` if neither at its start nor at ``position``."""
    if response.headers.get_content_type() == "text/html" and response.status != 416:
        raise CannotDownload("answers with an HTML page, not with the file", where=address)
    first, total = 0, response.length
    if response.status in (206, 416):
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != position:
            return None
        first, total = position, None if found[2] == "*" else int(found[2])
    elif response.status != 200:
        status = f"{response.status} {response.reason}"
        raise CannotDownload(
            f"answers {status} without the file, as servers do that let only browsers through", where=address
        )
    if total not in (None, size):
        raise CannotDownload(f"offers a file of {total:,} bytes, published are {size:,}", where=address)
    return first


def megabytes(n_bytes: int) -> int:
    """Return whole megabytes, as progress counts them; a part of one is one."""
    return math.ceil(n_bytes / 1e6)


def _end(file: FileIO) -> int:
    return file.seek(0, os.SEEK_END)
