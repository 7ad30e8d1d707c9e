"""The server of the page: one way to start it, for ``gastropath app`` and for a Space."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import streamlit as st
import uvicorn
from starlette.middleware import Middleware

from gastropath.app.absent import Absent
from gastropath.app.examples import DRAWN
from gastropath.app.headers import SafeHeaders
from gastropath.app.house import FullHouse, PromptProtocol, descriptors, most_visitors
from gastropath.app.internals import check_internals
from gastropath.app.limits import MAX_FILE_MB, UploadLimits, keep_forms_in_memory
from gastropath.app.stream import MOST_BYTES, FairStream
from gastropath.bundle.files import open_bundle
from gastropath.errors import CannotListen

MODEL, EXAMPLES = "model", "examples"
"""Names under which the script finds both folders among Streamlit's secrets, which no browser gets to see."""

SETTINGS: dict[str, Any] = {
    "browser.gatherUsageStats": False,  # no telemetry
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    "runner.postScriptGC": False,  # 35 ms after every click; memory is freed without it
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxMessageSize": 20,  # MB to a browser in one message, an answer with its pictures
    "server.maxUploadSize": MAX_FILE_MB,
}

_OF_THE_PROCESS = 64  # descriptors: files, pipes, threads
_LEAST_CONNECTIONS = 32

_BACKLOG = 512  # connections that wait to be accepted


def parts(model: Path, examples: Path | None = None) -> dict[str, Any]:
    """Return what the page's ``streamlit.App`` is made of: ``App(**parts(model))``.

    The call itself stands where the server starts, because ``streamlit run`` looks for it in the text of the file.

    Parameters
    ----------
    model
        Folder of a bundle, or of a run.
    examples
        Folder of example tiles; by default those drawn by a computer.

    Raises
    ------
    BadBundle
        If the model cannot be opened; better now than on the first visitor's screen.
    UnsupportedVersion
        If Streamlit is of a version in which the page's limits would have no effect.
    """
    check_internals()
    folder = open_bundle(model).folder
    keep_forms_in_memory()
    _ask_nobody_for_the_address()
    absent = Absent()
    return {
        "script_path": Path(__file__).with_name("script.py"),
        "secrets": {MODEL: str(folder.resolve()), EXAMPLES: str((examples or DRAWN).resolve())},
        "middleware": [
            Middleware(SafeHeaders),
            Middleware(FullHouse, make_room=absent.make_room),
            Middleware(UploadLimits),
        ],
        "lifespan": partial(_lifespan, absent),
    }


def listen(address: str, port: int) -> socket.socket:
    """Take a port of this computer.

    Raises
    ------
    CannotListen
        If the address is not this computer's, or the port is taken.
    """
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    # The protocol is named because asyncio keeps small messages back, for 40 ms each, where it is not.
    listening = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # where it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise CannotListen(
            f"cannot listen on port {port} of {address} ({error.strerror or error})",
            remedy="choose another `port` or `address`",
        ) from None
    return listening


def serve(model: Path, listening: socket.socket, *, base_path: str | None = None, examples: Path | None = None) -> None:
    """Serve the page for a model until the process is interrupted or told to end.

    Parameters
    ----------
    model
        Folder of a bundle, or of a run.
    listening
        Where to listen; see :func:`listen`.
    base_path
        Path under which a reverse proxy shows the page, where the proxy passes that path on.
    examples
        See :func:`parts`.

    Raises
    ------
    BadBundle, UnsupportedVersion
        As :func:`parts`.
    """
    from streamlit.web.bootstrap import load_config_options

    address, port, *_ = listening.getsockname()
    settings = {**SETTINGS, "server.port": port, "server.address": address}
    if base_path is not None:
        settings["server.baseUrlPath"] = base_path
    app = st.App(**parts(model, examples))
    logging.getLogger("streamlit.config").addFilter(_is_no_advice_to_restart)
    load_config_options(settings)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws=FairStream,
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,  # pictures are compressed already
        timeout_graceful_shutdown=5,
        http=PromptProtocol,
        limit_concurrency=_connections(),
    )
    uvicorn.Server(config).run(sockets=[listening])


def _is_no_advice_to_restart(record: logging.LogRecord) -> bool:
    """Keep Streamlit from telling whoever starts the server that its settings need a restart: they are new."""
    return "please restart streamlit" not in record.getMessage()


def _connections() -> int:
    """Return how many connections and requests may be open at a time; what is over is answered 503."""
    allowed = descriptors()
    return max(_LEAST_CONNECTIONS, allowed - _OF_THE_PROCESS - most_visitors(allowed))


def _ask_nobody_for_the_address() -> None:
    """Keep Streamlit from asking a server elsewhere for this computer's public address.

    It does so for every request that comes from another site's page, to see whether the page may be its own, and all
    visitors wait meanwhile: up to two seconds where that server cannot be reached. There is no setting for it.
    """
    from streamlit import net_util

    net_util.get_external_ip = lambda: None


@asynccontextmanager
async def _lifespan(absent: Absent, app: st.App) -> AsyncIterator[None]:
    warming = asyncio.create_task(asyncio.to_thread(_warm))
    forgetting = asyncio.create_task(absent.forget())
    try:
        yield
    finally:
        forgetting.cancel()
        await warming


def _warm() -> None:
    """Import what the first answers need, while the first visitor's browser takes a second to show the page.

    None of it will ever be garbage, so the collector need not look through it again: that would stop all visitors for
    50 ms whenever somebody leaves.
    """
    for name in ("gastropath.app.page", "pandas", "pyarrow"):
        import_module(name)
    gc.collect()
    gc.freeze()
