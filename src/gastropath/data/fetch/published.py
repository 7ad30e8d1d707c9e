"""What its authors publish of the data set HMU-GC-HE-30K, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gastropath.data.fetch.web import Tell, read_document
from gastropath.errors import CannotDownload
from gastropath.tissue_classes import TISSUE_CLASSES

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
    """The archive as figshare describes it: where it can be had (best first), its bytes, MD5 and licence (or empty)."""

    addresses: tuple[str, ...]
    size: int
    md5: str
    licence: str = ""


def published_file(api: str, tell: Tell) -> PublishedFile:
    """Ask figshare, or a server that answers like it, for the size and MD5 of the archive.

    Raises
    ------
    CannotDownload
        If the server cannot be reached, or its answer lacks the file, its size or its MD5.
    """
    api = api.rstrip("/")
    address = f"{api}/v2/articles/{ARTICLE}"
    article = read_document(address, tell)
    article = article if isinstance(article, dict) else {}
    listed = [entry for entry in article.get("files") or [] if isinstance(entry, dict)]
    entry = next((entry for entry in listed if entry.get("id") == FILE), None)
    if entry is None:
        found = ", ".join(f"{entry.get('name')} ({entry.get('id')})" for entry in listed) or "no files"
        raise CannotDownload(f"expected the file {FILE}, found {found}; the record was changed", where=address)
    size, md5 = entry.get("size"), str(entry.get("computed_md5") or entry.get("supplied_md5") or "").lower()
    if not isinstance(size, int) or not 0 < size <= _LARGEST_ARCHIVE_BYTES:
        raise CannotDownload(
            f"expected a size of at most {_LARGEST_ARCHIVE_BYTES:,} bytes, found {size!r}", where=address
        )
    if not re.fullmatch("[0-9a-f]{32}", md5):
        raise CannotDownload(f"expected an MD5 of 32 hexadecimal digits, found {md5!r}", where=address)
    # The API's own address comes first: the other one, made for browsers, turns away programs at times.
    addresses = (f"{api}/v2/file/download/{FILE}", str(entry.get("download_url") or ""))
    schemes = ("https://",) if api.startswith("https://") else ("https://", "http://")
    safe = tuple(address for address in dict.fromkeys(addresses) if address.startswith(schemes))
    licence = article.get("license")
    return PublishedFile(safe, size, md5, str(licence.get("name") or "") if isinstance(licence, dict) else "")


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
