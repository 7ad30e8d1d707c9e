"""Visitors who left: how long their sessions are kept, and that they make room for those who come.

Streamlit closes the sessions whose time is over when the next visitor leaves, which may be tomorrow; until then each
keeps memory, files and descriptors.
"""

from __future__ import annotations

import asyncio
import gc
import time

from streamlit.runtime import get_instance

from gastropath.app.limits import files_held

SECONDS = 60
"""Files of a visitor who left are forgotten after this time; one whose network failed is back before."""

_WITHOUT_FILES_SECONDS = 5  # nothing of theirs is lost
_MOST = 20  # sessions kept for visitors who may come back; of more, the first to leave are forgotten at once
_SWEEP_SECONDS = 2


class Absent:
    """Those who left, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    async def forget(self) -> None:
        """Close the sessions of those whose time is over, with their files, for as long as the server runs."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            since, files = self._look(), files_held()
            now, kept = time.monotonic(), {True: SECONDS, False: _WITHOUT_FILES_SECONDS}
            over = sorted(since, key=lambda session: (session not in files, -since[session]))[_MOST:]
            self._close([s for s, left in since.items() if now - left >= kept[s in files] or s in over])

    def make_room(self) -> None:
        """Close the sessions of those who left nothing behind, at once, because others wait for their descriptors."""
        files = files_held()
        self._close([session for session in self._look() if session not in files])

    def _look(self) -> dict[str, float]:
        """Return those who are absent, each with the moment at which that was first seen."""
        runtime = get_instance()
        known = [*files_held(), *(info.session.id for info in vars(runtime)["_session_mgr"].list_sessions())]
        absent = [session for session in dict.fromkeys(known) if not runtime.is_active_session(session)]
        self._since = {session: self._since.get(session, time.monotonic()) for session in absent}
        return self._since

    def _close(self, sessions: list[str]) -> None:
        runtime = get_instance()
        for session in sessions:
            runtime.close_session(session)
            runtime.uploaded_file_mgr.remove_session_files(session)
            del self._since[session]
        if sessions:
            gc.collect()  # sessions hold their pictures in circles of objects
