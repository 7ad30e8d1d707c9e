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
_MOST_HEADER_BYTES = 16_384

Answer = tuple[bytes, str]
"""Content and media type."""


def serve(atlas: Atlas, port: int, on_ready: Callable[[str], object], *, token: str | None = None) -> None:
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
            gate = Gate(_application(atlas, threads), port, token)
            server = HTTPServer(gate, max_header_size=_MOST_HEADER_BYTES, max_body_size=0)
            server.add_sockets(sockets)
            asyncio.get_running_loop().run_in_executor(threads, _prepared, atlas)
            on_ready(f"http://{HOST}:{port}/?{TOKEN}={gate.token}")
            try:
                await asyncio.Event().wait()
            finally:
                server.stop()

    asyncio.run(run())


def _prepared(atlas: Atlas) -> None:
    """Read the first map while the browser loads the page; what is wrong with it is told to who asks.

    Its slide is opened when the page asks for it, which it does once the map is seen.
    """
    try:
        telling.described(atlas[0])
    except GastroPathError:
        return


def routes(atlas: Atlas) -> Mapping[str, Callable[..., Answer | None]]:
    """Say which path has which answer. Numbers are checked where they are used; to a wrong one there is no answer."""
    number = r"(\d{1,9})"
    return {
        r"/": lambda: _file(_PAGE / "index.html"),
        r"/page/([a-z]+\.(?:css|js|svg))": lambda name: _file(_PAGE / name),
        r"/bokeh/([a-z-]+\.min\.js)": lambda name: _file(_scripts() / name) if name in _SCRIPTS else None,
        r"/maps": lambda: _json(telling.contents(atlas)),
        rf"/maps/{number}": lambda n: _json(telling.described(atlas[int(n)])),
        rf"/maps/{number}/answers": lambda n: (telling.arrays(atlas[int(n)]), _BYTES),
        rf"/maps/{number}/slide": lambda n: _json(_slide(atlas, int(n))),
        rf"/maps/{number}/chunks/{number}/{number}/{number}": lambda n, z, x, y: atlas[int(n)].chunks.encoded(
            int(z), int(x), int(y)
        ),
        rf"/maps/{number}/tiles/{number}": lambda n, row: _json(telling.tile(atlas[int(n)], int(row))),
        rf"/maps/{number}/tiles/{number}/picture": lambda n, row: (atlas[int(n)].closeups.picture(int(row)), _JPEG),
        rf"/maps/{number}/tiles/{number}/activation/{number}": lambda n, row, k: (
            _activation(atlas, int(n), int(row), int(k)),
            _PNG,
        ),
    }


def _application(atlas: Atlas, threads: ThreadPoolExecutor) -> Application:
    handlers = [(path, _Answering, {"answer": answer, "threads": threads}) for path, answer in routes(atlas).items()]
    return Application(handlers, log_function=lambda handler: None)  # who asked for what is nobody's business


class _Answering(RequestHandler):
    def initialize(self, answer: Callable[..., Answer | None], threads: ThreadPoolExecutor) -> None:
        self._answer, self._threads = answer, threads

    async def get(self, *parts: str) -> None:
        """Answer on another thread, so that nobody waits for a picture but who asked for it."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, *parts)
        except IndexError:
            found = None
        except GastroPathError as error:
            self.set_status(422 if isinstance(error, CannotReadRegion) else 409)
            found = _json({"error": str(error)})
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
        told = (
            "there is nothing here" if status_code == 404 else "this is a fault of GastroPath; the terminal shows where"
        )
        self.set_header("Content-Type", _JSON)
        self.finish(json.dumps({"error": told}))


def _slide(atlas: Atlas, number: int) -> dict[str, Any]:
    opened = atlas[number].opened
    return {"there": opened.slide is not None, "told": opened.told}


def _activation(atlas: Atlas, number: int, row: int, place: int) -> bytes:
    sheet = atlas[number]
    return sheet.closeups.activation(row, sheet.map.classes[place], sheet.classifier)


def _json(document: object) -> Answer:
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
