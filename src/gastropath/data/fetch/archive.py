"""Zip archives that others made, unpacked without trusting a word of what they say about themselves."""

from __future__ import annotations

import errno
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gastropath.debris import is_debris
from gastropath.errors import BadArchive
from gastropath.outputs import writing
from gastropath.progress import Progress, silent

_BLOCK_BYTES = 4096
_SMALL_BYTES, _SMALL_TOTAL_BYTES = 65_536, 1_000_000
_SYMBOLIC_LINK_OF_WINDOWS = 0x400
_ENCRYPTED = 0x1 | 0x40 | 0x2000

_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)
"""Names that are devices on Windows, with any suffix."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most; the data set has 31,096 files of at most 0.2 MB, 3.3 GB together.

    Attributes
    ----------
    entries
        Files and folders.
    file_bytes, total_bytes
        Of one file and of all, unpacked.
    ratio
        Unpacked to packed bytes of one file, and of all together; very small files may be packed more tightly.
    depth
        Folders above a file.
    """

    entries: int = 250_000
    file_bytes: int = 200_000_000
    total_bytes: int = 20_000_000_000
    ratio: int = 100
    depth: int = 16


@dataclass(frozen=True)
class Contents:
    """What will be unpacked of an archive: entry and path of each file, every entry checked.

    Paths are relative and safe on every system. What macOS and Windows add to archives is left out.
    """

    archive: Path
    files: tuple[tuple[zipfile.ZipInfo, str], ...]

    @property
    def disk_bytes(self) -> int:
        """Room that the files take on a disk, in whole blocks."""
        return sum(-(-info.file_size // _BLOCK_BYTES) * _BLOCK_BYTES for info, _ in self.files)


def read_contents(archive: Path, limits: Limits = Limits()) -> Contents:
    """List what an archive holds, and refuse it whole if any entry is not what a data set needs.

    Raises
    ------
    BadArchive
        If it is missing or no complete zip file; if an entry leads outside, is a link or a device, is encrypted or
        packed in an uncommon way, is there twice or as file and folder, or goes beyond ``limits``.
    """
    if not archive.is_file():
        raise BadArchive("there is no such file", where=archive)
    with _understood(archive), zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
    if len(infos) > limits.entries:
        raise BadArchive(f"holds {len(infos):,} entries, at most {limits.entries:,} are unpacked", where=archive)
    taken: dict[str, str] = {}
    files: list[tuple[zipfile.ZipInfo, str]] = []
    for info in infos:
        path = entry_path(info.orig_filename, limits.depth)
        if path is None:
            raise _bad(archive, info, "has a name that leads elsewhere or cannot exist on every system")
        _check_entry(archive, info, limits)
        if any(map(is_debris, path.split("/"))):
            continue
        if not _take(taken, path, is_folder=info.is_dir()):
            raise _bad(archive, info, "appears twice, or differs from another name only in small and capital letters")
        if not info.is_dir():
            files.append((info, path))
    unpacked, packed = (sum(getattr(info, size) for info in infos) for size in ("file_size", "compress_size"))
    if unpacked > limits.total_bytes:
        what = f"unpacks to {unpacked:,} bytes, at most {limits.total_bytes:,} are unpacked"
        raise BadArchive(what, where=archive)
    if unpacked > max(limits.ratio * packed, _SMALL_TOTAL_BYTES):
        raise BadArchive(f"unpacks to {unpacked:,} bytes from {packed:,}, as a bomb does", where=archive)
    if packed > archive.stat().st_size:
        raise BadArchive("its entries overlap, as they do in archives made to fill a disk", where=archive)
    return Contents(archive, tuple(files))


def unpack(contents: Contents, folder: Path, *, progress: Progress = silent) -> None:
    """Unpack into an empty folder. After an error, what has been written stays for the caller to remove.

    Raises
    ------
    BadArchive
        If an entry is damaged, or not as long as it says.
    CannotWrite
        If the disk is full or the folder cannot be written to.
    """
    with _understood(contents.archive):
        opened = zipfile.ZipFile(contents.archive)
    with opened, writing(folder):
        for done, (info, path) in enumerate(contents.files, start=1):
            with _understood(contents.archive), opened.open(info) as source:
                data = source.read(info.file_size + 1)  # what it says is at most ``limits.file_bytes``
            if len(data) != info.file_size:
                raise _bad(contents.archive, info, f"is not as long as it says ({info.file_size:,} bytes)")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(data)
            progress("unpacking files", done, len(contents.files))


def entry_path(name: str, depth: int = Limits.depth) -> str | None:
    """Return the relative path, with ``/``, that an entry of this name is unpacked to; ``None`` if it must not be.

    Refused is what leads outside (absolute, drive letter, ``..``, backslash, NUL) and what some system cannot hold or
    takes for something else (devices and streams of Windows, control characters, trailing dots and spaces).

    Examples
    --------
    >>> entry_path("HMU-GC-HE-30K/all_image/TUM/TUM_1.png")
    'HMU-GC-HE-30K/all_image/TUM/TUM_1.png'
    >>> entry_path("../TUM_1.png") is None
    True
    """
    parts = name.removesuffix("/").split("/")
    if len(parts) > depth + 1:
        return None
    return "/".join(parts) if all(map(_is_plain, parts)) else None


def _is_plain(part: str) -> bool:
    return (
        part != ""
        and part[-1] not in ". "  # `.` and `..` among them
        and not re.search(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]', part)
        and len(part.encode("utf-8")) <= 255
        and part.partition(".")[0].rstrip().casefold() not in _RESERVED
    )


def _take(taken: dict[str, str], path: str, *, is_folder: bool) -> bool:
    """Take a path and the folders above it; false where something else is in the way.

    ``taken`` has what is taken by its name on a disk that tells neither capitals nor ways to write an accent apart.
    """
    parts = path.split("/")
    for depth in range(1, len(parts) + is_folder):
        folder = "/".join(parts[:depth])
        if taken.setdefault(_key(folder), f"{folder}/") != f"{folder}/":
            return False
    if is_folder:
        return True
    return _key(path) not in taken and taken.setdefault(_key(path), path) == path


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _check_entry(archive: Path, info: zipfile.ZipInfo, limits: Limits) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    expected = stat.S_IFDIR if info.is_dir() else stat.S_IFREG
    if kind not in (0, expected) or info.external_attr & _SYMBOLIC_LINK_OF_WINDOWS:
        raise _bad(archive, info, "is a link or a special file")
    if info.flag_bits & _ENCRYPTED:
        raise _bad(archive, info, "is encrypted; the published archive is not")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _bad(archive, info, f"is packed by method {info.compress_type}, not as ordinary zip files are")
    if info.file_size > limits.file_bytes:
        raise _bad(archive, info, f"unpacks to {info.file_size:,} bytes, at most {limits.file_bytes:,} are unpacked")
    if info.file_size > max(limits.ratio * info.compress_size, _SMALL_BYTES):
        raise _bad(archive, info, f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}, as a bomb does")


def _bad(archive: Path, info: zipfile.ZipInfo, what: str) -> BadArchive:
    return BadArchive(f"nothing was unpacked, for its entry {info.orig_filename[:200]!r} {what}", where=archive)


@contextmanager
def _understood(archive: Path) -> Iterator[None]:
    """Turn all that goes wrong while an archive is read into one sentence; nothing is written inside this block."""
    again = "download it again"
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place before the start of the file
            raise BadArchive("is damaged", where=archive, remedy=again) from error
        raise BadArchive(f"cannot be read ({error.strerror})", where=archive) from error
    except (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
        OverflowError,
    ) as error:  # fmt: skip
        with archive.open("rb") as file:
            page = ", and looks like a web page" if file.read(64).lstrip().startswith(b"<") else ""
        raise BadArchive(f"is not a complete zip archive{page} ({error})", where=archive, remedy=again) from error
