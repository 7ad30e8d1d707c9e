"""The way of the data set from where it is published to a folder of tiles, each step complete or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gastropath.data.fetch.archive import Contents, read_contents, unpack
from gastropath.data.fetch.download import download, resumable_bytes
from gastropath.data.fetch.published import (
    API,
    CITATION,
    COUNTS,
    FILE,
    LICENCE,
    LICENCE_TEXT,
    NAME,
    PAGE,
    PublishedFile,
    difference,
    published_file,
)
from gastropath.data.fetch.web import Sleep, Tell, unheard
from gastropath.data.fetch.workplace import check_room, workplace
from gastropath.data.index import find_tiles
from gastropath.errors import BadArchive, CannotDownload, NoTilesFound, OutputExists
from gastropath.outputs import write_text, writing
from gastropath.progress import Progress, silent

_SOURCE = "source.json"
_ZIP = b"PK\x03\x04"
_UNPACKED_PER_BYTE = 1.1
"""Room for the tiles by the size of the archive: PNG files hardly get smaller in a zip file, and fill whole blocks."""

_BY_HAND = f"or download it in a browser from {PAGE} and give the file: gastropath fetch --archive FILE.zip"


@dataclass(frozen=True)
class Fetched:
    """A folder of tiles and where it came from.

    Attributes
    ----------
    folder
        The folder ``HMU-GC-HE-30K``.
    counts
        Tiles of each class.
    source
        What the archive was: ``md5`` and ``bytes``, with ``figshare_file`` where they are as published there, or the
        name ``archive`` of the user's own file; empty where nothing is known.
    already_there
        Whether nothing had to be done.
    notes
        What the user should know.
    """

    folder: Path
    counts: Mapping[str, int]
    source: Mapping[str, object] = field(default_factory=dict)
    already_there: bool = False
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """Return the same as JSON."""
        return {
            "folder": str(self.folder),
            "already_there": self.already_there,
            "tiles": sum(self.counts.values()),
            "classes": dict(self.counts),
            "tiles_as_published": self.counts == COUNTS,
            "source": dict(self.source),
            "licence": LICENCE,
            "cite": PAGE,
            "notes": list(self.notes),
        }


def fetch(
    out: Path,
    *,
    archive: Path | None = None,
    keep_archive: bool = False,
    api: str = API,
    today: str = "",
    sleep: Sleep = time.sleep,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Fetched:
    """Download the data set, verify and unpack it into ``out/HMU-GC-HE-30K``, with citation and licence.

    The folder appears when it is complete. An interrupted download goes on at its last byte when this is called again.

    Parameters
    ----------
    out
        Folder for the data set; made if it is not there, and nothing in it is overwritten.
    archive
        A zip file that was downloaded before, from figshare or Kaggle. It is neither changed nor deleted, and no
        network is needed.
    keep_archive
        Whether a downloaded archive stays in ``out``.
    api
        Address of figshare's API, or of a server that answers like it.
    today
        Date to note in the citation.
    sleep, progress, tell
        As for :func:`gastropath.data.fetch.download.download`.

    Raises
    ------
    CannotDownload
        If the archive cannot be had, or is not the published one.
    BadArchive
        If the archive is damaged, holds what must not be unpacked, or holds no tiles of this data set.
    OutputExists
        If other content lies where the data set goes.
    CannotWrite
        If there is too little room on the disk, or the folder cannot be written to.
    """
    if (found := already_there(out)) is not None:
        return found
    if archive is not None:
        contents = read_contents(archive)
        source = {"archive": archive.name, "bytes": archive.stat().st_size, "md5": md5_of(archive, progress)}
        with workplace(out, NAME) as partial:
            return _put(partial, out / NAME, contents, source, today, progress)
    try:
        published = published_file(api, sleep=sleep, tell=tell)
        with workplace(out, NAME) as partial:
            file = out / f"{NAME}.zip"
            was_there = _is_published(file, published, progress)
            if not was_there:
                missing = published.size - resumable_bytes(file, published.size, published.md5)
                check_room(out, missing, round(published.size * _UNPACKED_PER_BYTE))
                download(
                    published.addresses, file, size=published.size, md5=published.md5, begins_with=_ZIP,
                    sleep=sleep, progress=progress, tell=tell,
                )  # fmt: skip
            source = {"figshare_file": FILE, "bytes": published.size, "md5": published.md5}
            fetched = _put(partial, out / NAME, read_contents(file), source, today, progress)
            if not keep_archive and not was_there:
                file.unlink()
    except CannotDownload as error:
        raise CannotDownload(f"{error}. Try again later, {_BY_HAND}") from error
    notes = list(fetched.notes)
    if was_there and not keep_archive:
        notes.append(f"{file} was there before and is kept; it is not needed any more")
    if published.licence not in ("", LICENCE):
        notes.append(f"figshare now names another licence than {LICENCE}: {published.licence}; see {PAGE}")
    return replace(fetched, notes=tuple(notes))


def already_there(out: Path) -> Fetched | None:
    """Return what an earlier call has put into ``out``, or what the user has unpacked there; ``None`` if nothing.

    Raises
    ------
    OutputExists
        If something else stands there, or tiles are missing or too many.
    """
    folder = out / NAME
    if _is_free(folder):
        return None
    try:
        counts = find_tiles([folder]).counts() if folder.is_dir() else {}
    except NoTilesFound:
        counts = {}
    source = _read_source(folder)
    if counts and counts in (source.get("classes"), COUNTS):
        return Fetched(folder, counts, source, already_there=True, notes=difference(counts))
    expected = source.get("classes")
    n_expected = sum((expected if isinstance(expected, dict) else COUNTS).values())
    raise OutputExists(
        f"{folder}: is there already and holds {sum(counts.values()):,} tiles, expected were {n_expected:,}; "
        "move it away or choose another --out"
    )


def md5_of(file: Path, progress: Progress = silent) -> str:
    """Return the MD5 of a file in hexadecimal; ``progress`` is called with megabytes."""
    digest, total, done = hashlib.md5(usedforsecurity=False), file.stat().st_size, 0
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 23):
            digest.update(chunk)
            done += len(chunk)
            progress("computing the MD5 (MB)", math.ceil(done / 1e6), math.ceil(total / 1e6))
    return digest.hexdigest()


def _is_published(file: Path, published: PublishedFile, progress: Progress) -> bool:
    """Whether the archive lies there already; another file of that name is the user's and stays."""
    if not file.exists():
        return False
    if file.is_file() and file.stat().st_size == published.size and md5_of(file, progress) == published.md5:
        return True
    raise OutputExists(
        f"{file}: is there but is not the published archive ({published.size:,} bytes, MD5 {published.md5}); move it "
        "away, or unpack it all the same with --archive"
    )


def _put(
    partial: Path, target: Path, contents: Contents, source: Mapping[str, object], today: str, progress: Progress
) -> Fetched:
    """Unpack beside the final folder, add citation and licence, and give all of it its name in one step."""
    check_room(target.parent, 0, contents.disk_bytes)
    with writing(target):
        partial.mkdir()
        unpack(contents, partial, progress=progress)
        folder = _data_folder(partial)
        counts = _count(folder, contents.archive)
        _describe(folder, counts, source, today)
        if hasattr(os, "sync"):
            os.sync()  # the name must not outlive a power failure that the files do not
        if target.is_dir():
            target.rmdir()  # empty, or it would have been refused
        folder.rename(target)
    return Fetched(target, counts, source, notes=difference(counts))


def _data_folder(unpacked: Path) -> Path:
    """Return the data set's own folder where there are only folders around it, else all that was unpacked."""
    folder = unpacked
    while len(children := list(folder.iterdir())) == 1 and children[0].is_dir():
        folder = children[0]
        if folder.name == NAME:
            return folder
    return unpacked


def _count(folder: Path, archive: Path) -> dict[str, int]:
    try:
        counts = find_tiles([folder]).counts()
    except NoTilesFound:
        counts = {}
    if not set(counts) & set(COUNTS):
        found = ", ".join(list(counts)[:10]) or "no folders of images"
        raise BadArchive(f"{archive}: expected the folders {', '.join(COUNTS)} with tiles in them, found {found}")
    return counts


def _describe(folder: Path, counts: Mapping[str, int], source: Mapping[str, object], today: str) -> None:
    """Write citation, licence and source beside the tiles; a file of such a name in the archive stays."""
    verified = (
        "verified against figshare's record" if "figshare_file" in source else "not compared with figshare's record"
    )
    archive = "\n".join(f"{key}: {value}" for key, value in {**source, "fetched": today}.items() if value)
    document = {"name": NAME, **source, "classes": dict(counts), "fetched": today}
    texts = {
        "CITATION.txt": f"{CITATION}\nThe archive these tiles came from ({verified}):\n{archive}\n",
        "LICENSE.txt": LICENCE_TEXT,
        _SOURCE: json.dumps(document, indent=2, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        if not (folder / name).exists():
            write_text(folder / name, text)


def _read_source(folder: Path) -> dict[str, object]:
    try:
        document = json.loads((folder / _SOURCE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
