"""What the page relies on inside Streamlit, Starlette and uvicorn, because none has a setting for it.

Each is checked before anything is served: a limit on uploads that has lost its effect is worse than no page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.metadata import version
from typing import Any

from gastropath.errors import UnsupportedVersion

TESTED = "1.67"
"""The version of Streamlit that all of this was tested with; the bound of the extra ``app``."""

UPLOAD_PATH = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/[^/]+$")
"""Where a browser sends a file to."""


def check_internals() -> None:
    """Check that everything of :data:`INTERNALS` is where the page's limits and headers look for it.

    Raises
    ------
    UnsupportedVersion
        Names the first that has moved, and the versions expected and found.
    """
    for name, is_there in INTERNALS.items():
        try:
            holds = is_there()
        except Exception:  # whatever another version does
            holds = False
        if not holds:
            raise UnsupportedVersion(
                f"expected Streamlit {TESTED}, found {version('streamlit')} with Starlette {version('starlette')}, in "
                f"which {name} has moved: the page would lose its limits",
                remedy="install the version of Streamlit that GastroPath's extra 'app' asks for",
            )


def inline_scripts() -> list[str]:
    """Return the scripts inside Streamlit's page, whose text a browser checks before it runs them."""
    return re.findall(r"<script>(.*?)</script>", _page(), re.DOTALL)


def _page() -> str:
    return (resources.files("streamlit") / "static" / "index.html").read_text("utf-8")


def _finds_all_scripts() -> bool:
    inline = [attributes for attributes in re.findall(r"<script\b([^>]*)>", _page()) if "src=" not in attributes]
    return len(inline) == len(inline_scripts())


def _asks_for_the_address() -> bool:
    from streamlit import net_util
    from streamlit.web.server import server_util

    return callable(net_util.get_external_ip) and vars(server_util)["net_util"] is net_util


def _has_spool_size() -> bool:
    from starlette.formparsers import MultiPartParser

    return isinstance(vars(MultiPartParser)["spool_max_size"], int)


def _stores_files_in_memory() -> bool:
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

    manager = MemoryUploadedFileManager("/endpoint")
    manager.add_file("session", UploadedFileRec("id", "name", "type", b"data"))
    return [[file.data for file in files.values()] for files in manager.file_storage.values()] == [[b"data"]]


def _forgets_sessions() -> bool:
    from streamlit.runtime import Runtime
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    of_runtime = ("is_active_session", "close_session", "uploaded_file_mgr")
    return all(hasattr(Runtime, name) for name in of_runtime) and hasattr(
        MemoryUploadedFileManager, "remove_session_files"
    )


def _lists_sessions() -> bool:
    import inspect

    from streamlit.runtime import Runtime
    from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

    named = "self._session_mgr" in inspect.getsource(Runtime.__init__)
    return named and "list_sessions" in vars(WebsocketSessionManager)


def _takes_uploads_at_the_path() -> bool:
    from streamlit.web.server.starlette import starlette_routes

    nobody: Any = None  # the routes are only looked at
    routes: list[Any] = list(starlette_routes.create_upload_routes(nobody, nobody, None))
    paths = [route.path for route in routes if "PUT" in route.methods]
    return paths != [] and all(UPLOAD_PATH.fullmatch(path) for path in paths)


def _streams_in_parts() -> bool:
    """Tell whether uvicorn's protocols keep their state where ours look for it."""
    import inspect

    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    from websockets.streams import StreamReader

    of_stream, of_http = inspect.getsource(WebSocketsSansIOProtocol), inspect.getsource(H11Protocol)
    states = ("frames", "read_paused", "writable", "disconnected", "conn", "handshake_initiated")
    methods = ("connection_made", "data_received", "on_response_complete", "connection_lost")
    return (
        all(f"self.{state}" in of_stream for state in states)
        and all(name in vars(WebSocketsSansIOProtocol) for name in ("data_received", "resume_writing", "receive"))
        and all(name in vars(H11Protocol) for name in methods)
        and "self.cycle" in of_http
        and hasattr(StreamReader(), "buffer")
    )


def _reads_settings() -> bool:
    from streamlit.web.bootstrap import load_config_options

    return callable(load_config_options)


INTERNALS: Mapping[str, Callable[[], bool]] = {
    "streamlit.net_util.get_external_ip": _asks_for_the_address,
    "starlette.formparsers.MultiPartParser.spool_max_size": _has_spool_size,
    "MemoryUploadedFileManager.file_storage": _stores_files_in_memory,
    "Runtime.close_session": _forgets_sessions,
    "Runtime._session_mgr": _lists_sessions,
    "/_stcore/upload_file": _takes_uploads_at_the_path,
    "uvicorn.protocols": _streams_in_parts,
    "an inline script of static/index.html": _finds_all_scripts,
    "streamlit.web.bootstrap.load_config_options": _reads_settings,
}
"""Name of each, and whether it is there."""
