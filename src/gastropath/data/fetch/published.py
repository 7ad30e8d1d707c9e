"""What its authors publish of the data set HMU-GC-HE-30K, and where."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from gastropath.data.fetch.web import Sleep, Tell, read_document, unheard
from gastropath.errors import CannotDownload
from gastropath.tissue import TISSUE_CLASSES

NAME = "HMU-GC-HE-30K"
API = "https://api.figshare.com"
ARTICLE = 25954813
FILE = 46765759
PAGE = "https://doi.org/10.6084/m9.figshare.25954813"
LICENCE = "CC BY 4.0"
COUNTS = {tissue.code: 3887 for tissue in TISSUE_CLASSES}
"""Tiles of each class, as the authors state them."""

_LARGEST_ARCHIVE_BYTES = 20_000_000_000

CITATION = f"""\
These tiles are the data set {NAME}. Cite its authors when you use it:

Lou S, Ji J, Li H, et al. A large histological images dataset of gastric cancer with tumour microenvironment
annotation for AI. Scientific Data (2025). https://doi.org/10.1038/s41597-025-04489-9

Data: figshare, {PAGE}
"""

LICENCE_TEXT = f"""\
The data set {NAME} by Lou et al. ({PAGE})
is licensed under the Creative Commons Attribution 4.0 International licence (CC BY 4.0):
https://creativecommons.org/licenses/by/4.0/legalcode

You may share and adapt it for any purpose if you give credit to its authors, link to the licence, and say what you
changed. It comes without warranties. The tiles here are unpacked as published, unchanged.

GastroPath, which fetched them, has a licence of its own that does not cover them.
"""


@dataclass(frozen=True)
class PublishedFile:
    """The archive as figshare describes it.

    Attributes
    ----------
    addresses
        Where it can be had, the best first.
    size
        In bytes.
    md5
        In hexadecimal.
    licence
        Name of the licence, empty where none is given.
    """

    addresses: tuple[str, ...]
    size: int
    md5: str
    licence: str = ""


def published_file(api: str = API, *, sleep: Sleep = time.sleep, tell: Tell = unheard) -> PublishedFile:
    """Ask figshare for the size and MD5 of the archive.

    Parameters
    ----------
    api
        Address of figshare's API, or of a server that answers like it.
    sleep, tell
        As for :func:`gastropath.data.download.download`.

    Raises
    ------
    CannotDownload
        If the server cannot be reached, or its answer lacks the file, its size or its MD5.
    """
    api = api.rstrip("/")
    address = f"{api}/v2/articles/{ARTICLE}"
    article = read_document(address, sleep=sleep, tell=tell)
    article = article if isinstance(article, dict) else {}
    listed = [entry for entry in article.get("files") or [] if isinstance(entry, dict)]
    entry = next((entry for entry in listed if entry.get("id") == FILE), None)
    if entry is None:
        found = ", ".join(f"{entry.get('name')} ({entry.get('id')})" for entry in listed) or "no files"
        raise CannotDownload(f"{address}: expected the file {FILE} of {NAME}, found {found}; the record was changed")
    size, md5 = entry.get("size"), str(entry.get("computed_md5") or entry.get("supplied_md5") or "").lower()
    if not isinstance(size, int) or not 0 < size <= _LARGEST_ARCHIVE_BYTES:
        raise CannotDownload(f"{address}: expected a size of at most {_LARGEST_ARCHIVE_BYTES:,} bytes, found {size!r}")
    if len(md5) != 32 or set(md5) - set("0123456789abcdef"):
        raise CannotDownload(f"{address}: expected an MD5 of 32 hexadecimal digits, found {md5!r}")
    # The API's own address comes first: the other one, made for browsers, turns away programs at times.
    addresses = dict.fromkeys((f"{api}/v2/file/download/{FILE}", str(entry.get("download_url") or "")))
    schemes = ("https://",) if api.startswith("https://") else ("https://", "http://")
    licence = article.get("license")
    return PublishedFile(
        addresses=tuple(address for address in addresses if address.startswith(schemes)),
        size=size,
        md5=md5,
        licence=str(licence.get("name") or "") if isinstance(licence, dict) else "",
    )


def difference(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return a note on how these tiles differ in number from those that are published; none where they do not."""
    if counts == COUNTS:
        return ()
    codes = sorted({code for code in (*counts, *COUNTS) if counts.get(code, 0) != COUNTS.get(code, 0)})
    named = ", ".join(f"{code} {counts.get(code, 0):,}" for code in codes)
    return (
        f"published are {sum(COUNTS.values()):,} tiles, {COUNTS['TUM']:,} in each of {len(COUNTS)} classes; "
        f"here are {sum(counts.values()):,} ({named})",
    )
