"""``gastropath fetch``, against a server on this computer: the data set is there whole, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from http_server import Answer, FileServer, cut_after, html, sending, serving, stall_after, whole

from gastropath.data.fetch import dataset as fetch_module
from gastropath.data.fetch import published, web, workplace
from gastropath.data.fetch.dataset import Fetched, already_there, fetch
from gastropath.data.fetch.download import part_of
from gastropath.data.fetch.published import ARTICLE, COUNTS, FILE, PublishedFile, published_file
from gastropath.data.index import find_tiles
from gastropath.errors import BadArchive, CannotDownload, CannotWrite, OutputExists

RECORD, DIRECT, BROWSER = f"/v2/articles/{ARTICLE}", f"/v2/file/download/{FILE}", f"/files/{FILE}"
TILES = "HMU-GC-HE-30K/all_image"
BESIDE = ["CITATION.txt", "LICENSE.txt", "all_image", "source.json"]


def archive_of(counts: dict[str, int], *, prefix: str = TILES + "/") -> bytes:
    """The data set's archive with fewer and smaller tiles; whether they are pictures is found out later."""
    rng, file = random.Random(7), io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for code, n in counts.items():
            for i in range(1, n + 1):
                archive.writestr(f"{prefix}{code}/{code}_{i}.png", rng.randbytes(20_000))
    return file.getvalue()


SMALL = dict.fromkeys(COUNTS, 2)
ARCHIVE = archive_of(SMALL)
MD5 = hashlib.md5(ARCHIVE).hexdigest()


def record(**changes: object) -> bytes:
    entry = {"id": FILE, "name": "HMU-GC-HE-30K.zip", "size": len(ARCHIVE), "computed_md5": MD5, "supplied_md5": MD5}
    other = {"id": 1, "name": "readme.txt", "size": 5, "computed_md5": "0" * 32, "download_url": "http://127.0.0.1/1"}
    article = {"id": ARTICLE, "license": {"name": "CC BY 4.0"}, "files": [other, {**entry, **changes}]}
    return json.dumps(article).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as files:
        files.files = {
            RECORD: record(download_url=files.address + BROWSER),
            DIRECT: ARCHIVE,
            BROWSER: ARCHIVE,
        }
        yield files


@pytest.fixture
def fetched(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fetched]:
    monkeypatch.setattr(web, "sleep", lambda _: None)
    return lambda **options: fetch(tmp_path / "out", api=server.address, **options)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def test_the_tiles_arrive_with_citation_licence_and_source_beside_them(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path
):
    result = fetched(today="2026-11-24")
    out = tmp_path / "out"
    assert result.counts == SMALL
    assert names(out) == ["HMU-GC-HE-30K"]
    assert names(result.folder) == BESIDE
    assert find_tiles([out]).counts() == SMALL
    citation = (result.folder / "CITATION.txt").read_text("utf-8")
    for piece in ("Lou", "Scientific Data", "10.6084/m9.figshare.25954813", str(FILE), MD5, "2026-11-24"):
        assert piece in citation
    assert "CC BY 4.0" in (result.folder / "LICENSE.txt").read_text("utf-8")
    source = json.loads((result.folder / "source.json").read_text("utf-8"))
    assert (source["md5"], source["bytes"], source["figshare_file"]) == (MD5, len(ARCHIVE), FILE)
    assert [path for path, _ in server.asked] == [RECORD, DIRECT]


def test_another_number_of_tiles_than_published_is_a_note(
    fetched: Callable[..., Fetched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert dict.fromkeys(["ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM"], 3887) == COUNTS
    (note,) = fetched().notes
    assert "published are 31,096 tiles, 3,887 in each of 8 classes; here are 16 (ADI 2, " in note
    (tmp_path / "out").rename(tmp_path / "other")
    monkeypatch.setattr(published, "COUNTS", SMALL)
    assert fetched().notes == ()


def test_the_second_time_nothing_is_asked_for_and_nothing_changes(fetched: Callable[..., Fetched], server: FileServer):
    first = fetched()
    before = {file: file.stat().st_mtime_ns for file in first.folder.rglob("*")}
    server.asked.clear()
    again = fetched()
    assert again.already_there
    assert (again.folder, again.counts, again.source["md5"]) == (first.folder, first.counts, MD5)
    assert server.asked == []
    assert {file: file.stat().st_mtime_ns for file in first.folder.rglob("*")} == before


def test_tiles_a_user_has_unpacked_there_count_as_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for code in COUNTS:
        (tmp_path / TILES / code).mkdir(parents=True)
        (tmp_path / TILES / code / "1.png").touch()
    with pytest.raises(OutputExists, match=r"holds 8 tiles, expected were 31,096"):
        already_there(tmp_path)
    monkeypatch.setattr(fetch_module, "COUNTS", dict.fromkeys(COUNTS, 1))
    found = already_there(tmp_path)
    assert found is not None
    assert found.already_there


def test_a_lost_tile_is_noticed_and_nothing_is_overwritten(fetched: Callable[..., Fetched]):
    folder = fetched().folder
    (folder / "all_image/TUM/TUM_1.png").unlink()
    with pytest.raises(OutputExists, match=r"holds 15 tiles, expected were 16"):
        fetched()
    assert (folder / "all_image/TUM/TUM_2.png").is_file()


def test_other_content_of_the_folder_stays(fetched: Callable[..., Fetched], tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "CITATION.txt").write_text("mine")
    (tmp_path / "out" / "HMU-GC-HE-30K").mkdir()  # empty: nothing to lose
    fetched()
    assert names(tmp_path / "out") == ["CITATION.txt", "HMU-GC-HE-30K"]
    assert (tmp_path / "out" / "CITATION.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("mine"), lambda path: (path / "notes").mkdir(parents=True)]
)
def test_something_else_under_the_final_name_is_refused_before_a_byte_is_asked_for(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, make: Callable
):
    (tmp_path / "out").mkdir()
    make(tmp_path / "out" / "HMU-GC-HE-30K")
    with pytest.raises(OutputExists, match="move it away, or choose another out"):
        fetched()
    assert server.asked == []


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("was_there", [True, False])
def test_the_archive_stays_when_asked_or_when_it_was_there_before(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, keep: bool, was_there: bool
):
    file = tmp_path / "out" / "HMU-GC-HE-30K.zip"
    if was_there:
        file.parent.mkdir()
        file.write_bytes(ARCHIVE)
        part_of(file, MD5).write_bytes(ARCHIVE)  # of a call that was killed just then
    result = fetched(keep_archive=keep)
    assert names(tmp_path / "out") == ["HMU-GC-HE-30K", *([file.name] if keep or was_there else [])]
    assert not file.exists() or file.read_bytes() == ARCHIVE
    assert (DIRECT in [path for path, _ in server.asked]) is not was_there
    assert any("was there before and is kept" in note for note in result.notes) is (was_there and not keep)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("unpacked", [True, False])
def test_an_archive_of_a_call_that_was_killed_when_it_had_come_is_known_as_its_own(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, keep: bool, unpacked: bool
):
    file = tmp_path / "out" / "HMU-GC-HE-30K.zip"
    if unpacked:
        fetched(keep_archive=True)
    else:
        file.parent.mkdir()
        file.write_bytes(ARCHIVE)
    os.link(file, part_of(file, MD5))
    server.asked.clear()
    assert fetched(keep_archive=keep).counts == SMALL
    assert names(tmp_path / "out") == ["HMU-GC-HE-30K", *([file.name] if keep else [])]
    assert DIRECT not in [path for path, _ in server.asked]


def test_a_part_of_another_version_is_removed_and_not_continued(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path
):
    (tmp_path / "out").mkdir()
    part_of(tmp_path / "out" / "HMU-GC-HE-30K.zip", "0" * 32).write_bytes(ARCHIVE[:100])
    assert fetched().counts == SMALL
    assert server.ranges(DIRECT) == [None]
    assert names(tmp_path / "out") == ["HMU-GC-HE-30K"]


def test_another_file_of_that_name_is_never_overwritten(fetched: Callable[..., Fetched], tmp_path: Path):
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "HMU-GC-HE-30K.zip"
    mine.write_bytes(ARCHIVE[:-1] + b"?")
    with pytest.raises(OutputExists, match="is not the published archive"):
        fetched()
    assert mine.read_bytes() == ARCHIVE[:-1] + b"?"
    assert names(tmp_path / "out") == ["HMU-GC-HE-30K.zip"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (sending(b"", 403), "refuses (403"),
        (sending(b"", 500), "500"),
        (sending(b"", 429, Retry_After=9999), "asks to come back in 167 minutes"),
        (html, "an HTML page"),
        (sending(ARCHIVE[:-1] + b"?"), "does not match"),
        (sending(ARCHIVE + b"?", Content_Length=None), "sends more than"),
    ],
)
def test_no_failure_leaves_anything_under_a_final_name(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, answer: Answer, says: str
):
    server.always = {DIRECT: answer, BROWSER: answer}
    with pytest.raises(CannotDownload) as error:
        fetched()
    assert says in str(error.value)
    assert "download it in a browser" in str(error.value)
    assert "give that file as archive" in str(error.value)
    assert names(tmp_path) == []


def test_every_trouble_at_once_ends_in_the_right_tiles(fetched: Callable[..., Fetched], server: FileServer):
    server.next_answers(RECORD, sending(b"", 500), cut_after(20), sending(b"", 429, Retry_After=1))
    server.next_answers(DIRECT, cut_after(1000), sending(b"", 503), cut_after(50_000), sending(b"", 403))
    server.next_answers(BROWSER, cut_after(100_000), sending(b"", 416), whole, sending(b"x", 500), cut_after(9))
    assert fetched().counts == SMALL


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "found no files"),
        (b'{"files": null}', "found no files"),
        (b'{"files": [{"id": 5, "name": "new.zip"}]}', r"found new\.zip \(5\); the record was changed"),
        (record(size="big"), "expected a size"),
        (record(size=-1), "expected a size"),
        (record(size=10**12), "expected a size"),
        (record(computed_md5=None, supplied_md5=None), "expected an MD5"),
        (record(computed_md5="../../etc/passwd"), "expected an MD5"),
        (b"<html>", "expected a JSON document"),
    ],
)
def test_a_record_without_what_is_needed_is_refused_with_advice(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, body: bytes, says: str
):
    server.files[RECORD] = body
    with pytest.raises(CannotDownload, match=says) as error:
        fetched()
    assert "give that file as archive" in str(error.value)
    assert [path for path, _ in server.asked] == [RECORD]
    assert names(tmp_path) == []


def test_the_md5_that_figshare_computed_counts_and_no_unsafe_address_of_a_safe_record(monkeypatch: pytest.MonkeyPatch):
    def read(**changes: object) -> PublishedFile:
        entry = {"download_url": "http://figshare.example/files/1", **changes}
        monkeypatch.setattr(published, "read_document", lambda *_: json.loads(record(**entry)))
        return published_file("https://api.example/", print)

    assert read(computed_md5=MD5.upper(), supplied_md5="0" * 32).md5 == MD5
    assert read(computed_md5="", supplied_md5=MD5).md5 == MD5
    assert read().addresses == (f"https://api.example{DIRECT}",)


def test_another_licence_than_the_one_written_beside_the_tiles_is_told(
    fetched: Callable[..., Fetched], server: FileServer
):
    server.files[RECORD] = record().replace(b"CC BY 4.0", b"CC BY-NC 4.0")
    assert "another licence than CC BY 4.0: CC BY-NC 4.0" in fetched().notes[-1]


def test_room_is_asked_for_before_a_byte_is_downloaded_and_not_twice_for_what_has_come(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    free, for_tiles = [len(ARCHIVE)], round(1.1 * len(ARCHIVE))
    monkeypatch.setattr(workplace.shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0] + for_tiles - 1))
    with pytest.raises(CannotWrite, match=r"0\.7 MB are needed \(0\.3 MB to download and 0\.4 MB for the tiles\)"):
        fetched()
    assert [path for path, _ in server.asked] == [RECORD]
    assert names(tmp_path) == []
    free[0] += 1
    server.next_answers(DIRECT, cut_after(200_000), sending(b"", 403))
    server.next_answers(BROWSER, sending(b"", 403))
    with pytest.raises(CannotDownload, match=r"200,000 of .* bytes are kept"):
        fetched()
    free[0] -= 200_000
    assert fetched().counts == SMALL
    assert server.ranges(DIRECT)[-1] == "bytes=200000-"


@pytest.mark.parametrize(
    "prefix", ["HMU-GC-HE-30K/all_image/", "archive/HMU-GC-HE-30K/all_image/", "all_image/", "", "a/b/all_image/"]
)
def test_an_archive_downloaded_before_needs_no_network_and_is_left_as_it_is(tmp_path: Path, prefix: str):
    given = tmp_path / "archive.zip"
    given.write_bytes(archive_of(SMALL, prefix=prefix))
    before = (given.read_bytes(), given.stat().st_mtime_ns)
    result = fetch(tmp_path / "out", archive=given, api="http://127.0.0.1:9")
    assert find_tiles([tmp_path / "out"]).counts() == result.counts == SMALL
    assert result.source == {
        "archive": "archive.zip", "bytes": len(before[0]), "md5": hashlib.md5(before[0]).hexdigest()
    }  # fmt: skip
    assert "not compared with figshare's record" in (result.folder / "CITATION.txt").read_text("utf-8")
    assert names(tmp_path / "out") == ["HMU-GC-HE-30K"]
    assert (tmp_path / "out" / TILES / "TUM" / "TUM_1.png").is_file() or "HMU" not in prefix  # where the guide says
    assert (given.read_bytes(), given.stat().st_mtime_ns) == before


def test_a_licence_file_of_the_archive_itself_stays(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"{TILES}/TUM/TUM_1.png", b"1")
        archive.writestr("HMU-GC-HE-30K/LICENSE.txt", b"theirs")
    folder = fetch(tmp_path / "out", archive=tmp_path / "a.zip").folder
    assert (folder / "LICENSE.txt").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda file: None, "there is no such file"),
        (lambda file: file.write_bytes(ARCHIVE[:-40]), "is not a complete zip archive"),
        (lambda file: file.write_bytes(b"<html>"), "looks like a web page"),
        (
            lambda file: file.write_bytes(archive_of({"cat": 2, "dog": 2})),
            "expected the folders ADI, .* found cat, dog",
        ),
        (lambda file: file.write_bytes(archive_of({})), "found no folders of images"),
        (lambda file: file.write_bytes(archive_of(SMALL, prefix="../")), "leads elsewhere"),
        (lambda file: file.write_bytes(ARCHIVE.replace(ARCHIVE[9000:9010], b"..........")), "download it again"),
    ],
)
def test_a_bad_archive_leaves_nothing(tmp_path: Path, make: Callable, says: str):
    make(tmp_path / "a.zip")
    given = names(tmp_path)
    with pytest.raises(BadArchive, match=says):
        fetch(tmp_path / "out", archive=tmp_path / "a.zip")
    assert names(tmp_path) == given


def test_too_little_room_to_unpack_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.zip").write_bytes(ARCHIVE)
    monkeypatch.setattr(workplace.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(CannotWrite, match=r"0\.3 MB are needed for the tiles, 0\.0 MB are free"):
        fetch(tmp_path / "out", archive=tmp_path / "a.zip")
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_while_unpacking_leaves_nothing_half_unpacked(
    fetched: Callable[..., Fetched], server: FileServer, tmp_path: Path, error: type[BaseException]
):
    def interrupt(what: str, done: int, total: int) -> None:
        if what == "unpacking files" and done == 5:
            assert (tmp_path / "out" / ".partial-HMU-GC-HE-30K").is_dir()
            raise error

    with pytest.raises(error):
        fetched(progress=interrupt)
    archive = tmp_path / "out" / "HMU-GC-HE-30K.zip"
    assert names(tmp_path / "out") == [archive.name, part_of(archive, MD5).name]
    server.asked.clear()
    assert fetched().counts == SMALL
    assert [path for path, _ in server.asked] == [RECORD]  # the archive had come, and is not asked for again


def test_a_second_call_at_the_same_time_is_refused(fetched: Callable[..., Fetched], tmp_path: Path):
    with workplace.workplace(tmp_path / "out", "HMU-GC-HE-30K") as partial:
        with pytest.raises(CannotWrite, match="another download is running"):
            fetched()
        assert partial.is_dir()
    assert fetched().counts == SMALL


def command(server: FileServer, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "gastropath", "fetch", "--out", str(out), "--api", server.address, *options]


def run(server: FileServer, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(server, out, *options), capture_output=True, text=True, timeout=120)


def ends(process: subprocess.Popen[str], server: FileServer, out: Path, n_bytes: int, how: int) -> str:
    """Send the signal when so many bytes have come, and return what the process said."""
    partial = part_of(out / "HMU-GC-HE-30K.zip", MD5)
    while not (partial.is_file() and partial.stat().st_size == n_bytes):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(how)
    return process.communicate(timeout=60)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_process_killed_or_interrupted_goes_on_at_its_last_byte(server: FileServer, tmp_path: Path):
    out, at = tmp_path / "out", (100_000, 250_000)
    server.next_answers(DIRECT, stall_after(at[0]), stall_after(at[1] - at[0]))
    for n_bytes, how in zip(at, (signal.SIGKILL, signal.SIGINT), strict=True):
        process = subprocess.Popen(command(server, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = ends(process, server, out, n_bytes, how)
        assert part_of(out / "HMU-GC-HE-30K.zip", MD5).stat().st_size == n_bytes
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert "run the same command again to resume" in said
            assert "Traceback" not in said
    (out / ".partial-HMU-GC-HE-30K" / "unpacked").mkdir(parents=True)  # what a kill while unpacking leaves
    assert run(server, out).returncode == 0
    assert server.ranges(DIRECT) == [None, "bytes=100000-", "bytes=250000-"]
    assert find_tiles([out]).counts() == SMALL
    assert names(out) == ["HMU-GC-HE-30K"]


def test_the_command_says_what_is_there_and_what_to_do_next(server: FileServer, tmp_path: Path):
    done = run(server, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'out' / 'HMU-GC-HE-30K'} is complete: 16 tiles" in done.stdout
    assert f"MD5 of the archive: {MD5}, as published" in done.stdout
    assert f"gastropath audit {tmp_path / 'out'}" in done.stdout
    assert "downloading (MB): 1 of 1" in done.stderr
    assert "note: published are 31,096 tiles" in done.stderr
    again = run(server, tmp_path / "out")
    assert again.returncode == 0
    assert "was there already, nothing was downloaded" in again.stdout


def test_json_is_one_document_and_nothing_else(server: FileServer, tmp_path: Path):
    document = json.loads(run(server, tmp_path / "out", "--json").stdout)
    assert (document["tiles"], document["classes"], document["source"]["md5"]) == (16, SMALL, MD5)
    assert (document["already_there"], document["tiles_as_published"]) == (False, False)


def test_an_error_is_one_line_with_advice_and_status_1(server: FileServer, tmp_path: Path):
    server.always = {DIRECT: sending(b"", 403), BROWSER: html}
    done = run(server, tmp_path / "out")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for piece in ("403", "HTML page", "download it in a browser", "give that file as --archive"):
        assert piece in line
    assert os.listdir(tmp_path) == []
