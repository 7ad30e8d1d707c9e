"""The limits on uploads, without a browser: forms go through the middleware to a handler like Streamlit's."""

import asyncio
import threading
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from gastropath.app import absent, limits
from gastropath.app.limits import UploadLimits, in_turn, keep_forms_in_memory, not_taken

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"


class Visitors:
    """A runtime with the file manager that Streamlit uses, and sessions that are there or not."""

    def __init__(self) -> None:
        self.uploaded_file_mgr = MemoryUploadedFileManager("/_stcore/upload_file")
        self.present: set[str] = set()
        self.closed: list[str] = []
        self.stored: list[str] = []
        self._session_mgr = self

    def is_active_session(self, session: str) -> bool:
        return session in self.present

    def list_sessions(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(session=SimpleNamespace(id=session)) for session in self.stored]

    def close_session(self, session: str) -> None:
        self.closed.append(session)

    def hold(self, session: str, name: str, data: bytes) -> None:
        record = UploadedFileRec(file_id=name, name=name, type="image/png", data=data)
        self.uploaded_file_mgr.add_file(session, record)

    def contents(self, session: str) -> dict[str, bytes]:
        return {file.name: file.data for file in self.uploaded_file_mgr.file_storage.get(session, {}).values()}


@pytest.fixture
def visitors(monkeypatch):
    visitors = Visitors()
    monkeypatch.setattr(limits, "get_instance", lambda: visitors)
    monkeypatch.setattr(absent, "get_instance", lambda: visitors)
    return visitors


@pytest.fixture
def server(visitors, monkeypatch):
    """The middleware before a handler that takes the one file of a form, as Streamlit's does."""
    monkeypatch.setattr(limits, "MAX_VISITOR_BYTES", 100_000)
    monkeypatch.setattr(limits, "MAX_ALL_BYTES", 250_000)
    visitors.present = set("abcd0123456789")

    async def take(request: Request) -> Response:
        form = await request.form()
        (upload,) = (value for value in form.values() if isinstance(value, UploadFile))
        visitors.hold(request.path_params["session"], upload.filename or "", await upload.read())
        return Response(status_code=204)

    routes = [Route("/_stcore/upload_file/{session}/{file}", take, methods=["PUT"])]
    return UploadLimits(Starlette(routes=routes))


def form(name: str, data: bytes) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}"'.encode()
    return b"\r\n".join(
        [b"--" + BOUNDARY, disposition, b"Content-Type: image/png", b"", data, b"--" + BOUNDARY + b"--", b""]
    )


async def put(server, session: str, body: bytes, *, announced: int | None = None, chunk: int = 7_000) -> int:
    """Send a form in chunks; return the status. Without ``announced`` its length is not told."""
    headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
    if announced is not None:
        headers.append((b"content-length", str(announced).encode()))
    path = f"/_stcore/upload_file/{session}/{len(body)}"
    scope = {"type": "http", "method": "PUT", "path": path, "headers": headers, "query_string": b""}
    chunks = [body[i : i + chunk] for i in range(0, len(body), chunk)]
    messages = [
        {"type": "http.request", "body": part, "more_body": i < len(chunks) - 1} for i, part in enumerate(chunks)
    ]
    answers = []

    async def receive():
        await asyncio.sleep(0)
        return messages.pop(0)

    async def send(message):
        answers.append(message)

    await server(scope, receive, send)
    assert messages == [], "what a browser sends must be read, or it never sees the answer"
    return answers[0]["status"]


def upload(server, session: str, *files: tuple[str, bytes], **options) -> list[int]:
    async def all_at_once() -> Sequence[int]:
        bodies = [form(name, data) for name, data in files]
        return await asyncio.gather(*(put(server, session, body, announced=len(body), **options) for body in bodies))

    return list(asyncio.run(all_at_once()))


def test_a_file_within_the_limits_arrives_unchanged(server, visitors):
    data = bytes(range(256)) * 300
    assert upload(server, "a", ("tile.png", data)) == [204]
    assert visitors.contents("a") == {"tile.png": data}


@pytest.mark.parametrize("chunk", [1, 3, 50, 7_000, 10**6])
def test_one_file_too_many_is_replaced_by_the_reason_and_keeps_its_name(server, visitors, chunk):
    visitors.hold("a", "first.png", bytes(95_000))
    assert upload(server, "a", ('"><script>.png'.replace('"', "%22"), bytes(9_000)), chunk=chunk) == [204]
    contents = visitors.contents("a")
    reason = not_taken(contents["%22><script>.png"])
    assert reason is not None
    assert "not taken" in reason
    assert "Remove some" in reason
    assert len(contents["first.png"]) == 95_000


def test_files_that_arrive_at_the_same_time_count_before_they_are_there(server, visitors):
    files = [(f"{i}.png", bytes(40_000)) for i in range(3)]
    assert upload(server, "a", *files) == [204] * 3
    taken = [data for data in visitors.contents("a").values() if not_taken(data) is None]
    assert len(taken) == 2
    assert upload(server, "a", ("small.png", bytes(10_000))) == [204]
    assert not_taken(visitors.contents("a")["small.png"]) is None, "what arrived is no longer counted twice"


def test_all_visitors_together_are_limited_and_the_next_is_told_to_come_back(server, visitors):
    for session in "abc":
        upload(server, session, ("one.png", bytes(80_000)))
    upload(server, "d", ("two.png", bytes(20_000)))
    assert "Try again" in (not_taken(visitors.contents("d")["two.png"]) or "")
    visitors.uploaded_file_mgr.remove_session_files("a")
    upload(server, "d", ("three.png", bytes(20_000)))
    assert visitors.contents("d")["three.png"] == bytes(20_000)


def test_an_upload_that_does_not_say_how_long_it_is_counts_as_it_comes(server, visitors):
    assert asyncio.run(put(server, "a", form("tile.png", b"short"))) == 204
    assert visitors.contents("a")["tile.png"] == b"short"
    assert asyncio.run(put(server, "a", form("long.png", bytes(150_000)))) == 204
    assert not_taken(visitors.contents("a")["long.png"])


def test_what_is_announced_and_never_sent_takes_no_room(server, visitors):
    """Ten visitors promise all there is and send nothing, while another uploads."""

    async def promised(session: str) -> None:
        headers = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"90000")]
        path = f"/_stcore/upload_file/{session}/1"
        scope = {"type": "http", "method": "PUT", "path": path, "headers": headers, "query_string": b""}
        await server(scope, asyncio.Event().wait, None)

    async def all_of_it() -> int:
        promises = [asyncio.create_task(promised(f"{i}")) for i in range(10)]
        await asyncio.sleep(0)
        body = form("tile.png", bytes(90_000))
        status = await put(server, "a", body, announced=len(body))
        for promise in promises:
            promise.cancel()
        return status

    assert asyncio.run(all_of_it()) == 204
    assert visitors.contents("a")["tile.png"] == bytes(90_000)


def refused_unread(server, session: str, **headers: str) -> int:
    """Announce an upload, and return the status; fails where anything of it is read, or the connection is kept."""
    answers = []

    async def send(message):
        answers.append(message)

    async def receive():
        pytest.fail("the body was read")

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{session}/4", "headers": named}
    asyncio.run(server(scope, receive, send))
    assert (b"connection", b"close") in answers[0]["headers"]
    return answers[0]["status"]


def test_very_many_files_are_refused_however_small(server, visitors, monkeypatch):
    monkeypatch.setattr(limits, "MAX_VISITOR_FILES", 3)
    for i in range(3):
        visitors.hold("a", f"{i}.png", b"")
    assert refused_unread(server, "a") == 429


def test_a_file_that_is_announced_too_large_is_refused_unread(server):
    assert refused_unread(server, "a", content_length=str((limits.MAX_FILE_MB + 2) * 2**20)) == 413


def test_whoever_has_no_page_open_takes_no_room(server):
    assert refused_unread(server, "nobody") == 400


def test_a_file_that_turns_out_too_large_is_read_no_further(server, visitors):
    part, sent, answers = bytes(2**20), [], []
    scope = {"type": "http", "method": "PUT", "path": "/_stcore/upload_file/a/4", "headers": []}

    async def send(message):
        answers.append(message)

    async def receive():
        sent.append(len(part))
        return {"type": "http.request", "body": part, "more_body": True}

    asyncio.run(server(scope, receive, send))
    assert answers[0]["status"] == 413
    assert sum(sent) < (limits.MAX_FILE_MB + 3) * 2**20
    assert visitors.contents("a") == {}


@pytest.mark.parametrize("bound", ["_UPLOAD_SECONDS", "_SILENT_SECONDS"])
def test_an_upload_that_never_ends_is_given_up_and_its_place_is_free_again(server, visitors, monkeypatch, bound):
    monkeypatch.setattr(limits, bound, 0.01)

    async def never():
        await asyncio.sleep(3600)

    async def attempt() -> int:
        headers = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"90000")]
        path = "/_stcore/upload_file/a/1"
        scope = {"type": "http", "method": "PUT", "path": path, "headers": headers, "query_string": b""}
        answers = []

        async def send(message):
            answers.append(message)

        await server(scope, never, send)
        return answers[0]["status"]

    assert asyncio.run(attempt()) == 408
    monkeypatch.setattr(limits, bound, 60)
    upload(server, "a", ("tile.png", bytes(90_000)))
    assert visitors.contents("a")["tile.png"] == bytes(90_000)


def test_a_broken_form_is_passed_on_and_refused_there_not_here(server, visitors):
    visitors.hold("a", "first.png", bytes(99_000))
    body = b"no form at all" * 5_000
    assert asyncio.run(put(server, "a", body, announced=len(body))) == 400
    assert list(visitors.contents("a")) == ["first.png"]


def test_other_requests_pass_untouched(visitors):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    async def receive():
        pytest.fail("another request was read")

    async def send(message):
        pytest.fail("another request was answered")

    for scope in (
        {"type": "lifespan"},
        {"type": "websocket", "path": "/_stcore/stream"},
        {"type": "http", "method": "DELETE", "path": "/_stcore/upload_file/a/1"},
        {"type": "http", "method": "PUT", "path": "/_stcore/upload_file/a"},
        {"type": "http", "method": "GET", "path": "/"},
    ):
        asyncio.run(UploadLimits(app)(scope, receive, send))
        assert seen.pop() == (scope, receive, send)


def test_no_part_of_a_form_goes_to_the_disk(monkeypatch):
    """Fails where Starlette no longer heeds the one attribute that keeps uploads in memory."""
    monkeypatch.setattr(MultiPartParser, "spool_max_size", MultiPartParser.spool_max_size)

    async def body(size: int):
        yield form("tile.png", bytes(size))

    def on_disk(size: int) -> bool:
        headers = Headers({"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"})
        (_, upload), *_ = asyncio.run(MultiPartParser(headers, body(size)).parse()).multi_items()
        assert isinstance(upload, UploadFile)
        rolled = vars(upload.file)["_rolled"]
        upload.file.close()
        return rolled

    assert on_disk(5_000_000), "the parser no longer writes to disk by default: nothing needs to be set"
    keep_forms_in_memory()
    assert not on_disk(5_000_000)
    assert not on_disk(limits.MAX_FILE_MB * 2**20)


def test_files_of_a_visitor_who_left_are_forgotten_and_those_of_one_who_came_back_are_not(visitors, monkeypatch):
    monkeypatch.setattr(absent, "_SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(absent, "SECONDS", 0.2)
    for session in ("here", "away for a moment", "gone"):
        visitors.hold(session, "tile.png", b"tile")
    visitors.present = {"here"}

    async def some_time() -> None:
        sweeping = asyncio.create_task(absent.Absent().forget())
        await asyncio.sleep(0.1)
        assert set(visitors.uploaded_file_mgr.file_storage) == {"here", "away for a moment", "gone"}
        visitors.present.add("away for a moment")
        while "gone" in visitors.uploaded_file_mgr.file_storage:
            await asyncio.sleep(0.01)
        sweeping.cancel()

    asyncio.run(asyncio.wait_for(some_time(), 60))
    assert visitors.closed == ["gone"]
    assert set(visitors.uploaded_file_mgr.file_storage) == {"here", "away for a moment"}


def test_sessions_that_left_are_closed_within_seconds_and_very_many_at_once(visitors, monkeypatch):
    monkeypatch.setattr(absent, "_SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(absent, "_WITHOUT_FILES_SECONDS", 0.1)
    monkeypatch.setattr(absent, "_MOST", 3)
    visitors.present = {"here"}
    visitors.stored = ["here", "left"]
    for session in "abcd":
        visitors.hold(session, "tile.png", b"tile")

    async def some_time() -> None:
        sweeping = asyncio.create_task(absent.Absent().forget())
        while "left" not in visitors.closed:
            await asyncio.sleep(0.01)
        sweeping.cancel()

    asyncio.run(asyncio.wait_for(some_time(), 60))
    assert "here" not in visitors.closed
    assert len(set(visitors.uploaded_file_mgr.file_storage)) == 3


def test_those_who_left_no_files_make_room_at_once(visitors):
    visitors.present = {"here"}
    visitors.stored = ["here", "left", "left files"]
    visitors.hold("left files", "tile.png", b"tile")
    absent.Absent().make_room()
    assert visitors.closed == ["left"]


def test_pictures_are_decoded_one_at_a_time():
    inside, most = 0, 0

    @in_turn
    def decode(seconds: float) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(seconds)
        inside -= 1

    threads = [threading.Thread(target=decode, args=(0.01,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_note_is_told_from_a_picture():
    assert not_taken(b"\x89PNG\r\n\x1a\n") is None
    assert not_taken(b"") is None
