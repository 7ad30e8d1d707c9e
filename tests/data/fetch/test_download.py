"""Whatever the server does, a file has its final name only when it is whole and right, and no byte is asked twice."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPMessage
from pathlib import Path

import pooch
import pytest
from http_server import (
    Answer,
    FileServer,
    cut_after,
    html,
    nothing,
    redirecting,
    sending,
    serving,
    stall_after,
    whole,
    whole_cut_after,
)  # fmt: skip

from gastropath.data.fetch import web
from gastropath.data.fetch.download import download, forget, part_of
from gastropath.data.fetch.published import PublishedFile
from gastropath.data.fetch.web import asked_pause_seconds, read_document
from gastropath.errors import CannotDownload, CannotWrite

BODY = b"PK\x03\x04" + random.Random(1).randbytes(1_300_000)
MD5 = hashlib.md5(BODY).hexdigest()
PATH, MIRROR = "/archive", "/mirror"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as files:
        files.files = {PATH: BODY, MIRROR: BODY}
        yield files


@dataclass
class Attempted:
    """A download that is tried once a call, and what the user saw of it."""

    address: str
    folder: Path
    pauses: list[float]
    told: list[str] = field(default_factory=list)
    shown: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "data.zip"

    @property
    def part(self) -> Path:
        return part_of(self.file, MD5)

    def __call__(self, *addresses: str) -> bytes:
        """Download from these paths (or addresses) and expect the file, and nothing beside it but its second name."""
        asked = tuple(self.address + path if path.startswith("/") else path for path in addresses or (PATH,))
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        published = PublishedFile(asked, len(BODY), MD5)
        try:
            download(published, self.file, work, lambda *step: self.shown.append(step), self.told.append)
        finally:
            assert list(work.iterdir()) == []
            work.rmdir()
        assert set(names(self.folder)) <= {self.file.name, self.part.name}
        forget(self.file)
        assert names(self.folder) == [self.file.name]
        return self.file.read_bytes()

    def refused(self, *addresses: str, left: int = 0) -> str:
        """Expect an error, nothing under the final name, and so many bytes kept for the next call."""
        with pytest.raises(CannotDownload) as error:
            self(*addresses)
        assert names(self.folder) == ([self.part.name] if left else [])
        assert not left or self.part.read_bytes() == BODY[:left]
        return str(error.value)


@pytest.fixture
def attempt(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempted:
    (tmp_path / "out").mkdir()
    pauses: list[float] = []
    monkeypatch.setattr(web, "sleep", pauses.append)
    return Attempted(server.address, tmp_path / "out", pauses)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_arrives_whole_and_under_its_name_alone(attempt: Attempted, server: FileServer, capfd):
    assert attempt() == BODY
    assert attempt.shown[-3:] == [("downloading (MB)", 2, 2), ("verifying (MB)", 0, 2), ("verifying (MB)", 2, 2)]
    assert (attempt.pauses, attempt.told) == ([], [])
    assert server.asked[0][1]["User-Agent"].startswith("gastropath/")
    assert capfd.readouterr() == ("", "")


def rest_of(n_bytes: int, content_range: str | None, status: int = 206) -> Answer:
    return sending(BODY[n_bytes:], status, Content_Range=content_range)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([cut_after(5), cut_after(400_000), cut_after(0), cut_after(1), nothing],
         [0, 5, 400_005, 400_005, 400_006, 400_006]),
        ([cut_after(300_000), rest_of(300_001, "bytes 300001-1300003/1300004")], [0, 300_000, 0]),
        ([cut_after(300_000), rest_of(300_001, "bytes 0-1300003/1300004")], [0, 300_000, 0]),
        ([cut_after(300_000), rest_of(300_001, "bytes */1300004")], [0, 300_000, 0]),
        ([cut_after(300_000), rest_of(300_001, "kilometres 3-4/5")], [0, 300_000, 0]),
        ([cut_after(300_000), rest_of(300_001, None)], [0, 300_000, 0]),
        ([cut_after(300_000), sending(b"", 416, Content_Range="bytes */7")], [0, 300_000, 0]),
        ([cut_after(300_000), whole_cut_after(9), whole], [0, 300_000, 9]),
        ([cut_after(100), sending(BODY[100:200], 206, Content_Range=f"bytes 100-199/{len(BODY)}")], [0, 100, 200]),
        ([sending(BODY, Content_Length=None)], [0]),
        ([sending(BODY[:4] + bytes(9), Content_Length=len(BODY))], [0, 13, 0]),  # it changed meanwhile
        *[([sending(b"", status), cut_after(50), sending(b"", status)], [0, 0, 50, 50])
          for status in (408, 429, 500, 502, 503, 504)],
    ],
)  # fmt: skip
def test_every_trouble_ends_in_the_right_file_and_no_byte_is_asked_for_twice(
    attempt: Attempted, server: FileServer, answers: list[Answer], asked: list[int]
):
    server.next_answers(PATH, *answers)
    assert attempt() == BODY
    assert server.ranges(PATH) == [f"bytes={first}-" if first else None for first in asked]


def test_pauses_grow_and_begin_anew_with_every_byte_gained(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, *[nothing] * 4, cut_after(9), *[nothing] * 4)
    assert attempt() == BODY
    assert attempt.pauses == [1, 2, 4, 8, 1, 2, 4, 8, 16]
    assert "trying again in 8 s (4 of 5)" in attempt.told[3]


def test_a_server_that_sends_nothing_more_is_left_after_six_attempts_and_the_next_call_goes_on(
    attempt: Attempted, server: FileServer
):
    server.next_answers(PATH, cut_after(700_000))
    server.always[PATH] = nothing
    message = attempt.refused(left=700_000)
    assert len(server.asked) == 1 + 5  # the first got further, then five gave nothing: six failures with it
    assert "6 times in a row" in message
    assert "700,000 of 1,300,004 bytes are kept" in message
    server.always.clear()
    server.asked.clear()
    assert attempt() == BODY
    assert server.ranges(PATH) == ["bytes=700000-"]


def test_a_part_that_was_complete_when_the_process_died_is_verified_and_not_asked_for_again(
    attempt: Attempted, server: FileServer
):
    attempt.part.write_bytes(BODY)
    assert attempt() == BODY
    assert server.asked == []


@pytest.mark.parametrize("part", [BODY + b"more", bytes(300_000), bytes(len(BODY))], ids=["longer", "damaged", "other"])
def test_a_part_that_is_not_of_this_file_ends_in_the_right_file_all_the_same(attempt: Attempted, part: bytes):
    attempt.part.write_bytes(part)
    assert attempt() == BODY


def test_wrong_bytes_are_deleted_and_fetched_once_more_and_no_more(attempt: Attempted, server: FileServer):
    wrong = BODY[:-1] + b"?"
    server.next_answers(PATH, sending(wrong))
    assert attempt() == BODY
    assert "another MD5" in attempt.told[0]
    attempt.file.unlink()
    server.asked.clear()
    server.always[PATH] = sending(wrong)
    message = attempt.refused()
    assert server.ranges(PATH) == [None, None]
    for piece in (MD5, hashlib.md5(wrong).hexdigest(), "try another network"):
        assert piece in message


def test_a_server_that_ignores_range_and_always_breaks_at_one_byte_is_not_asked_for_ever(
    attempt: Attempted, server: FileServer
):
    server.always[PATH] = whole_cut_after(300_000)
    attempt.refused(left=300_000)
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("answer", "says", "n_asked"),
    [
        *[(sending(b"<p>no", status, Content_Type="text/html"), f"({status} ", 1) for status in (401, 403, 404, 410)],
        (sending(b"", 500), "500", 6),
        (sending(b"", 429, Retry_After=7200), "120 minutes", 1),
        (html, "an HTML page", 1),
        (sending(BODY, Content_Type="text/html"), "an HTML page", 1),
        (sending(b"<html>" + bytes(len(BODY) - 6), Content_Type="application/zip"), "expected a zip file", 1),
        (sending(b"\x1f\x8b" + BODY[2:], Content_Encoding="gzip"), "expected a zip file", 1),
        (sending(b"", 202, x_amzn_waf_action="challenge"), "202", 1),
        (sending(b'{"error": 1}', Content_Type="application/json"), "offers a file of 12 bytes", 1),
        (sending(BODY + b"more", Content_Length=None), "sends more than the 1,300,004 bytes", 1),
        (redirecting("file:///etc/hostname"), "is not allowed", 1),  # Python's own words
        (redirecting("gopher://127.0.0.1/"), "is not allowed", 1),
        (redirecting("ftp://127.0.0.1/archive"), "is not followed", 1),
        (redirecting(PATH), "302", 5),  # in a circle
    ],
)
def test_what_is_not_the_file_is_refused_in_words_and_not_kept(
    attempt: Attempted, server: FileServer, answer: Answer, says: str, n_asked: int
):
    server.always[PATH] = answer
    assert says in attempt.refused()
    assert len(server.asked) == n_asked


def test_a_page_in_place_of_the_rest_does_not_cost_what_was_there(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000), html)
    assert "an HTML page" in attempt.refused(left=300_000)
    server.next_answers(PATH, sending(b"", 200, Content_Length=len(BODY)))
    assert attempt() == BODY
    assert server.ranges(PATH)[-2:] == ["bytes=300000-"] * 2


def test_bytes_beyond_the_end_are_found_out_after_a_resumption_too(attempt: Attempted, server: FileServer):
    where = f"bytes 100-{len(BODY) - 1}/{len(BODY)}"
    more = sending(BODY[100:] + b"more", 206, Content_Range=where, Content_Length=None)
    server.next_answers(PATH, cut_after(100), more)
    assert "sends more than" in attempt.refused()


def test_a_connection_on_which_nothing_comes_is_given_up_and_taken_up_again(
    attempt: Attempted, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(web, "TIMEOUT_SECONDS", 0.3)
    server.next_answers(PATH, stall_after(200_000))
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, "bytes=200000-"]


def test_the_next_address_goes_on_where_one_refuses_and_all_that_refuse_are_named(
    attempt: Attempted, server: FileServer
):
    server.next_answers(PATH, cut_after(300_000), sending(b"", 403))
    assert attempt(PATH, MIRROR) == BODY
    assert server.ranges(MIRROR) == ["bytes=300000-"]
    attempt.file.unlink()
    server.always = {PATH: sending(b"", 403), MIRROR: html}
    message = attempt.refused(PATH, MIRROR)
    assert f"{PATH}: the server refuses (403 Forbidden)" in message
    assert f"{MIRROR}: answers with an HTML page" in message


def test_redirects_are_followed_afresh_at_each_attempt_and_a_signed_address_is_never_shown(
    attempt: Attempted, server: FileServer
):
    signed = f"{MIRROR}?Signature=secret"
    server.always[PATH] = redirecting(server.address + signed)
    server.files[signed] = BODY
    server.next_answers(signed, cut_after(300_000))
    assert attempt() == BODY
    assert server.ranges(signed) == server.ranges(PATH) == [None, "bytes=300000-"]
    attempt.file.unlink()
    del server.files[signed]
    assert "secret" not in attempt.refused() + "".join(attempt.told)


def test_a_redirect_from_https_to_http_is_not_followed():
    request = urllib.request.Request("https://figshare.example/file")
    with pytest.raises(CannotDownload, match=r"leads from https to http://elsewhere\.example/file, which is not"):
        web._SafeRedirects().redirect_request(
            request, io.BytesIO(), 302, "", HTTPMessage(), "http://elsewhere.example/file?key=1"
        )


def test_the_pause_is_the_one_the_server_asks_for(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, sending(b"", 429, Retry_After=77), sending(b"", 503, Retry_After=600))
    assert attempt() == BODY
    assert attempt.pauses == [77, 600]


@pytest.mark.parametrize(
    ("after", "at", "seconds"),
    [
        ("5", None, 5),
        ("Wed, 21 Oct 2026 07:29:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 90),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:29:00 GMT", 0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, None),
        ("soon", None, None),
        ("-3", None, None),
        ("9" * 500, None, 999_999_999),
        (None, None, None),
    ],
)
def test_retry_after_is_understood_or_left_aside(after: str | None, at: str | None, seconds: float | None):
    message = Message()
    for name, value in (("Retry-After", after), ("Date", at)):
        if value is not None:
            message[name] = value
    assert asked_pause_seconds(message) == seconds


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "archive.zip", ""])
def test_only_the_web_is_asked(attempt: Attempted, address: str):
    assert "expected an address that begins with https://" in attempt.refused(address)


def test_no_connection_at_all_is_an_error_after_six_attempts(attempt: Attempted):
    with serving() as gone:
        pass
    assert "no connection" in attempt.refused(gone.address)
    assert attempt.pauses == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("when", ["while it waits", "while pooch verifies"])
def test_an_interruption_keeps_what_has_come(
    attempt: Attempted, server: FileServer, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], when: str
):
    def interrupted(*_: object, **__: object) -> None:
        raise error

    if when == "while it waits":
        server.next_answers(PATH, cut_after(300_000))
        monkeypatch.setattr(web, "sleep", interrupted)
    else:
        monkeypatch.setattr(pooch.core, "hash_matches", interrupted)
    with pytest.raises(error):
        attempt()
    assert names(attempt.folder) == [attempt.part.name]
    assert attempt.part.read_bytes() == BODY[: 300_000 if when == "while it waits" else None]


def test_a_disk_without_hard_links_gets_the_file_too(attempt: Attempted, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert attempt() == BODY


def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(attempt: Attempted, monkeypatch: pytest.MonkeyPatch):
    class Full(io.FileIO):
        def write(self, chunk) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
            if self.tell():
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(chunk[:1000])

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda path, *_, **__: Full(path, "ab"))
        with pytest.raises(CannotWrite, match="the disk is full"):
            attempt()
    assert attempt.part.read_bytes() == BODY[:1000]
    assert attempt() == BODY


def test_a_small_document_is_read_through_the_same_troubles(attempt: Attempted, server: FileServer):
    server.files["/record"] = b'{"files": []}'
    server.next_answers("/record", sending(b"", 500), nothing, cut_after(3))
    assert read_document(f"{server.address}/record", attempt.told.append) == {"files": []}
    assert len(attempt.told) == 3


@pytest.mark.parametrize("answer", [html, sending(b"{"), sending(b"\xff\xfe"), sending(b"[" + b" " * 5_000_000 + b"]")])
def test_what_is_no_small_document_is_refused(attempt: Attempted, server: FileServer, answer: Answer):
    server.always["/record"] = answer
    with pytest.raises(CannotDownload, match="expected a JSON document"):
        read_document(f"{server.address}/record", attempt.told.append)
