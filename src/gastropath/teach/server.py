"""The server of the page: on this computer only, and for its user only.

It answers questions and keeps nothing of who asked. Bokeh draws the page in the browser, by the scripts that come in
its package. Bokeh's own server is not loaded: that takes several times as long as loading all of this, keeps a document
for each open page, and checks nothing of a request but where a WebSocket comes from.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from gastropath.errors import CannotListen, CannotReadRegion, GastroPathError, MissingExtra
from gastropath.parallel import cores
from gastropath.teach import telling
from gastropath.teach.atlas import Atlas
from gastropath.teach.gate import TOKEN, Gate

HOST = "127.0.0.1"

_PAGE = Path(__file__).with_name("page")
_SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_JSON, _BYTES, _JPEG, _PNG = "application/json", "application/octet-stream", "image/jpeg", "image/png"
_MOST_HEADER_BYTES, _MOST_BODY_BYTES = 16_384, 65_536
_NEWS_S, _LONGEST_WAIT_S = 0.02, 20.0

_FAULTS = {
    404: "there is nothing here",
    400: "this is no JSON",
    405: "nothing can be changed here",
    415: "only JSON is taken",
}

Answer = tuple[bytes, str]
"""Content and media type."""


@dataclass(frozen=True)
class Also:
    """What a page has beside what all pages of maps have.

    Attributes
    ----------
    asked
        Which path has which answer; may stand for one of :func:`routes`.
    told
        Which path takes what the page tells: JSON in a request's body, read but not checked yet.
    news
        Returns a number that changes whenever there is something to ask for; the page waits for that.
    """

    asked: Mapping[str, Callable[..., Answer | None]]
    told: Mapping[str, Callable[..., Answer]]
    news: Callable[[], int]


def serve(
    atlas: Atlas,
    port: int,
    on_ready: Callable[[str], object],
    *,
    token: str | None = None,
    also: Also | None = None,
    beside: Callable[[Callable[[], object]], object] | None = None,
) -> None:
    """Serve the page for maps until the process is interrupted.

    Parameters
    ----------
    atlas
        The maps.
    port
        To listen on; 0 for any that is free.
    on_ready
        Called with the page's address, token included, once it can be opened.
    token
        What the address must hold; by default drawn by chance.
    also
        What this page has beside others; without it nothing can be changed by it.
    beside
        Called once the page can be opened, with what ends the serving, which any thread may call.

    Raises
    ------
    CannotListen
        If the port is taken.
    MissingExtra
        If Bokeh is not installed.
    """
    _scripts()
    try:
        sockets = bind_sockets(port, HOST)
    except OSError as error:
        what = f"cannot listen on port {port} of {HOST} ({error.strerror or error})"
        raise CannotListen(what, remedy="choose another `port`") from None
    port = sockets[0].getsockname()[1]

    async def run() -> None:
        with ThreadPoolExecutor(cores() + 1) as threads:
            gate = Gate(_application(atlas, threads, also), port, token)
            most_body = _MOST_BODY_BYTES if also else 0
            server = HTTPServer(gate, max_header_size=_MOST_HEADER_BYTES, max_body_size=most_body)
            server.add_sockets(sockets)
            loop, end = asyncio.get_running_loop(), asyncio.Event()
            loop.run_in_executor(threads, _prepared, atlas)
            on_ready(f"http://{HOST}:{port}/?{TOKEN}={gate.token}")
            if beside:
                beside(lambda: loop.call_soon_threadsafe(end.set))
            try:
                await end.wait()
            finally:
                server.stop()

    asyncio.run(run())


def _prepared(atlas: Atlas) -> None:
    """Read the first map while the browser loads the page; what is wrong with it is told to who asks.

    Its slide is opened when the page asks for it, which it does once the map is seen.
    """
    try:
        telling.described(atlas[0])
    except (GastroPathError, IndexError):
        return


def routes(atlas: Atlas) -> Mapping[str, Callable[..., Answer | None]]:
    """Say which path has which answer. Numbers are checked where they are used; to a wrong one there is no answer."""
    number = r"(\d{1,9})"
    return {
        r"/": lambda: _file(_PAGE / "index.html"),
        r"/page/([a-z]+\.(?:css|js|svg))": lambda name: _file(_PAGE / name),
        r"/bokeh/([a-z-]+\.min\.js)": lambda name: _file(_scripts() / name) if name in _SCRIPTS else None,
        r"/maps": lambda: as_json(telling.contents(atlas)),
        rf"/maps/{number}": lambda n: as_json(telling.described(atlas[int(n)])),
        rf"/maps/{number}/answers": lambda n: (telling.arrays(atlas[int(n)]), _BYTES),
        rf"/maps/{number}/slide": lambda n: as_json(_slide(atlas, int(n))),
        rf"/maps/{number}/chunks/{number}/{number}/{number}": lambda n, z, x, y: atlas[int(n)].chunks.encoded(
            int(z), int(x), int(y)
        ),
        rf"/maps/{number}/tiles/{number}": lambda n, row: as_json(telling.tile(atlas[int(n)], int(row))),
        rf"/maps/{number}/tiles/{number}/picture": lambda n, row: (atlas[int(n)].closeups.picture(int(row)), _JPEG),
        rf"/maps/{number}/tiles/{number}/activation/{number}": lambda n, row, k: (
            _activation(atlas, int(n), int(row), int(k)),
            _PNG,
        ),
    }


def _application(atlas: Atlas, threads: ThreadPoolExecutor, also: Also | None) -> Application:
    asked = {**routes(atlas), **(also.asked if also else {})}
    handlers: list[Any] = [(path, _Answering, {"answer": answer, "threads": threads}) for path, answer in asked.items()]
    if also:
        handlers += [(path, _Taking, {"answer": take, "threads": threads}) for path, take in also.told.items()]
        handlers.append((r"/news/(\d{1,9})", _Waiting, {"answer": also.news, "threads": threads}))
    return Application(handlers, log_function=lambda handler: None)  # who asked for what is nobody's business


class _Speaking(RequestHandler):
    def initialize(self, answer: Callable[..., Any], threads: ThreadPoolExecutor) -> None:
        self._answer, self._threads = answer, threads

    async def _tell(self, *parts: object) -> None:
        """Answer on another thread, so that nobody waits for a picture but who asked for it."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, *parts)
        except IndexError:
            found = None
        except GastroPathError as error:
            self.set_status(422 if isinstance(error, CannotReadRegion) else 409)
            found = as_json({"error": " ".join(str(error).split())})
        if found is None:
            raise HTTPError(404)
        content, kind = found
        self.set_header("Content-Type", f"{kind}; charset=UTF-8" if kind.startswith("text/") else kind)
        self.finish(content)

    def compute_etag(self) -> str | None:
        """Compute none: nothing is kept by the browser."""
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say in a sentence what is wrong; a fault of ours is written in the terminal, not on the page."""
        told = _FAULTS.get(status_code, "this is a fault of GastroPath; the terminal shows where")
        self.set_header("Content-Type", _JSON)
        self.finish(json.dumps({"error": told}))


class _Answering(_Speaking):
    async def get(self, *parts: str) -> None:
        """Answer a question."""
        await self._tell(*parts)


class _Taking(_Speaking):
    async def post(self, *parts: str) -> None:
        """Take what the page tells; a form of another page cannot look like that."""
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _JSON:
            raise HTTPError(415)
        try:
            document = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise HTTPError(400) from None
        await self._tell(document, *parts)


class _Waiting(_Speaking):
    async def get(self, seen: str) -> None:
        """Answer when there is news that the page has not seen, or after a while."""
        loop = asyncio.get_running_loop()
        late = loop.time() + _LONGEST_WAIT_S
        while self._answer() == int(seen) and loop.time() < late and not self.request.connection.stream.closed():  # pyright: ignore
            await asyncio.sleep(_NEWS_S)
        self.set_header("Content-Type", _JSON)
        self.finish(json.dumps({"news": self._answer()}))


def _slide(atlas: Atlas, number: int) -> dict[str, Any]:
    opened = atlas[number].opened
    return {"there": opened.slide is not None, "told": opened.told}


def _activation(atlas: Atlas, number: int, row: int, place: int) -> bytes:
    sheet = atlas[number]
    return sheet.closeups.activation(row, sheet.map.classes[place], sheet.classifier)


def as_json(document: object) -> Answer:
    """Return a document as an answer."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"), _JSON


def _file(path: Path) -> Answer | None:
    return (path.read_bytes(), _TYPES[path.suffix]) if path.is_file() else None


def _scripts() -> Path:
    """Return the folder of Bokeh's scripts; Bokeh itself is not loaded.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    found = find_spec("bokeh")
    if found is None or found.origin is None:
        raise MissingExtra("the page of maps", "view", "bokeh")
    return Path(found.origin).parent / "server" / "static" / "js"
