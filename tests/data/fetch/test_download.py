"""Whatever the server does, a file has its final name only when it is whole and right, and no byte is asked twice."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPMessage
from pathlib import Path

import pytest
from http_server import (
    FileServer,
    Handler,
    cut_after,
    honest,
    html,
    nothing,
    redirecting,
    sending,
    serving,
    stall_after,
    whole,
    whole_cut_after,
)

from gastropath.data.fetch import web
from gastropath.data.fetch.download import PartialFile, download, part_of, resumable_bytes
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

    server: FileServer
    file: Path
    pauses: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    shown: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, *paths: str, size: int = len(BODY), md5: str = MD5, timeout_seconds: float = 20) -> bytes:
        download(
            [self.server.address + path for path in paths or (PATH,)],
            self.file,
            size=size,
            md5=md5,
            begins_with=b"PK\x03\x04",
            sleep=self.pauses.append,
            progress=lambda *step: self.shown.append(step),
            tell=self.told.append,
            timeout_seconds=timeout_seconds,
        )
        assert names(self.file.parent) == [self.file.name]
        return self.file.read_bytes()

    def refused(self, *paths: str, left: int = 0, **settings: int | str) -> str:
        """Expect an error, nothing under the final name, and so many bytes kept for the next call."""
        with pytest.raises(CannotDownload) as error:
            self(*paths, **settings)  # pyright: ignore[reportArgumentType]
        assert not self.file.exists()
        kept = [f"{self.file.name}.partial", f"{self.file.name}.partial.json"] if left else []
        assert names(self.file.parent) == kept
        assert resumable_bytes(self.file, len(BODY), MD5) == left
        if left:
            assert part_of(self.file).read_bytes() == BODY[:left]
        return str(error.value)


@pytest.fixture
def attempt(server: FileServer, tmp_path: Path) -> Attempted:
    (tmp_path / "out").mkdir()
    return Attempted(server, tmp_path / "out" / "data.zip")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_arrives_whole_and_under_its_name_alone(attempt: Attempted, server: FileServer):
    assert attempt() == BODY
    assert attempt.shown[-1] == ("downloading (MB)", 2, 2)
    assert (attempt.pauses, attempt.told) == ([], [])
    assert server.asked[0][1]["User-Agent"].startswith("gastropath/")


def test_a_connection_cut_again_and_again_is_taken_up_at_the_last_byte(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(5), cut_after(400_000), cut_after(0), cut_after(1), nothing)
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, "bytes=5-", "bytes=400005-", "bytes=400005-", *["bytes=400006-"] * 2]
    assert [headers.get("If-Range") for _, headers in server.asked] == [None, *['"one"'] * 5]


def test_pauses_grow_and_begin_anew_with_every_byte_gained(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, *[nothing] * 4, cut_after(9), *[nothing] * 4)
    assert attempt() == BODY
    assert attempt.pauses == [1, 2, 4, 8, 1, 2, 4, 8, 16]
    assert "trying again in 8 s (4 of 5)" in attempt.told[3]


def test_a_server_that_sends_nothing_more_is_left_after_six_attempts_and_the_part_is_kept(
    attempt: Attempted, server: FileServer
):
    server.next_answers(PATH, cut_after(100))
    server.always[PATH] = nothing
    message = attempt.refused(left=100)
    assert len(server.asked) == 1 + 5  # the first got further, then five gave nothing: six failures with it
    assert "6 times in a row" in message
    assert "100 of 1,300,004 bytes are kept" in message


def test_a_later_call_asks_only_for_what_is_missing(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(700_000), sending(b"", 403))
    attempt.refused(left=700_000)
    server.asked.clear()
    assert attempt() == BODY
    assert server.ranges(PATH) == ["bytes=700000-"]
    assert attempt.shown[-1] == ("downloading (MB)", 2, 2)


def test_a_part_that_was_complete_when_the_process_died_is_verified_and_not_asked_for_again(
    attempt: Attempted, server: FileServer
):
    with PartialFile(attempt.file, len(BODY), MD5) as partial:
        partial.begin("")
        partial.add(BODY)
    assert attempt() == BODY
    assert server.asked == []


@pytest.mark.parametrize(
    "record", ["", "[]", "{", json.dumps({"md5": "0" * 32, "size": len(BODY)}), json.dumps({"md5": MD5, "size": 7})]
)
def test_a_part_of_another_version_or_of_nobody_knows_what_is_not_continued(
    attempt: Attempted, server: FileServer, record: str
):
    part_of(attempt.file).write_bytes(b"PK\x03\x04 something else")
    if record:
        part_of(attempt.file).with_name("data.zip.partial.json").write_text(record)
    assert attempt() == BODY
    assert server.ranges(PATH) == [None]


def test_a_part_longer_than_the_file_is_not_continued(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(100), sending(b"", 403))
    attempt.refused(left=100)
    part_of(attempt.file).write_bytes(BODY + b"more")
    server.asked.clear()
    assert attempt() == BODY
    assert server.ranges(PATH) == [None]


def test_a_server_that_ignores_range_is_read_from_the_start(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000))
    server.always[PATH] = whole
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, "bytes=300000-"]


def test_a_server_that_ignores_range_and_always_breaks_at_one_byte_is_not_asked_for_ever(
    attempt: Attempted, server: FileServer
):
    server.always[PATH] = whole_cut_after(300_000)
    attempt.refused(left=300_000)
    assert len(server.asked) == 6


def test_a_file_that_changed_meanwhile_is_read_from_the_start(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000))
    server.files[PATH] = b"PK\x03\x04" + bytes(len(BODY) - 4)

    def changed(to: Handler) -> None:
        server.files[PATH], server.etag = BODY, '"two"'
        honest(to)

    server.next_answers(PATH, changed)
    assert attempt() == BODY
    assert len(server.asked) == 2


def test_a_weak_etag_is_not_relied_on(attempt: Attempted, server: FileServer):
    server.etag = 'W/"one"'
    server.next_answers(PATH, cut_after(300_000))
    assert attempt() == BODY
    assert server.asked[1][1].get("If-Range") is None


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-1300003/1300004", "bytes 300001-1300003/1300004", "bytes */1300004", "kilometres 3-4/5", None],
)
def test_a_range_that_begins_elsewhere_is_not_appended(
    attempt: Attempted, server: FileServer, content_range: str | None
):
    server.next_answers(PATH, cut_after(300_000), sending(BODY[300_001:], 206, Content_Range=content_range))
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, "bytes=300000-", None]


def test_a_range_not_satisfiable_leads_back_to_the_start(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000), sending(b"", 416, Content_Range="bytes */7"))
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, "bytes=300000-", None]


def test_a_server_that_sends_less_than_the_range_is_asked_for_the_rest(attempt: Attempted, server: FileServer):
    piece = sending(BODY[100:200], 206, Content_Range=f"bytes 100-199/{len(BODY)}")
    server.next_answers(PATH, cut_after(100), piece)
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, "bytes=100-", "bytes=200-"]


def test_wrong_bytes_are_deleted_and_fetched_once_more(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, sending(BODY[:-1] + b"?"))
    assert attempt() == BODY
    assert server.ranges(PATH) == [None, None]
    assert "another MD5" in attempt.told[0]


def test_wrong_bytes_twice_are_an_error_and_nothing_is_kept(attempt: Attempted, server: FileServer):
    server.files[PATH] = BODY[:-1] + b"?"
    message = attempt.refused()
    assert MD5 in message
    assert hashlib.md5(server.files[PATH]).hexdigest() in message
    assert len(server.asked) == 2


def test_a_damaged_part_is_found_out_and_replaced(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000), sending(b"", 403))
    attempt.refused(left=300_000)
    part_of(attempt.file).write_bytes(bytes(300_000))
    assert attempt() == BODY


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_a_refusal_is_final_at_once(attempt: Attempted, server: FileServer, status: int):
    server.always[PATH] = sending(b"<p>no", status, Content_Type="text/html")
    assert f"({status} " in attempt.refused()
    assert (len(server.asked), attempt.pauses) == (1, [])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_trouble_passes(attempt: Attempted, server: FileServer, status: int):
    server.next_answers(PATH, sending(b"", status), cut_after(50), sending(b"", status))
    assert attempt() == BODY
    assert attempt.pauses == [1, 1, 2]


def test_a_trouble_that_stays_is_an_error(attempt: Attempted, server: FileServer):
    server.always[PATH] = sending(b"", 500)
    assert "500" in attempt.refused()
    assert len(server.asked) == 6


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_is_the_one_the_server_asks_for(attempt: Attempted, server: FileServer, status: int):
    at, until = "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:29:30 GMT"
    server.next_answers(PATH, sending(b"", status, Retry_After=77))

    def later(to: Handler) -> None:
        to.send_response_only(status)
        for name, value in (("Date", at), ("Retry-After", until), ("Content-Length", "0")):
            to.send_header(name, value)
        to.end_headers()

    server.next_answers(PATH, later)
    assert attempt() == BODY
    assert attempt.pauses == [77, 90]


def test_a_server_that_asks_for_hours_is_not_troubled_before(attempt: Attempted, server: FileServer):
    server.always[PATH] = sending(b"", 429, Retry_After=7200)
    assert "120 minutes" in attempt.refused()
    assert attempt.pauses == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "5"}, 5),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_understood_or_left_aside(headers: dict[str, str], seconds: float | None):
    message = Message()
    for name, value in headers.items():
        message[name] = value
    assert asked_pause_seconds(message) == seconds


PNG = b"\x89PNG" + bytes(len(BODY) - 4)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (html, "an HTML page"),
        (sending(b"<html>" + bytes(len(BODY) - 6), Content_Type="application/zip"), "expected a file that begins"),
        (sending(PNG), "expected a file that begins with"),
        (sending(BODY, Content_Type="text/html"), "an HTML page"),
        (sending(BODY, Content_Encoding="gzip"), "encoded (gzip)"),
        (sending(b"", 202, x_amzn_waf_action="challenge"), "202"),
        (sending(b'{"error": 1}', Content_Type="application/json"), "offers a file of 12 bytes"),
        (sending(BODY + b"more"), "offers a file of 1,300,008 bytes"),
        (sending(BODY + b"more", Content_Length=None), "sends more than the 1,300,004 bytes"),
    ],
)
def test_what_is_not_the_file_is_refused_in_words_and_not_kept(
    attempt: Attempted, server: FileServer, answer: Callable, says: str
):
    server.always[PATH] = answer
    assert says in attempt.refused()
    assert len(server.asked) == 1


def test_a_page_in_place_of_the_rest_does_not_cost_what_was_there(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000), html)
    assert "an HTML page" in attempt.refused(left=300_000)
    server.next_answers(PATH, sending(b"", 200, Content_Length=len(BODY)))
    assert attempt() == BODY
    assert server.ranges(PATH)[-2:] == ["bytes=300000-"] * 2


def test_bytes_beyond_the_end_are_found_out_after_a_resumption_too(attempt: Attempted, server: FileServer):
    where = f"bytes 100-{len(BODY) - 1}/{len(BODY)}"
    server.next_answers(
        PATH, cut_after(100), sending(BODY[100:] + b"more", 206, Content_Range=where, Content_Length=None)
    )
    assert "sends more than" in attempt.refused()


def test_a_file_without_announced_length_arrives_too(attempt: Attempted, server: FileServer):
    server.always[PATH] = sending(BODY, Content_Length=None)
    assert attempt() == BODY


def test_a_connection_on_which_nothing_comes_is_given_up_and_taken_up_again(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, stall_after(200_000))
    assert attempt(timeout_seconds=0.3) == BODY
    assert server.ranges(PATH) == [None, "bytes=200000-"]


def test_the_next_address_goes_on_where_one_refuses(attempt: Attempted, server: FileServer):
    server.next_answers(PATH, cut_after(300_000), sending(b"", 403))
    assert attempt(PATH, MIRROR) == BODY
    assert server.ranges(MIRROR) == ["bytes=300000-"]


def test_when_all_addresses_refuse_each_is_named(attempt: Attempted, server: FileServer):
    server.always = {PATH: sending(b"", 403), MIRROR: html}
    message = attempt.refused(PATH, MIRROR)
    assert f"{PATH}: the server refuses (403 Forbidden)" in message
    assert f"{MIRROR}: answers with an HTML page" in message


def test_redirects_are_followed_afresh_at_each_attempt_with_the_range(attempt: Attempted, server: FileServer):
    server.always[PATH] = redirecting(f"{server.address}{MIRROR}?Signature=secret")
    signed = f"{MIRROR}?Signature=secret"
    server.files[signed] = BODY
    server.next_answers(signed, cut_after(300_000))
    assert attempt() == BODY
    assert server.ranges(signed) == [None, "bytes=300000-"]
    assert server.ranges(PATH) == [None, "bytes=300000-"]


def test_a_signed_address_is_never_shown(attempt: Attempted, server: FileServer):
    server.always[PATH] = redirecting(f"{server.address}/none?Signature=secret")
    assert "secret" not in attempt.refused()


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/archive", "gopher://127.0.0.1/"])
def test_a_redirect_out_of_the_web_is_not_followed(attempt: Attempted, server: FileServer, target: str):
    server.always[PATH] = redirecting(target)
    message = attempt.refused()
    assert "is not allowed" in message or "not followed" in message  # Python's own word, and ours


def test_a_redirect_from_https_to_http_is_not_followed():
    request = urllib.request.Request("https://figshare.example/file")
    with pytest.raises(web.Refused, match=r"leads from https to http://elsewhere\.example/file, which is not followed"):
        web._SafeRedirects().redirect_request(
            request, io.BytesIO(), 302, "", HTTPMessage(), "http://elsewhere.example/file?key=1"
        )


def test_redirects_in_a_circle_are_an_error(attempt: Attempted, server: FileServer):
    server.always[PATH] = redirecting(server.address + PATH)
    assert "302" in attempt.refused()


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "archive.zip", ""])
def test_only_the_web_is_asked(tmp_path: Path, address: str):
    with pytest.raises(CannotDownload, match="expected an address that begins with https://"):
        download([address], tmp_path / "data.zip", size=10, md5=MD5)
    assert names(tmp_path) == []


def test_no_connection_at_all_is_an_error_after_six_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as gone:
        pass
    pauses: list[float] = []
    with pytest.raises(CannotDownload, match=r"127\.0\.0\.1:\d+: no connection"):
        download([gone.address], tmp_path / "data.zip", size=10, md5=MD5, sleep=pauses.append)
    assert pauses == [1, 2, 4, 8, 16]
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_keeps_what_has_come(attempt: Attempted, server: FileServer, error: type[BaseException]):
    server.next_answers(PATH, cut_after(300_000))

    def interrupted(_):
        raise error

    attempt.pauses = type("Interrupting", (list,), {"append": lambda *_: interrupted(None)})()
    with pytest.raises(error):
        attempt()
    assert resumable_bytes(attempt.file, len(BODY), MD5) == 300_000
    assert not attempt.file.exists()


def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(
    attempt: Attempted, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    add = PartialFile.add

    def full(self: PartialFile, chunk: bytes) -> None:
        if self.position:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, chunk[:1000])

    with monkeypatch.context() as patched:
        patched.setattr(PartialFile, "add", full)
        with pytest.raises(CannotWrite, match="the disk is full"):
            attempt()
    assert resumable_bytes(attempt.file, len(BODY), MD5) == 1000
    assert attempt() == BODY


def test_a_small_document_is_read_through_the_same_troubles(server: FileServer):
    server.files["/record"] = b'{"files": []}'
    server.next_answers("/record", sending(b"", 500), nothing, cut_after(3))
    assert read_document(f"{server.address}/record", sleep=lambda _: None) == {"files": []}


@pytest.mark.parametrize("answer", [html, sending(b"{"), sending(b"\xff\xfe"), sending(b"[" + b" " * 5_000_000 + b"]")])
def test_what_is_no_small_document_is_refused(server: FileServer, answer: Callable):
    server.always["/record"] = answer
    with pytest.raises(CannotDownload, match="expected a JSON document"):
        read_document(f"{server.address}/record", sleep=lambda _: None)
