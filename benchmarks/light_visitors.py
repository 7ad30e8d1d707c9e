"""Visitors without a browser, for ``visitors.py``: they speak Streamlit's protocol and take next to none of the cores.

A browser that draws a page takes more of a processor than the server that fills it, so where both share the cores,
Chromium is what is measured. These send what a browser sends (a WebSocket with widget states, files by ``PUT``), and
read what it reads.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from urllib.parse import urljoin, urlsplit

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

KEY = "tiles"
"""Of the page's place for files."""

_MOST_BYTES = 2**26
_PATIENCE_S = 120.0


class Session:
    """A page that is open, with the files that were chosen on it."""

    def __init__(self, url: str, stream: ClientConnection, browser: requests.Session) -> None:
        self._url, self._stream, self._browser = url, stream, browser
        self._numbers = itertools.count()
        self.id = self._script = self._place = ""
        self._files: list[UploadedFileInfo] = []

    @classmethod
    async def open(cls, url: str) -> Session:
        """Open the page, and wait until a file can be chosen."""
        browser = requests.Session()
        for path in ("", "_stcore/health", "_stcore/host-config"):
            await asyncio.to_thread(browser.get, urljoin(url, path), timeout=_PATIENCE_S)
        host = urlsplit(url).netloc
        stream = await connect(
            f"ws://{host}/_stcore/stream", origin=Origin(f"http://{host}"), subprotocols=[Subprotocol("streamlit")],
            max_size=_MOST_BYTES, open_timeout=_PATIENCE_S,
        )  # fmt: skip
        page = cls(url, stream, browser)
        await page._run()
        async for message in page._messages():
            if message.WhichOneof("type") == "new_session":
                page.id = message.new_session.initialize.session_id
                page._script = message.new_session.page_script_hash
            elif message.delta.new_element.file_uploader.id.endswith(KEY):
                page._place = message.delta.new_element.file_uploader.id
            elif message.WhichOneof("type") == "script_finished":
                break
        assert page.id, "the page did not begin"
        assert page._place, "the page has no place for files"
        return page

    async def choose(self, name: str, content: bytes, kind: str = "image/png") -> None:
        """Upload a file, and have the page answer it."""
        request = BackMsg()
        request.file_urls_request.request_id = str(next(self._numbers))
        request.file_urls_request.file_names.append(name)
        request.file_urls_request.session_id = self.id
        await self._stream.send(request.SerializeToString())
        urls = FileURLs()
        async for message in self._messages():
            if message.WhichOneof("type") == "file_urls_response":
                urls = message.file_urls_response.file_urls[0]
                break
        await asyncio.to_thread(self._put, urls.upload_url, name, content, kind)
        self._files.append(UploadedFileInfo(name=name, size=len(content), file_id=urls.file_id, file_urls=urls))
        await self._run()

    async def answer(self, name: str) -> str:
        """Wait for the card of a file, and return its HTML; the messages up to then are read."""
        async for message in self._messages():
            body = message.delta.new_element.html.body
            if "gp-answer" in body and name in body:
                return body
        raise ConnectionError("the page was closed")

    async def close(self) -> None:
        """Leave."""
        with suppress(Exception):
            await self._stream.close()

    def _put(self, address: str, name: str, content: bytes, kind: str) -> None:
        files = {"file": (name, content, kind)}
        token = {"X-Xsrftoken": self._browser.cookies.get("_streamlit_xsrf") or ""}
        address = urljoin(self._url, address)
        put = partial(self._browser.put, address, files=files, headers=token, timeout=_PATIENCE_S)
        try:
            answer = put()
        except requests.ConnectionError:  # it was kept, and closed meanwhile: a browser takes another
            answer = put()
        answer.raise_for_status()

    async def _run(self) -> None:
        request = BackMsg()
        request.rerun_script.page_script_hash = self._script
        if self._files:
            state = request.rerun_script.widget_states.widgets.add()
            state.id = self._place
            state.file_uploader_state_value.uploaded_file_info.extend(self._files)
        await self._stream.send(request.SerializeToString())

    async def _messages(self) -> AsyncIterator[ForwardMsg]:
        while True:
            data = await asyncio.wait_for(self._stream.recv(), _PATIENCE_S)
            yield ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
