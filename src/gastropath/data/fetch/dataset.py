"""The way of the data set from where it is published to a folder of tiles, each step complete or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gastropath.data.fetch import published
from gastropath.data.fetch.archive import Contents, read_contents, unpack
from gastropath.data.fetch.download import download, forget, is_own, megabytes, part_of
from gastropath.data.fetch.published import COUNTS, NAME, PAGE, PublishedFile, difference, published_file
from gastropath.data.fetch.web import Tell
from gastropath.data.fetch.workplace import check_room, workplace
from gastropath.data.index import find_tiles
from gastropath.errors import BadArchive, CannotDownload, NoTilesFound, OutputExists
from gastropath.outputs import write_text, writing
from gastropath.progress import Progress, silent
from gastropath.report.wording import count

_SOURCE = "source.json"
_UNPACKED_PER_BYTE = 1.1
"""Room for the tiles by the size of the archive: PNG files hardly get smaller in a zip file, and fill whole blocks."""

_BY_HAND = f"try again later, or download it in a browser from {PAGE} and give that file as `archive`"


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
        ``md5`` and ``bytes`` of the archive, with ``figshare_file`` if it is as published there, or with the name
        ``archive`` of the user's own file; empty where nothing is known.
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
            "licence": published.LICENCE,
            "cite": PAGE,
            "notes": list(self.notes),
        }


def fetch(
    out: Path,
    *,
    archive: Path | None = None,
    keep_archive: bool = False,
    api: str = published.API,
    today: str = "",
    progress: Progress = silent,
    tell: Tell = lambda sentence: None,
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
    progress
        Called with megabytes while a file is downloaded or verified, then with files unpacked.
    tell
        Told in a sentence why there is a pause.

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
    file = out / f"{NAME}.zip"
    if (found := already_there(out)) is not None:
        _tidy(file, keep_archive)  # a call may have been killed before its last step
        return found
    with workplace(out, NAME) as work:
        if archive is not None:
            contents = read_contents(archive)
            source = {"archive": archive.name, "bytes": archive.stat().st_size, "md5": _md5(archive, progress)}
            return _put(work, out / NAME, contents, source, today, progress)
        try:
            record = published_file(api, tell)
            is_there = _is_published(file, record, progress)
            was_there = is_there and not is_own(file)
            if not is_there:
                _check_room_for(file, record)
                download(record, file, work, progress, tell)
        except CannotDownload as error:
            error.remedy = "; ".join(filter(None, [error.remedy, _BY_HAND]))
            raise
        source = {"figshare_file": published.FILE, "bytes": record.size, "md5": record.md5}
        fetched = _put(work, out / NAME, read_contents(file), source, today, progress)
        _tidy(file, keep_archive)
    notes = list(fetched.notes)
    if was_there and not keep_archive:
        notes.append(f"{file} was there before and is kept; it is not needed any more")
    if record.licence not in ("", published.LICENCE):
        notes.append(f"figshare now names another licence than {published.LICENCE}: {record.licence}; see {PAGE}")
    return replace(fetched, notes=tuple(notes))


def _tidy(file: Path, keep_archive: bool) -> None:
    """Remove what is not needed any more: an archive that the user put there is not touched."""
    if is_own(file) and not keep_archive:
        file.unlink()
    forget(file)


def already_there(out: Path) -> Fetched | None:
    """Return what an earlier call has put into ``out``, or what the user has unpacked there; ``None`` if nothing.

    Raises
    ------
    OutputExists
        If something else stands there, or tiles are missing or too many.
    """
    folder = out / NAME
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    counts, source = _counts(folder) if folder.is_dir() else {}, _read_source(folder)
    expected = source.get("classes")
    if counts and counts in (expected, COUNTS):
        return Fetched(folder, counts, source, already_there=True, notes=difference(counts))
    n_expected = sum((expected if isinstance(expected, dict) else COUNTS).values())
    raise OutputExists(
        f"already exists and holds {count(sum(counts.values()), 'tile')}, expected were {n_expected:,}",
        where=folder,
        remedy="move it away, or choose another `out`",
    )


def _md5(file: Path, progress: Progress) -> str:
    import pooch

    size = megabytes(file.stat().st_size)
    progress("verifying (MB)", 0, size)
    md5 = pooch.file_hash(str(file), "md5")
    progress("verifying (MB)", size, size)
    return md5


def _is_published(file: Path, record: PublishedFile, progress: Progress) -> bool:
    """Whether the archive lies there already; another file of that name is the user's and stays."""
    if not file.exists():
        return False
    if file.is_file() and file.stat().st_size == record.size and _md5(file, progress) == record.md5:
        return True
    raise OutputExists(
        f"already exists and is not the published archive ({record.size:,} bytes, MD5 {record.md5})",
        where=file,
        remedy="move it away, or give it as `archive` to unpack it all the same",
    )


def _check_room_for(file: Path, record: PublishedFile) -> None:
    """Check that the rest of the archive has room, and its tiles; parts of other versions make room."""
    part = part_of(file, record.md5)
    for other in set(file.parent.glob(f"{file.name}.*partial*")) - {part}:
        other.unlink()
    come = part.stat().st_size if part.is_file() else 0
    check_room(file.parent, max(record.size - come, 0), round(record.size * _UNPACKED_PER_BYTE))


def _put(
    work: Path, target: Path, contents: Contents, source: Mapping[str, object], today: str, progress: Progress
) -> Fetched:
    """Unpack beside the final folder, add citation and licence, and give all of it its name in one step."""
    check_room(target.parent, 0, contents.disk_bytes)
    unpacked = work / "unpacked"
    with writing(target):
        unpacked.mkdir()
        unpack(contents, unpacked, progress=progress)
        folder = _data_folder(unpacked)
        counts = _counts(folder)
        if not set(counts) & set(COUNTS):
            found = ", ".join(list(counts)[:10]) or "no folders of images"
            expected = f"expected the folders {', '.join(COUNTS)} with tiles in them"
            raise BadArchive(f"{expected}, found {found}", where=contents.archive)
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


def _counts(folder: Path) -> dict[str, int]:
    try:
        return find_tiles([folder]).counts()
    except NoTilesFound:
        return {}


def _describe(folder: Path, counts: Mapping[str, int], source: Mapping[str, object], today: str) -> None:
    """Write citation, licence and source beside the tiles; a file of such a name in the archive stays."""
    verified = (
        "verified against figshare's record" if "figshare_file" in source else "not compared with figshare's record"
    )
    archive = "\n".join(f"{key}: {value}" for key, value in {**source, "fetched": today}.items() if value)
    document = {"name": NAME, **source, "classes": dict(counts), "fetched": today}
    texts = {
        "CITATION.txt": f"{published.CITATION}\nThe archive these tiles came from ({verified}):\n{archive}\n",
        "LICENSE.txt": published.LICENCE_TEXT,
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
