"""No archive, however it was made, writes outside its folder, fills the disk, or is unpacked by halves unnoticed."""

from __future__ import annotations

import errno
import random
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gastropath.data.fetch.archive import Limits, entry_path, read_contents, unpack
from gastropath.errors import BadArchive, CannotWrite

ANY = Limits()
TILE = "HMU-GC-HE-30K/all_image/TUM/TUM_1.png"


def zipped(file: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive; a name goes in exactly as given."""
    with zipfile.ZipFile(file, "w") as archive:
        for entry, data in entries:
            info = entry if isinstance(entry, zipfile.ZipInfo) else named(entry)
            archive.writestr(info, data, compress_type=method)
    return file


def named(name: str, *, mode: int | None = None, attributes: int = 0) -> zipfile.ZipInfo:
    if mode is None:
        mode = stat.S_IFDIR | 0o755 if name.endswith("/") else stat.S_IFREG | 0o644
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name  # the constructor would mend it
    info.external_attr = mode << 16 | attributes
    return info


def patched(file: Path, offset: int, value: bytes, *, local: int | None = None) -> Path:
    """Overwrite a field of the last entry in the central directory, and of its local header at ``local``."""
    data = bytearray(file.read_bytes())
    at = data.rfind(b"PK\x01\x02") + offset
    data[at : at + len(value)] = value
    if local is not None:
        at = data.rfind(b"PK\x03\x04") + local
        data[at : at + len(value)] = value
    file.write_bytes(data)
    return file


def unpacked(archive: Path, limits: Limits = ANY) -> dict[str, bytes]:
    folder = archive.parent / "unpacked"
    folder.mkdir()
    unpack(read_contents(archive, limits), folder)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refused(archive: Path, says: str, limits: Limits = ANY) -> None:
    """Expect that the archive is refused before anything is unpacked, and for this reason."""
    with pytest.raises(BadArchive) as error:
        read_contents(archive, limits)
    assert says in str(error.value)
    assert str(archive) in str(error.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_out_as_they_went_in_without_what_macos_and_windows_add(tmp_path: Path, method: int):
    files = {TILE: random.Random(1).randbytes(2_300_000), "a/ADI_1.png": b"", "Übersicht.txt": b"x"}
    debris = ["__MACOSX/._TUM_1.png", "a/.DS_Store", "a/._1.png", "a/Thumbs.db", "desktop.ini", "a/@eaDir/1.png"]
    entries = [*files.items(), ("a/", b""), *[(name, b"?") for name in debris]]
    assert unpacked(zipped(tmp_path / "a.zip", *entries, method=method)) == files


def test_progress_counts_files(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", ("a/", b""), ("a/1.png", b"1"), ("a/2.png", b"2"))
    steps: list[tuple[str, int, int]] = []
    unpack(read_contents(archive), tmp_path, progress=lambda *step: steps.append(step))
    assert steps == [("unpacking files", 1, 2), ("unpacking files", 2, 2)]


def test_modes_in_the_archive_are_not_taken_over(tmp_path: Path):
    zipped(tmp_path / "a.zip", (named("a/run.sh", mode=stat.S_IFREG | 0o6777), b"#!/bin/sh"))
    unpacked(tmp_path / "a.zip")
    assert (tmp_path / "unpacked/a/run.sh").stat().st_mode & 0o7111 == 0


HOSTILE = [
    "../TUM_1.png", "a/../../TUM_1.png", "a/..", "..", ".", "./a.png", "a/./b.png", "/etc/passwd", "//server/share/a",
    "a//b.png", "C:/a.png", "C:a.png", "c:\\a.png", "..\\a.png", "a\\..\\..\\b.png", "\\\\server\\share\\a",
    "a.png\x00.sh", "\x00", "a\nb.png", "a\x7f.png", "a.png:stream", "a*.png", "a?.png", 'a".png', "<a>.png", "a|b.png",
    "CON", "con.png", "a/NUL.txt", "aux", "COM1.png", "lpt9", "Lpt¹.txt", "CONIN$", "nul .png", "a./b.png", "a /b.png",
    "a.png.", "a.png ", "", "/", "a" * 256 + ".png", "é" * 128, "a/" * 17 + "b.png",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere_or_cannot_exist_everywhere_is_refused(tmp_path: Path, name: str):
    assert entry_path(name) is None
    if name:  # zipfile cannot write an entry without a name
        refused(zipped(tmp_path / "a.zip", (TILE, b"1"), (name, b"2")), "leads elsewhere or cannot exist")


def test_an_entry_without_a_name_is_refused(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", (TILE, b"1"), ("a", b"2"))
    data = archive.read_bytes()
    at = data.rfind(b"PK\x01\x02")
    extra = struct.pack("<HH", 0, 1)  # name of no bytes, one byte of extra field: the lengths still add up
    archive.write_bytes(data[: at + 28] + extra + data[at + 32 :])
    refused(archive, "leads elsewhere or cannot exist")


@pytest.mark.parametrize(
    "name", ["a b/c d.png", "Übersicht/🔬.png", "a..b/c...d.png", "console.png", ".hidden/a", "a" * 255]
)
def test_an_ordinary_name_is_taken_as_it_is(name: str):
    assert entry_path(name) == name


# Names made of what hostile names are made of, and of anything.
pieces = st.sampled_from(["..", ".", "", "/", "\\", "C:", "a", "A", "nul", " ", "\x00", "é", "~", "b.png"])
names = st.one_of(
    st.text(max_size=40),
    st.lists(pieces, max_size=8).map("/".join),
    st.text(st.sampled_from("./\\:aA\x00 "), max_size=12),
)


@given(names)
@example("a/../b")
@example("C:..")
def test_no_name_ever_leads_outside(name: str):
    path = entry_path(name)
    if path is None:
        return
    assert path == name.removesuffix("/")
    for flavour, base in ((PurePosixPath, "/base/folder"), (PureWindowsPath, "C:\\base\\folder")):
        inside = flavour(base) / path
        assert inside.is_relative_to(base)
        assert inside != flavour(base)
        assert ".." not in inside.parts
        assert len(inside.parts) == len(flavour(base).parts) + len(path.split("/"))


def encodable(name: str) -> bool:
    return name != "" and not any("\ud800" <= letter <= "\udfff" for letter in name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60, deadline=None)
@given(st.lists(names.filter(encodable), min_size=1, max_size=5))
@example(["../outside.txt"])
@example(["a", "a/b"])
@example(["a/b", "A/c"])
def test_no_archive_ever_writes_outside_or_over_a_file_of_its_own(entries: list[str]):
    with tempfile.TemporaryDirectory() as around:
        base = Path(around)
        (base / "b.png").write_bytes(b"mine")
        (base / "unpacked").mkdir()
        archive = base / "a.zip"
        zipped(archive, *[(name, b"" if name.endswith("/") else b"theirs") for name in entries])
        try:
            contents = read_contents(archive)
        except BadArchive:
            contents = None
        else:
            unpack(contents, base / "unpacked")
        written = [path for path in (base / "unpacked").rglob("*") if path.is_file()]
        assert sorted(path.name for path in base.iterdir()) == ["a.zip", "b.png", "unpacked"]
        assert (base / "b.png").read_bytes() == b"mine"
        assert len(written) == (len(contents.files) if contents else 0)


@pytest.mark.parametrize(
    "info",
    [
        named("link", mode=stat.S_IFLNK | 0o777),
        named("pipe", mode=stat.S_IFIFO | 0o644),
        named("device", mode=stat.S_IFCHR | 0o644),
        named("socket", mode=stat.S_IFSOCK | 0o644),
        named("folder without slash", mode=stat.S_IFDIR | 0o755),
        named("link/", mode=stat.S_IFLNK | 0o777),
        named("link of windows", mode=0, attributes=0x400),
    ],
    ids=lambda info: info.filename,
)
def test_links_and_special_files_are_refused(tmp_path: Path, info: zipfile.ZipInfo):
    refused(zipped(tmp_path / "a.zip", (TILE, b"1"), (info, b"/etc/passwd")), "is a link or a special file")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (TILE, TILE),
        (TILE, TILE.replace("TUM_1", "tum_1")),
        (TILE, TILE.replace("TUM/", "tum/").replace("_1", "_2")),
        ("a/b", "a/b/c.png"),
        ("a/b/c.png", "a/b"),
        ("a/b/", "a/b"),
        ("a/b", "A/B/"),
        ("straße.png", "STRASSE.png"),
        ("\u00e9.png", "e\u0301.png"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_for_one_place_are_refused(tmp_path: Path, first: str, second: str):
    refused(zipped(tmp_path / "a.zip", (first, b""), (second, b"")), "appears twice")


def test_the_same_folder_may_be_named_often(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", ("a/", b""), ("a/b/", b""), ("a/b/1.png", b"1"), ("a/2.png", b"2"))
    assert set(unpacked(archive)) == {"a/b/1.png", "a/2.png"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *[
            (
                lambda file, flag=flag: patched(zipped(file, (TILE, b"1")), 8, struct.pack("<H", flag), local=6),
                "encrypt",
            )
            for flag in (0x1, 0x41, 0x2001)
        ],
        (lambda file: zipped(file, (TILE, b"1" * 100), method=zipfile.ZIP_LZMA), "is packed by method 14"),
        (lambda file: zipped(file, (TILE, bytes(3_000_000)), method=zipfile.ZIP_DEFLATED), "as a bomb does"),
        (lambda file: patched(zipped(file, (TILE, bytes(100))), 20, struct.pack("<I", 10_000)), "overlap"),
        (lambda file: None, "there is no such file"),
        (lambda file: file.mkdir(), "there is no such file"),
        (lambda file: file.write_bytes(b"\n<!DOCTYPE html><p>Log in"), "looks like a web page"),
    ],
)
def test_what_is_not_an_ordinary_archive_is_refused(tmp_path: Path, make: Callable[[Path], object], says: str):
    make(tmp_path / "a.zip")
    refused(tmp_path / "a.zip", says)


def test_many_small_files_that_unpack_a_thousandfold_are_refused_by_their_sum(tmp_path: Path):
    refused(zipped(tmp_path / "a.zip", (TILE, bytes(900_000)), method=zipfile.ZIP_DEFLATED), "as a bomb does")
    small = [(f"a/{n}.png", bytes(60_000)) for n in range(40)]
    refused(zipped(tmp_path / "b.zip", *small, method=zipfile.ZIP_DEFLATED), "as a bomb does")


def test_limits_of_number_size_and_sum_hold(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", *[(f"a/{n}.png", bytes(1000)) for n in range(5)])
    refused(archive, "holds 5 entries, at most 4", Limits(entries=4))
    refused(archive, "unpacks to 1,000 bytes, at most 999", Limits(file_bytes=999))
    refused(archive, "unpacks to 5,000 bytes, at most 4,999", Limits(total_bytes=4999))
    assert len(unpacked(archive, Limits(entries=5, file_bytes=1000, total_bytes=5000))) == 5


@pytest.mark.parametrize("claims", [10, 60_000])
def test_nothing_is_written_of_a_file_that_is_not_as_long_as_it_claims(tmp_path: Path, claims: int):
    archive = zipped(tmp_path / "a.zip", (TILE, bytes(50_000)), method=zipfile.ZIP_DEFLATED)
    contents = read_contents(patched(archive, 24, struct.pack("<I", claims)))
    (tmp_path / "out").mkdir()
    with pytest.raises(BadArchive, match=r"download it again|not as long as it says"):
        unpack(contents, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_bytes_are_counted_and_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = zipped(tmp_path / "a.zip", (TILE, bytes(1000)))
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda _, n: bytes(1200)[:n])
    with pytest.raises(BadArchive, match="not as long as it says"):
        unpacked(archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_byte_is_noticed(tmp_path: Path, method: int):
    data = bytes(range(256)) * 40
    archive = zipped(tmp_path / "a.zip", (TILE, data), method=method)
    damaged = bytearray(archive.read_bytes())
    damaged[30 + len(TILE) + 40] ^= 0xFF
    archive.write_bytes(damaged)
    with pytest.raises(BadArchive, match="download it again"):
        unpacked(archive)


@pytest.mark.parametrize("keep", [0, 3, 30, 500, -1, -30])
def test_a_truncated_archive_is_refused(tmp_path: Path, keep: int):
    archive = zipped(tmp_path / "a.zip", *[(f"a/{n}.png", bytes(100)) for n in range(9)])
    archive.write_bytes(archive.read_bytes()[:keep])
    refused(archive, "is not a complete zip archive")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_garbled_archive_is_refused_in_one_sentence_or_unpacked_within_its_folder(data: st.DataObject):
    with tempfile.TemporaryDirectory() as around:
        base = Path(around)
        archive = zipped(base / "a.zip", ("a/1.png", b"1" * 50), ("a/2.png", b"2" * 50), method=zipfile.ZIP_DEFLATED)
        garbled = bytearray(archive.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            garbled[data.draw(st.integers(0, len(garbled) - 1))] = data.draw(st.integers(0, 255))
        archive.write_bytes(garbled)
        (base / "out").mkdir()
        with suppress(BadArchive):  # any other error fails
            unpack(read_contents(archive), base / "out")
        assert sorted(path.name for path in base.iterdir()) == ["a.zip", "out"]


def test_a_full_disk_is_not_taken_for_a_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = zipped(tmp_path / "a.zip", (TILE, b"1"))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(CannotWrite, match="the disk is full"):
        unpacked(archive)


def test_the_room_on_the_disk_is_counted_in_blocks(tmp_path: Path):
    contents = read_contents(zipped(tmp_path / "a.zip", ("a", b"1"), ("b", bytes(4097)), ("c", b"")))
    assert contents.disk_bytes == 3 * 4096
