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

from gastropath.errors import BadArchive
from gastropath.outputs import writing
from gastropath.progress import Progress, silent

_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 4096
_SYMBOLIC_LINK_OF_WINDOWS = 0x400
_ENCRYPTED = 0x1 | 0x40 | 0x2000

_DEBRIS = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini"})
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
    file_bytes
        Of one file, unpacked.
    total_bytes
        Of all files, unpacked.
    ratio
        Unpacked to packed bytes of one file; files under a megabyte may be packed more tightly.
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
    """What will be unpacked of an archive, every entry checked.

    Attributes
    ----------
    archive
        The zip file.
    files
        Entry and path of each file, the path relative and safe on every system.
    limits
        What it was checked against.
    left_out
        Number of entries that macOS or Windows added and nobody needs.
    """

    archive: Path
    files: tuple[tuple[zipfile.ZipInfo, str], ...]
    limits: Limits
    left_out: int

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
        raise BadArchive(f"{archive}: there is no such file")
    with _understood(archive), zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
    if len(infos) > limits.entries:
        raise BadArchive(f"{archive}: holds {len(infos):,} entries, at most {limits.entries:,} are unpacked")
    places = _Places()
    files: list[tuple[zipfile.ZipInfo, str]] = []
    for info in infos:
        path = entry_path(info.orig_filename, limits.depth)
        if path is None:
            raise _bad(archive, info, "has a name that leads elsewhere or cannot exist on every system")
        _check_entry(archive, info, limits)
        if _is_debris(path):
            continue
        if not places.take(path, is_folder=info.is_dir()):
            raise _bad(archive, info, "is there twice, or differs from another name only in small and capital letters")
        if not info.is_dir():
            files.append((info, path))
    unpacked, packed = (sum(getattr(info, size) for info in infos) for size in ("file_size", "compress_size"))
    if unpacked > limits.total_bytes:
        raise BadArchive(f"{archive}: unpacks to {unpacked:,} bytes, at most {limits.total_bytes:,} are unpacked")
    if packed > archive.stat().st_size:
        raise BadArchive(f"{archive}: its entries overlap, as they do in archives made to fill a disk")
    left_out = sum(not info.is_dir() for info in infos) - len(files)
    return Contents(archive, tuple(files), limits, left_out)


def unpack(contents: Contents, folder: Path, *, progress: Progress = silent) -> None:
    """Unpack into an empty folder. After an error, what has been written stays for the caller to remove.

    Raises
    ------
    BadArchive
        If an entry is damaged or longer than it says.
    CannotWrite
        If the disk is full or the folder cannot be written to.
    """
    budget, done = contents.limits.total_bytes, 0
    with writing(folder), _opened(contents.archive) as opened:
        for info, path in contents.files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            budget -= _unpack_one(contents.archive, opened, info, target, budget)
            done += 1
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


def _is_debris(path: str) -> bool:
    parts = path.casefold().split("/")
    return any(part in _DEBRIS for part in parts) or parts[-1].startswith("._")


class _Places:
    """Which paths are taken, on a disk that tells neither capitals nor ways to write an accent apart."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._files: set[str] = set()

    def take(self, path: str, *, is_folder: bool) -> bool:
        """Take a path and the folders above it; false where something else is in the way."""
        parts = path.split("/")
        above = len(parts) if is_folder else len(parts) - 1
        for depth in range(1, above + 1):
            folder = "/".join(parts[:depth])
            key = _key(folder)
            if key in self._files or self._folders.setdefault(key, folder) != folder:
                return False
        if is_folder:
            return True
        key = _key(path)
        if key in self._files or key in self._folders:
            return False
        self._files.add(key)
        return True


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
        raise _bad(archive, info, f"is packed by method {info.compress_type}; pack it again as an ordinary zip file")
    if info.file_size > limits.file_bytes:
        raise _bad(archive, info, f"unpacks to {info.file_size:,} bytes, at most {limits.file_bytes:,} are unpacked")
    if info.file_size > max(limits.ratio * info.compress_size, 1_000_000):
        raise _bad(archive, info, f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}, as a bomb does")


def _unpack_one(archive: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: int) -> int:
    """Write one file and return its bytes, counted as they come."""
    written = 0
    with _understood(archive):
        source = opened.open(info)
    with source, target.open("xb") as file:
        while True:
            with _understood(archive):
                chunk = source.read(_CHUNK_BYTES)
            if not chunk:
                break
            written += len(chunk)
            if written > min(info.file_size, budget):
                raise _bad(archive, info, "is longer than the archive says")
            file.write(chunk)
    if written != info.file_size:
        raise _bad(archive, info, f"ends after {written:,} of {info.file_size:,} bytes")
    return written


def _bad(archive: Path, info: zipfile.ZipInfo, what: str) -> BadArchive:
    return BadArchive(f"{archive}: nothing was unpacked, for its entry {info.orig_filename[:200]!r} {what}")


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    with _understood(archive):
        opened = zipfile.ZipFile(archive)
    with opened:
        yield opened


@contextmanager
def _understood(archive: Path) -> Iterator[None]:
    """Turn all that goes wrong while an archive is read into one sentence; nothing is written inside this block."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place before the start of the file
            raise BadArchive(f"{archive}: is damaged; download it again") from error
        raise BadArchive(f"{archive}: cannot be read ({error.strerror})") from error
    except (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
        OverflowError,
    ) as error:  # fmt: skip
        page = ", and looks like a web page" if _begins_with(archive, b"<") else ""
        raise BadArchive(f"{archive}: is no whole zip archive{page} ({error}); download it again") from error


def _begins_with(file: Path, signature: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(64).lstrip().startswith(signature)
